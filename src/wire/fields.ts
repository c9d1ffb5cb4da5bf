/**
 * The fields that RDATA is made of, each in its two forms: the words of a master file (RFC 1035 section 5.1) and octets.
 * A record type is a list of fields; see `rdata-text.ts`.
 */
import { ADDRESS_BYTES, type Address, addressAt, familyOf, formatAddress, parseAddress } from '../ip/address.ts'
import { quoteOctets, TextError, unescapeText } from './character-string.ts'
import { formatName, type Name, parseName } from './name.ts'
import { type OctetReader, OctetsError, type OctetWriter } from './octets.ts'
import { MAX_CHARACTER_STRING } from './rdata.ts'
import { parseSeconds } from './ttl.ts'

/** One word of a master file. Escapes are still in `text`; the quotes of a quoted word are not. */
export interface Word {
  readonly text: string
  /** `pair` is `key="quoted value"`, quotes included in `text`: only SVCB and HTTPS have it (RFC 9460 section 2.1). */
  readonly kind: 'plain' | 'quoted' | 'pair'
}

/** A word that is not what the record type wants: `message` continues the sentence "Cannot parse … record:". */
export class WordError extends Error {
  override readonly name: string = 'WordError'
}

/** Hands out the words of one record from left to right. */
export class WordReader {
  readonly origin: Name
  readonly #words: readonly Word[]
  #at: number

  constructor(words: readonly Word[], start: number, origin: Name) {
    this.#words = words
    this.#at = start
    this.origin = origin
  }

  /** How many words have been handed out, counted from the beginning of the list. */
  get at(): number {
    return this.#at
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#words.length
  }

  /** The next word of whatever kind; `what` names it in the message when there is none. */
  next(what: string): Word {
    const word = this.#words[this.#at]
    if (word === undefined) throw new WordError(`the ${what} is missing`)
    this.#at++
    return word
  }

  /** The text of the next word, which must stand without quotes. */
  plain(what: string): string {
    const word = this.next(what)
    if (word.kind !== 'plain') throw new WordError(`the ${what} must stand without quotes`)
    return word.text
  }
}

/** How one field is read and written. */
export interface FieldCodec {
  /** @throws WordError, or NameError for a name. */
  parse(words: WordReader, out: OctetWriter): void
  /** Presentation format; nothing ('') for an empty list. @throws OctetsError. */
  format(octets: OctetReader): string
}

/** A domain name; `@` is the origin, and a name without a final dot is below it. */
export function nameField(what: string): FieldCodec {
  return {
    parse: (words, out) => out.octets(parseNameWord(words.plain(what), words.origin)),
    format: octets => formatName(octets.wireName()),
  }
}

/** The name that a plain word means in a master file. */
export function parseNameWord(text: string, origin: Name): Name {
  return text === '@' ? origin : parseName(text, origin)
}

/** An unsigned number of 8, 16 or 32 bits; `mnemonics` can stand for some values. */
export function numberField(bits: 8 | 16 | 32, what: string, mnemonics?: ReadonlyMap<string, number>): FieldCodec {
  return {
    parse: (words, out) => {
      const text = words.plain(what)
      putNumber(bits, mnemonics?.get(text.toUpperCase()) ?? parseNumber(text, 2 ** bits - 1, what), out)
    },
    format: octets => String(bits === 8 ? octets.uint8() : bits === 16 ? octets.uint16() : octets.uint32()),
  }
}

/** A time of 32 bits in seconds, with or without units. */
export function timeField(what: string): FieldCodec {
  return {
    parse: (words, out) => {
      const text = words.plain(what)
      const seconds = parseSeconds(text)
      if (seconds === null || seconds > 0xffff_ffff) {
        throw new WordError(`the ${what} "${text}" must be seconds or a time such as 1h30m, at most ${0xffff_ffff}`)
      }
      out.uint32(seconds)
    },
    format: octets => String(octets.uint32()),
  }
}

/** A decimal number from 0 to `max`. */
export function parseNumber(text: string, max: number, what: string): number {
  if (!/^[0-9]{1,10}$/.test(text) || Number(text) > max) {
    throw new WordError(`the ${what} "${text}" must be a number from 0 to ${max}`)
  }
  return Number(text)
}

/** Four octets in dotted decimal form. */
export const ipv4Field: FieldCodec = {
  parse: (words, out) => out.octets(parseIPv4Word(words.plain('address'))),
  format: octets => formatIPv4(octets.octets(4)),
}

/** Sixteen octets in any form of RFC 4291 section 2.2, written back in that of RFC 5952. */
export const ipv6Field: FieldCodec = {
  parse: (words, out) => out.octets(parseIPv6Word(words.plain('address'))),
  format: octets => formatIPv6(octets.octets(ADDRESS_BYTES)),
}

/** The 4 octets of a dotted address. */
export function parseIPv4Word(text: string): Uint8Array {
  const address = text.includes(':') ? null : parseAddress(text)
  if (address === null) throw new WordError(`"${text}" must be an IPv4 address`)
  return address.slice(12)
}

/** The 16 octets of an IPv6 address; IPv4-mapped ones are as good as others here. */
export function parseIPv6Word(text: string): Address {
  const address = text.includes(':') ? parseAddress(text) : null
  if (address === null) throw new WordError(`"${text}" must be an IPv6 address`)
  return address
}

/** Dotted decimal form of 4 octets. */
export function formatIPv4(octets: Uint8Array): string {
  return octets.join('.')
}

/** RFC 5952 form of 16 octets; an IPv4-mapped address shows both parts (its section 5), so that it reads back as IPv6. */
export function formatIPv6(octets: Uint8Array): string {
  const text = formatAddress(addressAt(octets, 0))
  return familyOf(octets) === 'IPv4' ? `::ffff:${text}` : text
}

/** One character-string (RFC 1035 section 3.3), quoted or not. */
export function stringField(what: string): FieldCodec {
  return {
    parse: (words, out) => putString(words.next(what), what, out),
    format: octets => quoteOctets(octets.characterString()),
  }
}

/** One or more character-strings up to the end. */
export const stringsField: FieldCodec = {
  parse: (words, out) => {
    do putString(words.next('text'), 'text', out)
    while (!words.isAtEnd)
  },
  format: octets => {
    const strings: string[] = []
    do strings.push(quoteOctets(octets.characterString()))
    while (octets.remaining > 0)
    return strings.join(' ')
  },
}

/** Hexadecimal digits up to the end, with white space anywhere between them; at least one octet. */
export function hexField(what: string): FieldCodec {
  return {
    parse: (words, out) => {
      let digits = words.plain(what)
      while (!words.isAtEnd) digits += words.plain(what)
      out.octets(parseHex(digits, what))
    },
    format: octets => {
      if (octets.remaining === 0) throw new OctetsError('it ends too early')
      return octets.octets(octets.remaining).toHex().toUpperCase()
    },
  }
}

/** The octets of an even number of hexadecimal digits. */
export function parseHex(digits: string, what: string): Uint8Array {
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) {
    throw new WordError(`the ${what} must be hexadecimal digits, two an octet`)
  }
  return Uint8Array.fromHex(digits)
}

/** The octets of a word, quoted or not, with its escapes resolved. */
export function parseText(word: Word, what: string): Uint8Array {
  if (word.kind === 'pair') throw new WordError(`the ${what} has a quote inside; quote all of it or write \\"`)
  try {
    return unescapeText(word.text)
  } catch (error) {
    if (error instanceof TextError) throw new WordError(`the ${what} is wrong: ${error.message}`)
    throw error
  }
}

function putString(word: Word, what: string, out: OctetWriter): void {
  const octets = parseText(word, what)
  if (octets.length > MAX_CHARACTER_STRING) {
    throw new WordError(
      `the ${what} has ${octets.length} octets, but one string holds ${MAX_CHARACTER_STRING}; split it in two`,
    )
  }
  out.uint8(octets.length)
  out.octets(octets)
}

function putNumber(bits: 8 | 16 | 32, value: number, out: OctetWriter): void {
  if (bits === 8) out.uint8(value)
  else if (bits === 16) out.uint16(value)
  else out.uint32(value)
}
