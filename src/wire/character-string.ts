/** Text with the escapes of RFC 1035 section 5.1: `\DDD` is an octet by its decimal number, `\X` is X itself. */

/** A text that cannot be read: `message` continues the sentence "Cannot parse … "…":". */
export class TextError extends Error {
  override readonly name: string = 'TextError'
}

const BACKSLASH = 0x5c

/**
 * The octets of a text, escapes resolved; one character is one octet.
 *
 * @throws TextError when an escape is wrong or a character does not fit into an octet.
 */
export function unescapeText(text: string): Uint8Array {
  const octets = new Uint8Array(text.length)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code === BACKSLASH) {
      code = escapedOctet(text, i + 1)
      i += escapeLength(text, i + 1)
    }
    if (code > 0xff) throw new TextError('it has a character outside of Latin-1')
    octets[length++] = code
  }
  return length === text.length ? octets : octets.slice(0, length)
}

/**
 * The octet that the escape means whose first character behind the backslash is at `at`.
 *
 * @throws TextError when there is nothing behind the backslash, or a digit that does not begin a number of three digits
 * up to 255.
 */
export function escapedOctet(text: string, at: number): number {
  if (at >= text.length) throw new TextError('it ends in a backslash')
  if (!isDigit(text.charCodeAt(at))) return text.charCodeAt(at)
  const digits = text.slice(at, at + 3)
  if (!/^[0-9]{3}$/.test(digits) || Number(digits) > 255) {
    throw new TextError(`\\${digits} is no escape; a number has three digits and is at most 255`)
  }
  return Number(digits)
}

/** How many characters the escape has behind its backslash. */
export function escapeLength(text: string, at: number): number {
  return isDigit(text.charCodeAt(at)) ? 3 : 1
}

/** A quoted text: quotes and backslashes are escaped, octets outside of printable ASCII written as `\DDD`. */
export function quoteOctets(octets: Uint8Array): string {
  let text = '"'
  for (const octet of octets) {
    if (octet === 0x22 || octet === BACKSLASH) text += `\\${String.fromCharCode(octet)}`
    else if (octet >= 0x20 && octet < 0x7f) text += String.fromCharCode(octet)
    else text += `\\${String(octet).padStart(3, '0')}`
  }
  return `${text}"`
}

/** One character an octet; the opposite of {@link unescapeText} for texts without a backslash. */
export function latin1Text(octets: Uint8Array): string {
  let text = ''
  for (const octet of octets) text += String.fromCharCode(octet)
  return text
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}
