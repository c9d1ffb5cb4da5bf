/** The documents and their fenced blocks. What a block's tag means is written in CONTRIBUTING.md. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './source-tree.ts'

/** A fenced block: ` ```yaml config ` is `yaml` with the tag `config`. */
export interface Block {
  readonly document: string
  /** Line of the opening fence, from 1. */
  readonly line: number
  readonly language: string
  readonly tag: string
  readonly text: string
}

/** One command of a `console` block with the output that it shows, in which `…` stands for anything. */
export interface Command {
  readonly line: string
  /** Ends in `&`: it goes on while the next ones run. */
  readonly background: boolean
  readonly expected: string
}

/** Paths of all documents, from the checkout. */
export function listDocuments(): readonly string[] {
  return globSync(['*.md', 'deploy/*.md', 'docs/**/*.md', 'examples/**/*.md'], { cwd: ROOT }).sort()
}

/** The text of a document. */
export function readDocument(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8')
}

/** The fenced blocks of a document, in order. */
export function readBlocks(document: string, text: string = readDocument(document)): readonly Block[] {
  const blocks: Block[] = []
  for (const match of text.matchAll(/^```([a-z]*)(?: ([a-z]+))?\n([\s\S]*?)^```$/gm)) {
    const line = text.slice(0, match.index).split('\n').length
    blocks.push({ document, line, language: match[1] ?? '', tag: match[2] ?? '', text: match[3] ?? '' })
  }
  return blocks
}

/** The commands of a `console` block. */
export function readCommands(text: string): readonly Command[] {
  const commands: { line: string; background: boolean; expected: string }[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    const last = commands.at(-1)
    if (line.startsWith('$ ')) {
      const background = line.endsWith(' &')
      commands.push({ line: line.slice(2).replace(/ &$/, ''), background, expected: '' })
    } else if (last !== undefined) last.expected += `${line}\n`
  }
  return commands
}

/** Matches the whole of an output; a line that is `…` alone stands for any number of lines. */
export function outputPattern(expected: string): RegExp {
  const lines = expected.split('\n').map(line => {
    if (line.trim() === '…') return '[^]*?'
    return line.split('…').map(RegExp.escape).join('.*?')
  })
  return new RegExp(`^${lines.join('\\n').replaceAll('[^]*?\\n', '(?:[^\\n]*\\n)*?')}$`)
}
