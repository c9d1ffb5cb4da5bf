/**
 * Manifests in YAML. Documents in plain block style are read by the fast reader of `block-yaml.ts`, all others and
 * every message by the `yaml` library, under the rules of kubectl's parser (sigs.k8s.io/yaml: YAML 1.1 booleans, octal
 * numbers and merge keys; no timestamps and no base-60 numbers).
 */
import {
  type Document,
  type DocumentOptions,
  isMap,
  isNode,
  isSeq,
  LineCounter,
  type ParseOptions,
  parseAllDocuments,
  parseDocument,
  type SchemaOptions,
  type Tags,
} from 'yaml'
import { type BlockDocument, readBlockYaml } from './block-yaml.ts'
import { countLines, type ManifestDocument, type ManifestPart, ManifestSyntaxError } from './document.ts'
import { offsetOf } from './field-offset.ts'

/** Tags of the library's YAML 1.1 schema that kubectl's parser has as well. Its numbers are others; see below. */
const SHARED_TAGS = ['map', 'seq', 'str', 'null', 'bool', 'merge'].map(name => `tag:yaml.org,2002:${name}`)

/** Numbers as Go's strconv reads them, with `_` between digits; text like `e3` or `.` is no number. */
const NUMBER_TAGS: Tags = [
  {
    tag: 'tag:yaml.org,2002:int',
    default: true,
    test: /^[-+]?0o?[0-7_]*[0-7]$/,
    resolve: (text: string) => integer(text, 8),
  },
  { tag: 'tag:yaml.org,2002:int', default: true, test: /^[-+]?0b[01_]+$/, resolve: (text: string) => integer(text, 2) },
  {
    tag: 'tag:yaml.org,2002:int',
    default: true,
    test: /^[-+]?0x[0-9a-fA-F_]+$/,
    resolve: (text: string) => integer(text, 16),
  },
  {
    tag: 'tag:yaml.org,2002:float',
    default: true,
    test: /^[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?$/,
    resolve: (text: string) => Number(text.replaceAll('_', '')),
  },
  {
    tag: 'tag:yaml.org,2002:float',
    default: true,
    test: /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/,
    resolve: (text: string) => (/nan/i.test(text) ? Number.NaN : Number(`${text.startsWith('-') ? '-' : ''}Infinity`)),
  },
]

/** Bounds what a few lines of aliases can blow up to. */
const MOST_ALIASES = 1_000

const BYTE_ORDER_MARK = 0xfeff
const BARE_MARKER = /^(---|\.\.\.)\s*(#.*)?\n?$/

const OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  schema: 'yaml-1.1',
  customTags: (tags: Tags): Tags =>
    tags.filter(tag => typeof tag !== 'string' && SHARED_TAGS.includes(tag.tag)).concat(NUMBER_TAGS),
  resolveKnownTags: false,
  uniqueKeys: true,
  prettyErrors: false,
  logLevel: 'silent',
}

/** One document between its markers: where its text starts and ends. */
interface Section {
  readonly start: number
  readonly end: number
  readonly line: number
}

/** Cuts a YAML text into its documents. Throws {@link ManifestSyntaxError}. */
export function cutYaml(source: string): ManifestPart[] {
  const text = source.includes('\r\n') ? source.replaceAll('\r\n', '\n') : source
  if (text.startsWith('%') || text.includes('\n%')) return cutStream(text)
  const isPlain = !text.includes('\r')
  return sectionsOf(text).map(section => ({
    text: text.slice(section.start, section.end),
    line: section.line,
    read: () => nonEmpty(readSection(text, section, isPlain)),
  }))
}

/** Reads every document of a YAML text; empty documents are passed over. Throws {@link ManifestSyntaxError}. */
export function readYaml(source: string): ManifestDocument[] {
  return cutYaml(source).flatMap(part => part.read() ?? [])
}

/** Parses text that is one document with the library. */
function parseText(text: string, line: number): ManifestDocument {
  const lineCounter = new LineCounter()
  return fromLibrary(parseDocument(text, { ...OPTIONS, lineCounter }), lineCounter, line)
}

/**
 * The line of a field in a text that is YAML or JSON, or a part of it that makes sense alone.
 *
 * @param line the line number of the text's first line
 */
export function locateInText(text: string, line: number, path: string): number {
  const lineCounter = new LineCounter()
  const document = parseDocument(text, { ...OPTIONS, lineCounter })
  return line + lineCounter.linePos(offsetOf(document.contents, path)).line - 1
}

/** Directives (`%YAML 1.1`) concern the documents behind them: the library reads the whole text. */
function cutStream(text: string): ManifestPart[] {
  const lineCounter = new LineCounter()
  const parsed = parseAllDocuments(text, { ...OPTIONS, lineCounter })
  if ('empty' in parsed) return []
  return parsed.map(document => ({
    text: null,
    line: 1,
    read: () => nonEmpty(fromLibrary(document, lineCounter, 1)),
  }))
}

function readSection(text: string, section: Section, isPlain: boolean): ManifestDocument {
  const { start, end, line } = section
  const block = isPlain ? readBlockYaml(text, start, end, line) : null
  if (block === null) return parseText(text.slice(start, end), line)
  const locate = (path: string): number => locateInBlock(text, section, block, path)
  return { value: block.value, line: block.line, itemLines: block.itemLines, locate }
}

function nonEmpty(document: ManifestDocument): ManifestDocument | null {
  return document.value === null ? null : document
}

/** The library reads the one item that is meant, for a list may be very long. */
function locateInBlock(text: string, { start, end, line }: Section, block: BlockDocument, path: string): number {
  const match = /^items\[(\d+)\]/.exec(path)
  const index = Number(match?.[1])
  const first = block.itemLines?.[index]
  if (match === null || first === undefined) return locateInText(text.slice(start, end), line, path)
  const from = offsetOfLine(text, start, first - line)
  const behind = block.itemLines?.[index + 1]
  const to = behind === undefined ? end : offsetOfLine(text, from, behind - first)
  return locateInText(text.slice(from, to), first, `[0]${path.slice(match[0].length)}`)
}

function offsetOfLine(text: string, from: number, lines: number): number {
  let offset = from
  for (let i = 0; i < lines; i++) offset = text.indexOf('\n', offset) + 1
  return offset
}

function fromLibrary(document: Document, lines: LineCounter, line: number): ManifestDocument {
  const lineAt = (offset: number): number => line + lines.linePos(offset).line - 1
  const [error] = document.errors
  if (error !== undefined) throw new ManifestSyntaxError(error.message.split('\n', 1)[0] ?? '', lineAt(error.pos[0]))
  const start = lineAt(document.contents?.range?.[0] ?? 0)
  let value: unknown
  try {
    value = document.toJS({ maxAliasCount: MOST_ALIASES }) ?? null
  } catch (cause) {
    throw new ManifestSyntaxError(cause instanceof Error ? cause.message : String(cause), start)
  }
  const itemLines = itemOffsets(document)?.map(lineAt) ?? null
  return { value, line: start, itemLines, locate: path => lineAt(offsetOf(document.contents, path)) }
}

/**
 * Cuts the text at its `---` and `...` lines. Such a line is a marker wherever it stands, also inside a quoted text
 * (YAML 1.2.2, section 9.1.2), so no parsing is needed for it. Content behind `---` on its line goes with the marker.
 */
function sectionsOf(text: string): Section[] {
  const sections: Section[] = []
  let start = text.charCodeAt(0) === BYTE_ORDER_MARK ? 1 : 0
  let line = 1
  for (const marker of markersOf(text, start)) {
    if (marker > start) sections.push({ start, end: marker, line })
    const newline = text.indexOf('\n', marker)
    const lineEnd = newline < 0 ? text.length : newline + 1
    const isBare = BARE_MARKER.test(text.slice(marker, lineEnd))
    const next = isBare ? lineEnd : marker
    line += countLines(text, start, next)
    start = next
  }
  if (start < text.length) sections.push({ start, end: text.length, line })
  return sections
}

/** Positions of `---` and `...` at the start of a line, with white space or nothing behind. */
function markersOf(text: string, start: number): number[] {
  const markers: number[] = []
  for (const marker of ['---', '...']) {
    let position = text.startsWith(marker, start) ? start : nextLineStart(text, marker, start)
    while (position >= 0) {
      const behind = text.charAt(position + 3)
      if (behind === '' || behind === '\n' || behind === ' ' || behind === '\t') markers.push(position)
      position = nextLineStart(text, marker, position + 3)
    }
  }
  return markers.sort((a, b) => a - b)
}

/** Where the next line that starts with `opening` does, or −1. */
function nextLineStart(text: string, opening: string, from: number): number {
  const newline = text.indexOf(`\n${opening}`, from)
  return newline < 0 ? -1 : newline + 1
}

function itemOffsets(document: Document): number[] | null {
  const items = isMap(document.contents) ? document.contents.get('items', true) : null
  if (!isSeq(items)) return null
  return items.items.map(item => (isNode(item) ? (item.range?.[0] ?? 0) : 0))
}

function integer(text: string, base: 2 | 8 | 16): number {
  const digits = text.replaceAll('_', '').replace(/^[-+]?0[box]?/, '')
  const value = digits === '' ? 0 : Number.parseInt(digits, base)
  return text.startsWith('-') ? -value : value
}
