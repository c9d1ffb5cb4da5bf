/**
 * Cuts a master file (RFC 1035 section 5.1) into entries and words.
 *
 * ```
 *   www  3600 IN SOA ns admin ( 2026110100 ; serial        one entry: parentheses join lines,
 *                     7200 3600 2w 1h )                     comments end at the line's end
 *        A     192.0.2.1                                   begins with white space: owner as before
 * ```
 */
import type { Word } from '../wire/fields.ts'

/** A word and its line, counted from 1. */
export interface Token extends Word {
  readonly line: number
}

/** One logical line: a record or a directive. */
export interface Entry {
  /** Line of the first word. */
  readonly line: number
  /** It begins with white space, so it has no owner name of its own. */
  readonly isOwnerBlank: boolean
  readonly tokens: readonly Token[]
  /** The first thing in it that is no word; then `tokens` is not to be trusted. */
  readonly fault: LexicalFault | null
}

interface LexicalFault {
  readonly line: number
  readonly message: string
}

const TAB = 0x09
const NEWLINE = 0x0a
const RETURN = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const OPEN = 0x28
const CLOSE = 0x29
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const BACKSLASH = 0x5c

/** Octets that end a word: 1. */
const ENDS_WORD = new Uint8Array(256)
for (const code of [TAB, NEWLINE, RETURN, SPACE, QUOTE, OPEN, CLOSE, SEMICOLON]) ENDS_WORD[code] = 1

/** Reads entries one after the other. */
export class Lexer {
  readonly #text: string
  #at = 0
  #line = 1
  #tokens: Token[] = []
  #fault: LexicalFault | null = null

  /** @param text one character an octet. */
  constructor(text: string) {
    this.#text = text
  }

  /** The next entry that is not empty, or null at the end of the file. */
  next(): Entry | null {
    while (this.#at < this.#text.length) {
      const entry = this.#readEntry()
      if (entry.tokens.length > 0 || entry.fault !== null) return entry
    }
    return null
  }

  #readEntry(): Entry {
    this.#tokens = []
    this.#fault = null
    const startLine = this.#line
    const first = this.#text.charCodeAt(this.#at)
    const opened = this.#readWords()
    if (opened !== 0) this.#fail('Cannot read the entry: a parenthesis that is opened here is never closed', opened)
    return {
      line: this.#tokens[0]?.line ?? startLine,
      isOwnerBlank: first === SPACE || first === TAB,
      tokens: this.#tokens,
      fault: this.#fault,
    }
  }

  /** Reads up to the line end outside of parentheses. Returns the line of a parenthesis that stays open, or 0. */
  #readWords(): number {
    const text = this.#text
    const opened: number[] = []
    while (this.#at < text.length) {
      const code = text.charCodeAt(this.#at)
      if (code === NEWLINE) {
        this.#at++
        this.#line++
        if (opened.length === 0) return 0
      } else if (code === SPACE || code === TAB || code === RETURN) {
        this.#at++
      } else if (code === SEMICOLON) {
        this.#skipComment()
      } else if (code === OPEN) {
        this.#at++
        opened.push(this.#line)
      } else if (code === CLOSE) {
        this.#at++
        if (opened.pop() === undefined) this.#fail('Cannot read the entry: a parenthesis is closed that is not open')
      } else if (code === QUOTE) {
        const end = this.#quotedEnd(this.#at + 1)
        this.#push(this.#at + 1, end, 'quoted')
        this.#at = end + 1
      } else {
        this.#readWord()
      }
    }
    return opened[0] ?? 0
  }

  #readWord(): void {
    const text = this.#text
    const start = this.#at
    let i = start
    let code = text.charCodeAt(i)
    while (i < text.length && ENDS_WORD[code] !== 1) {
      i += code === BACKSLASH && text.charCodeAt(i + 1) !== NEWLINE ? 2 : 1
      code = text.charCodeAt(i)
    }
    i = Math.min(i, text.length)
    if (code !== QUOTE || i >= text.length) {
      this.#push(start, i, 'plain')
      this.#at = i
      return
    }
    // key="value" is one word; any other quote inside a word is most likely a mistake.
    const end = Math.min(this.#quotedEnd(i + 1) + 1, text.length)
    const isPair = text.charCodeAt(i - 1) === EQUALS
    if (!isPair) this.#fail('Cannot read the entry: a quote inside a word must be written as \\"')
    this.#push(start, end, 'pair')
    this.#at = end
  }

  /** Where the closing quote is, or the line's end when there is none. */
  #quotedEnd(start: number): number {
    const text = this.#text
    for (let i = start; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code === QUOTE) return i
      if (code === NEWLINE) {
        this.#fail('Cannot read the entry: a quoted text must end on its line')
        return i - 1
      }
      if (code === BACKSLASH && text.charCodeAt(i + 1) !== NEWLINE) i++
    }
    this.#fail('Cannot read the entry: a quoted text must end on its line')
    return text.length
  }

  #skipComment(): void {
    const end = this.#text.indexOf('\n', this.#at)
    this.#at = end < 0 ? this.#text.length : end
  }

  #push(start: number, end: number, kind: Token['kind']): void {
    this.#tokens.push({ text: this.#text.slice(start, end), kind, line: this.#line })
  }

  #fail(message: string, line: number = this.#line): void {
    this.#fault ??= { line, message }
  }
}
