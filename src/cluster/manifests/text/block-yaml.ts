/**
 * A reader for the plain part of YAML that manifests are nearly always written in, and that `kubectl get -o yaml`
 * prints: block mappings and sequences, one-line scalars, `|` texts, `{}` and `[]`. It is 20 to 30 times as fast as a
 * whole YAML parser, which is what lets a cluster of manifests be loaded in a second.
 *
 * It never guesses: at anything else (anchors, tags, flow collections, folded or many-line scalars, tabs, duplicate
 * keys, unusual numbers, and every mistake) it gives up, and the whole parser reads the document instead. So for every
 * text it either says nothing or says exactly what that parser says; a property test holds the two equal.
 */

import { giveUp, isGivenUp, resolveScalar } from './scalar.ts'

/** A document that was read. */
export interface BlockDocument {
  readonly value: unknown
  /** The line (from 1) of the first content. */
  readonly line: number
  /** The line (from 1) of each element when the top level is a mapping whose `items` is a sequence; else null. */
  readonly itemLines: readonly number[] | null
}

const DEEPEST = 60
const NEWLINE = 10
const SPACE = 32
const DOUBLE_QUOTE = 34
const HASH = 35
const SINGLE_QUOTE = 39
const DASH = 45
const COLON = 58
const BACKSLASH = 92
const OPEN_BRACE = 123
const PIPE = 124

/** Characters of a plain key: letters, digits, `-`, `.`, `/`, `_`. */
const KEY_CHARACTERS = characters('-./_')
/** Characters that a plain scalar may start with here. */
const SCALAR_STARTS = characters('-+./_$(^=~')

/**
 * Reads the document in `text` from `start` to `end`.
 *
 * @param end the end of the text, or behind a newline
 * @param line the line number (from 1) of `start`
 * @returns null when the document is not in the plain part of YAML
 */
export function readBlockYaml(text: string, start: number, end: number, line: number): BlockDocument | null {
  try {
    return new BlockReader(text, start, end, line).read()
  } catch (error) {
    if (isGivenUp(error)) return null
    throw error
  }
}

/**
 * Stands on the first character of a line's content, with the line's indent. `- key: value` is two nodes on one line:
 * there the indent becomes the column of `key`.
 */
class BlockReader {
  readonly #text: string
  readonly #end: number
  #position: number
  #line: number
  /** Of the present line; −1 behind the last one. */
  #indent = 0
  #depth = 0
  #itemLines: number[] | null = null
  #isItems = false

  constructor(text: string, start: number, end: number, line: number) {
    this.#text = text
    this.#position = start
    this.#end = end
    this.#line = line
  }

  read(): BlockDocument {
    this.#toContent()
    const line = this.#line
    if (this.#indent < 0) return { value: null, line, itemLines: null }
    if (this.#indent > 0) giveUp()
    const value = this.#block(0)
    if (this.#indent >= 0) giveUp()
    return { value, line, itemLines: this.#itemLines }
  }

  #block(indent: number): unknown {
    if (++this.#depth > DEEPEST) giveUp()
    const value = this.#isAtDash() ? this.#sequence(indent) : this.#mapping(indent)
    this.#depth--
    return value
  }

  #mapping(indent: number): Record<string, unknown> {
    const object: Record<string, unknown> = {}
    do {
      const key = this.#key()
      if (key in object) giveUp()
      this.#isItems = this.#depth === 1 && key === 'items'
      object[key] = this.#valueOf(indent)
      this.#isItems = false
    } while (this.#indent === indent && !this.#isAtDash())
    if (this.#indent >= indent) giveUp()
    return object
  }

  #sequence(indent: number): unknown[] {
    const array: unknown[] = []
    const lines: number[] | null = this.#isItems ? [] : null
    if (lines !== null) this.#itemLines = lines
    this.#isItems = false
    do {
      lines?.push(this.#line)
      const dash = this.#position
      this.#position++
      this.#skipSpaces()
      if (this.#isAtLineEnd()) {
        this.#nextLine()
        array.push(this.#indent > indent ? this.#block(this.#indent) : null)
      } else if (this.#isAtKey()) {
        this.#indent = indent + this.#position - dash
        array.push(this.#block(this.#indent))
      } else {
        array.push(this.#scalar(indent))
      }
    } while (this.#indent === indent && this.#isAtDash())
    if (this.#indent > indent) giveUp()
    return array
  }

  /** The value behind `key:`; the reader stands behind the colon. */
  #valueOf(indent: number): unknown {
    this.#skipSpaces()
    if (!this.#isAtLineEnd()) return this.#scalar(indent)
    this.#nextLine()
    if (this.#indent > indent) return this.#block(this.#indent)
    return this.#indent === indent && this.#isAtDash() ? this.#sequence(indent) : null
  }

  /** A scalar that ends on its line. A deeper line behind it would carry it on: the caller gives up at that. */
  #scalar(indent: number): unknown {
    const code = this.#text.charCodeAt(this.#position)
    let value: unknown
    if (code === PIPE) return this.#literal(indent)
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      value = this.#quoted(code)
    } else if (this.#text.startsWith('{}', this.#position) || this.#text.startsWith('[]', this.#position)) {
      value = code === OPEN_BRACE ? {} : []
      this.#position += 2
    } else {
      value = this.#plain()
    }
    this.#skipSpaces()
    if (!this.#isAtLineEnd()) giveUp()
    this.#nextLine()
    return value
  }

  #plain(): unknown {
    const text = this.#text
    const start = this.#position
    if (!isIn(SCALAR_STARTS, text.charCodeAt(start))) giveUp()
    if (text.charCodeAt(start) === DASH && this.#isBlankAt(start + 1)) giveUp()
    let i = start
    let last = start
    for (; i < this.#end; i++) {
      const code = text.charCodeAt(i)
      if (code === NEWLINE) break
      if (code === SPACE) continue
      if (code < SPACE || code > 126) giveUp()
      if (code === COLON && this.#isBlankAt(i + 1)) giveUp()
      if (code === HASH && i > last + 1) break
      last = i
    }
    this.#position = last + 1
    return resolveScalar(text.slice(start, last + 1))
  }

  /** A quoted text on one line; leaves the reader behind the closing quote. */
  #quoted(quote: number): string {
    const text = this.#text
    const start = this.#position + 1
    const close = text.indexOf(quote === DOUBLE_QUOTE ? '"' : "'", start)
    const newline = text.indexOf('\n', start)
    if (close < 0 || close >= this.#end || (newline >= 0 && newline < close)) giveUp()
    const value = text.slice(start, close)
    if (value.includes('\t')) giveUp()
    if (quote === DOUBLE_QUOTE && value.includes('\\')) return this.#escaped()
    if (quote === SINGLE_QUOTE && text.charCodeAt(close + 1) === SINGLE_QUOTE) giveUp()
    this.#position = close + 1
    return value
  }

  /** A double-quoted text with escapes: JSON's escapes mean the same in YAML. */
  #escaped(): string {
    const text = this.#text
    const start = this.#position
    let close = start + 1
    while (close < this.#end && text.charCodeAt(close) !== DOUBLE_QUOTE) {
      if (text.charCodeAt(close) === NEWLINE) giveUp()
      close += text.charCodeAt(close) === BACKSLASH ? 2 : 1
    }
    if (close >= this.#end) giveUp()
    this.#position = close + 1
    try {
      return JSON.parse(text.slice(start, close + 1))
    } catch {
      return giveUp()
    }
  }

  /** `|`, `|-` or `|+` and the deeper lines below it. */
  #literal(indent: number): string {
    const chomping = this.#text.charAt(this.#position + 1)
    this.#position += chomping === '-' || chomping === '+' ? 2 : 1
    if (this.#text.charCodeAt(this.#position) !== NEWLINE) giveUp()
    this.#position++
    this.#line++
    const first = this.#indentAt(this.#position)
    if (first <= indent || this.#text.charCodeAt(this.#position + first) === NEWLINE) giveUp()
    const lines: string[] = []
    while (this.#position < this.#end) {
      const newline = this.#text.indexOf('\n', this.#position)
      if (newline < 0 || newline >= this.#end) giveUp()
      const spaces = this.#indentAt(this.#position)
      const isBlank = this.#text.charCodeAt(this.#position + spaces) === NEWLINE
      if (spaces < first && !isBlank) break
      lines.push(isBlank && spaces <= first ? '' : this.#text.slice(this.#position + first, newline))
      this.#position = newline + 1
      this.#line++
    }
    const blank = lines.length - lines.findLastIndex(line => line !== '') - 1
    const kept = chomping === '+' ? lines : lines.slice(0, lines.length - blank)
    this.#toContent()
    return kept.join('\n') + (chomping === '-' ? '' : '\n')
  }

  #key(): string {
    const code = this.#text.charCodeAt(this.#position)
    const isQuoted = code === DOUBLE_QUOTE || code === SINGLE_QUOTE
    const key = isQuoted ? this.#quoted(code) : this.#plainKey()
    if (this.#text.charCodeAt(this.#position) !== COLON || !this.#isBlankAt(this.#position + 1)) giveUp()
    if (key === '__proto__' || (!isQuoted && typeof resolveScalar(key) !== 'string')) giveUp()
    this.#position++
    return key
  }

  #plainKey(): string {
    const start = this.#position
    const stop = this.#keyEnd()
    if (stop === start || this.#text.charCodeAt(start) === DASH) giveUp()
    this.#position = stop
    return this.#text.slice(start, stop)
  }

  #keyEnd(): number {
    let i = this.#position
    while (i < this.#end && isIn(KEY_CHARACTERS, this.#text.charCodeAt(i))) i++
    return i
  }

  /** Whether `key:` is next; behind a dash it opens a mapping. */
  #isAtKey(): boolean {
    const code = this.#text.charCodeAt(this.#position)
    if (code === DASH && this.#isBlankAt(this.#position + 1)) giveUp()
    let stop = this.#keyEnd()
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const before = this.#position
      this.#quoted(code)
      stop = this.#position
      this.#position = before
    }
    return this.#text.charCodeAt(stop) === COLON && this.#isBlankAt(stop + 1)
  }

  #isAtDash(): boolean {
    return this.#text.charCodeAt(this.#position) === DASH && this.#isBlankAt(this.#position + 1)
  }

  #isBlankAt(position: number): boolean {
    if (position >= this.#end) return true
    const code = this.#text.charCodeAt(position)
    return code === SPACE || code === NEWLINE
  }

  /** At the line's end, or at a comment with a space before it. */
  #isAtLineEnd(): boolean {
    if (this.#position >= this.#end) return true
    const code = this.#text.charCodeAt(this.#position)
    return code === NEWLINE || (code === HASH && this.#text.charCodeAt(this.#position - 1) === SPACE)
  }

  #skipSpaces(): void {
    while (this.#position < this.#end && this.#text.charCodeAt(this.#position) === SPACE) this.#position++
  }

  #indentAt(position: number): number {
    let i = position
    while (i < this.#end && this.#text.charCodeAt(i) === SPACE) i++
    return i - position
  }

  #nextLine(): void {
    const newline = this.#text.indexOf('\n', this.#position)
    this.#position = newline < 0 || newline >= this.#end ? this.#end : newline + 1
    this.#line++
    this.#toContent()
  }

  /** From the start of a line to the next content: blank lines and comments are passed over. */
  #toContent(): void {
    const text = this.#text
    while (this.#position < this.#end) {
      const start = this.#position
      const indent = this.#indentAt(start)
      const code = text.charCodeAt(start + indent)
      if (start + indent < this.#end && code !== NEWLINE && code !== HASH) {
        if (code < SPACE) giveUp()
        this.#position = start + indent
        this.#indent = indent
        return
      }
      const newline = text.indexOf('\n', start)
      this.#position = newline < 0 || newline >= this.#end ? this.#end : newline + 1
      this.#line++
    }
    this.#indent = -1
  }
}

function characters(more: string): Uint8Array {
  const table = new Uint8Array(128)
  for (let code = 48; code < 123; code++) if (/[A-Za-z0-9]/.test(String.fromCharCode(code))) table[code] = 1
  for (const character of more) table[character.charCodeAt(0)] = 1
  return table
}

function isIn(table: Uint8Array, code: number): boolean {
  return code < 128 && table[code] === 1
}
