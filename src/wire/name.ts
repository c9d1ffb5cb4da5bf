/**
 * Domain names in wire form (RFC 1035 section 3.1), uncompressed, root octet included, case as it was written.
 * A name that is compared or looked up is a {@link NameKey}: a type of its own, so that a case error does not compile.
 */
import { escapedOctet, escapeLength } from './character-string.ts'

declare const nameBrand: unique symbol
declare const keyBrand: unique symbol

/** A valid uncompressed wire name: at most 255 octets, labels of 1 to 63, ended by the root octet. */
export type Name = Uint8Array & { readonly [nameBrand]: true }

/** A case-folded wire name as a string of one character an octet (Latin-1): equal names are equal strings. */
export type NameKey = string & { readonly [keyBrand]: true }

/** The longest wire name, root octet included (RFC 1035 section 2.3.4). */
export const MAX_NAME = 255

/** The root. */
export const ROOT: Name = Uint8Array.of(0) as Name

/** A text that is no name: `message` is a whole sentence. */
export class NameError extends Error {
  override readonly name: string = 'NameError'
}

/** What has a meaning of its own in a master file (RFC 1035 section 5.1). */
const SPECIAL = new Set(Array.from('.\\";@$()', character => character.charCodeAt(0)))

/** Where {@link parseName} collects a name; longer ones are refused before they are written. */
const SCRATCH = new Uint8Array(MAX_NAME + 1)

/**
 * Parses presentation format (RFC 1035 section 5.1: `\.`, `\DDD`, `@` is not special here). A text without a final dot
 * is completed with `origin`, the root by default.
 *
 * @throws NameError when a label is empty or longer than 63 octets, the name longer than 255, or an escape is wrong.
 */
export function parseName(text: string, origin: Name = ROOT): Name {
  if (text === '.') return ROOT
  let length = 1
  let labelAt = 0
  for (let i = 0; i < text.length; i++) {
    let octet = text.charCodeAt(i)
    if (octet === 0x2e) {
      closeLabel(text, labelAt, length)
      if (i === text.length - 1) return finishName(text, length, ROOT)
      labelAt = length++
      continue
    }
    if (octet === 0x5c) {
      octet = readEscape(text, i + 1)
      i += escapeLength(text, i + 1)
    }
    if (octet > 0xff) throw new NameError(`Cannot parse name "${text}": it has a character outside of Latin-1`)
    if (length >= MAX_NAME) throw new NameError(`Cannot parse name "${text}": it is longer than 255 octets`)
    SCRATCH[length++] = octet
  }
  closeLabel(text, labelAt, length)
  return finishName(text, length, origin)
}

/** Presentation format with the final dot; octets outside of printable ASCII and special characters are escaped. */
export function formatName(name: Uint8Array, offset = 0): string {
  let text = ''
  let i = offset
  for (let length = name[i] ?? 0; length !== 0; length = name[i] ?? 0) {
    for (let j = i + 1; j <= i + length; j++) text += formatOctet(name[j] ?? 0)
    text += '.'
    i += length + 1
  }
  return text === '' ? '.' : text
}

/** The lookup key of a name: ASCII letters folded to lower case (RFC 4343 section 3). */
export function foldName(name: Name): NameKey {
  let key = ''
  for (let i = 0; i < name.length; i++) key += String.fromCharCode(foldOctet(name[i] ?? 0))
  return key as NameKey
}

/** The wire name of a key; its letters are lower-case. */
export function nameOfKey(key: NameKey): Name {
  const name = new Uint8Array(key.length)
  for (let i = 0; i < key.length; i++) name[i] = key.charCodeAt(i)
  return name as Name
}

/**
 * The name `labels[0].labels[1]…suffix`. Labels are raw text without escapes, one octet a character.
 *
 * @throws NameError when a label or the name is too long or a label is empty.
 */
export function joinName(labels: readonly string[], suffix: Name = ROOT): Name {
  let length = suffix.length
  for (const label of labels) {
    if (label.length === 0 || label.length > 63) {
      throw new NameError(`Cannot use label "${label}": its length must be 1 to 63`)
    }
    length += label.length + 1
  }
  if (length > MAX_NAME) throw new NameError(`Cannot build name "${labels.join('.')}": it is longer than 255 octets`)
  const name = new Uint8Array(length)
  let i = 0
  for (const label of labels) {
    name[i++] = label.length
    for (let j = 0; j < label.length; j++) name[i++] = label.charCodeAt(j)
  }
  name.set(suffix, i)
  return name as Name
}

/** The labels as raw text, leftmost first, without the root. */
export function labelsOf(name: Uint8Array): string[] {
  const labels: string[] = []
  let i = 0
  for (let length = name[i] ?? 0; length !== 0; length = name[i] ?? 0) {
    labels.push(String.fromCharCode(...name.subarray(i + 1, i + 1 + length)))
    i += length + 1
  }
  return labels
}

/** The name without its leftmost label; the root's parent is the root. */
export function parentOf(name: Name): Name {
  const length = name[0] ?? 0
  return length === 0 ? ROOT : (name.subarray(length + 1) as Name)
}

/** The key without its leftmost label. */
export function parentKey(key: NameKey): NameKey {
  return (key.length <= 1 ? key : key.slice(key.charCodeAt(0) + 1)) as NameKey
}

/** Whether the name is the zone's apex or below it. */
export function isInZone(name: NameKey, apex: NameKey): boolean {
  for (let i = 0; name.length - i >= apex.length; i += name.charCodeAt(i) + 1) {
    if (name.length - i === apex.length) return name.endsWith(apex)
  }
  return false
}

/** An octet with ASCII letters folded to lower case. */
export function foldOctet(octet: number): number {
  return octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet
}

function closeLabel(text: string, labelAt: number, end: number): void {
  const length = end - labelAt - 1
  if (length === 0) throw new NameError(`Cannot parse name "${text}": it has an empty label`)
  if (length > 63) throw new NameError(`Cannot parse name "${text}": a label is longer than 63 octets`)
  SCRATCH[labelAt] = length
}

function finishName(text: string, length: number, suffix: Name): Name {
  if (length + suffix.length > MAX_NAME) {
    throw new NameError(`Cannot parse name "${text}": it is longer than 255 octets`)
  }
  const name = new Uint8Array(length + suffix.length)
  for (let i = 0; i < length; i++) name[i] = SCRATCH[i] as number
  name.set(suffix, length)
  return name as Name
}

function readEscape(text: string, at: number): number {
  try {
    return escapedOctet(text, at)
  } catch (error) {
    throw new NameError(`Cannot parse name "${text}": ${(error as Error).message}`)
  }
}

function formatOctet(octet: number): string {
  if (SPECIAL.has(octet)) return `\\${String.fromCharCode(octet)}`
  if (octet > 0x20 && octet < 0x7f) return String.fromCharCode(octet)
  return `\\${String(octet).padStart(3, '0')}`
}
