/** Manifests in JSON: the engine's own parser for the values, and a scan for the items of a list and their lines. */
import { listItems } from '../../strip.ts'
import { countLines, type ManifestDocument, type ManifestPart, ManifestSyntaxError } from './document.ts'
import { locateInText } from './yaml.ts'

/** Where one element of `items` stands in the text. */
interface Item {
  readonly start: number
  readonly end: number
}

/** The top-level array `items`: its elements, and the text from `[` to `]`. */
interface Items extends Item {
  readonly elements: readonly Item[]
}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_BRACKET = 0x5b
const BACKSLASH = 0x5c
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Cuts a JSON text into the items of its list; anything else is one part. Throws {@link ManifestSyntaxError}. */
export function cutJson(source: string): ManifestPart[] {
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source
  const items = itemsOf(text)
  const list = items === null ? null : listAround(text, items)
  if (items === null || list === null) return [wholePart(text)]
  const isOneLine = !text.includes('\n')
  let line = 1
  let from = 0
  return items.elements.map(({ start, end }) => {
    if (!isOneLine) line += countLines(text, from, start)
    from = start
    return itemPart(text, { start, end }, line, list)
  })
}

function wholePart(text: string): ManifestPart {
  const value = parse(text, 0, text.length)
  const locate = (path: string): number => locateInText(text, 1, path)
  return { text: null, line: 1, read: () => ({ value, line: 1, itemLines: null, locate }) }
}

function itemPart(text: string, { start, end }: Item, line: number, list: object): ManifestPart {
  const read = (): ManifestDocument => {
    const [value] = listItems({ ...list, items: [parse(text, start, end)] }) ?? []
    return { value, line, itemLines: null, locate: path => locateInText(text.slice(start, end), line, path) }
  }
  return { text: text.slice(start, end), line, read }
}

/** What is around the items, when it is a list; all of it is JSON if this and each item is. */
function listAround(text: string, { start, end }: Items): object | null {
  const tail = text.slice(end)
  if (/"items"\s*:/.test(tail)) return null
  try {
    const list: unknown = JSON.parse(`${text.slice(0, start)}[]${tail}`)
    return listItems(list)?.length === 0 ? (list as object) : null
  } catch {
    return null
  }
}

function parse(text: string, start: number, end: number): unknown {
  try {
    return JSON.parse(text.slice(start, end))
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause)
    const position = /at position (\d+)/.exec(message)?.[1]
    const offset = position === undefined ? text.slice(0, end).trimEnd().length : start + Number(position)
    const line = countLines(text, 0, offset) + 1
    throw new ManifestSyntaxError(message.replace(/ \(line \d+ column \d+\)$/, ''), line)
  }
}

/** The elements of the top-level array `items`; null when there is none or it does not look like a list of objects. */
function itemsOf(text: string): Items | null {
  const start = startOfItems(text)
  if (start < 0) return null
  const elements: Item[] = []
  let i = skipSpace(text, start + 1)
  while (text.charCodeAt(i) === OPEN_BRACE) {
    const end = endOfValue(text, i)
    elements.push({ start: i, end })
    i = skipSpace(text, end)
    if (text.charCodeAt(i) === CLOSE_BRACKET) return { start, end: i + 1, elements }
    if (text.charCodeAt(i) !== COMMA) return null
    i = skipSpace(text, i + 1)
  }
  return null
}

/** Where the `[` behind the top-level key `items` is, or −1. */
function startOfItems(text: string): number {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      const close = endOfString(text, i)
      if (depth === 1 && close - i === 7 && text.startsWith('items', i + 1)) {
        const colon = skipSpace(text, close)
        const value = skipSpace(text, colon + 1)
        if (text[colon] === ':') return text.charCodeAt(value) === OPEN_BRACKET ? value : -1
      }
      i = close - 1
    } else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--
  }
  return -1
}

/** Behind the object or array that opens at `open`. */
function endOfValue(text: string, open: number): number {
  let depth = 0
  for (let i = open; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) i = endOfString(text, i) - 1
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++
    else if ((code === CLOSE_BRACE || code === CLOSE_BRACKET) && --depth === 0) return i + 1
  }
  return text.length
}

/** Behind the closing quote of the string that opens at `open`. */
function endOfString(text: string, open: number): number {
  for (let close = text.indexOf('"', open + 1); close >= 0; close = text.indexOf('"', close + 1)) {
    let backslashes = 0
    while (text.charCodeAt(close - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return close + 1
  }
  return text.length
}

function skipSpace(text: string, from: number): number {
  let i = from
  while (i < text.length && text.charCodeAt(i) <= 0x20) i++
  return i
}
