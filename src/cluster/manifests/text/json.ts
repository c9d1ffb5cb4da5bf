/** Manifests in JSON: the engine's own parser for the values, and a scan for line numbers where there are lines. */
import { countLines, type ManifestDocument, ManifestSyntaxError } from './document.ts'
import { locateInText } from './yaml.ts'

/** Where one element of `items` stands in the text. */
interface Item {
  readonly start: number
  readonly end: number
}

/** Reads a JSON text: one document. Throws {@link ManifestSyntaxError}. */
export function readJson(source: string): ManifestDocument {
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw syntaxError(text, cause)
  }
  let found: Item[] | null = null
  const items = (): Item[] => {
    found ??= itemsOf(text)
    return found
  }
  return {
    value,
    line: 1,
    itemLines: text.includes('\n') ? linesOf(text, items()) : null,
    locate: path => locate(text, path, items),
  }
}

/** An element of `items` is parsed alone for it, for there may be very many. */
function locate(text: string, path: string, items: () => Item[]): number {
  if (!text.includes('\n')) return 1
  const match = /^items\[(\d+)\]\.?/.exec(path)
  const item = match === null ? undefined : items()[Number(match[1])]
  if (match === null || item === undefined) return locateInText(text, 1, path)
  const line = countLines(text, 0, item.start) + 1
  return locateInText(text.slice(item.start, item.end), line, path.slice(match[0].length))
}

function linesOf(text: string, items: readonly Item[]): number[] | null {
  let line = 1
  let from = 0
  const lines = items.map(({ start }) => {
    line += countLines(text, from, start)
    from = start
    return line
  })
  return lines.length === 0 ? null : lines
}

/** The elements of the top-level array `items`. The text is known to be JSON, so brackets alone tell the structure. */
function itemsOf(text: string): Item[] {
  const items: Item[] = []
  let depth = 0
  let isItems = false
  let start = -1
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x22) {
      const close = endOfString(text, i)
      if (depth === 1 && text.slice(i, close + 1) === '"items"')
        isItems = /^\s*:/.test(text.slice(close + 1, close + 9))
      i = close
    } else if (code === 0x7b || code === 0x5b) {
      if (depth === 2 && isItems && start < 0) start = i
      depth++
    } else if (code === 0x7d || code === 0x5d) {
      depth--
      if (depth === 2 && start >= 0) {
        items.push({ start, end: i + 1 })
        start = -1
      }
      if (depth === 1) isItems = false
    }
  }
  return items
}

function endOfString(text: string, open: number): number {
  let close = text.indexOf('"', open + 1)
  while (isEscaped(text, close)) close = text.indexOf('"', close + 1)
  return close
}

function isEscaped(text: string, position: number): boolean {
  let backslashes = 0
  while (text.charCodeAt(position - 1 - backslashes) === 0x5c) backslashes++
  return backslashes % 2 === 1
}

function syntaxError(text: string, cause: unknown): ManifestSyntaxError {
  const message = cause instanceof Error ? cause.message : String(cause)
  const position = /at position (\d+)/.exec(message)?.[1]
  const offset = position === undefined ? text.trimEnd().length : Number(position)
  return new ManifestSyntaxError(message.replace(/ \(line \d+ column \d+\)$/, ''), countLines(text, 0, offset) + 1)
}
