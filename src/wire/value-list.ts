/**
 * Comma-separated lists inside a text (RFC 9460 appendix A.1). A comma or backslash of an item has a backslash before
 * it; in a master file this comes on top of the escapes of the text itself.
 */
import { latin1Text } from './character-string.ts'

const COMMA = 0x2c
const BACKSLASH = 0x5c

/** The items of a list; an empty list has one empty item. */
export function splitValueList(octets: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = []
  let item: number[] = []
  for (let i = 0; i < octets.length; i++) {
    const octet = octets[i] as number
    const next = octets[i + 1]
    if (octet === COMMA) {
      items.push(Uint8Array.from(item))
      item = []
    } else if (octet === BACKSLASH && (next === COMMA || next === BACKSLASH)) {
      item.push(next)
      i++
    } else {
      item.push(octet)
    }
  }
  items.push(Uint8Array.from(item))
  return items
}

/** The list of the items, one character an octet. */
export function joinValueList(items: readonly Uint8Array[]): string {
  return items.map(item => latin1Text(item).replace(/[\\,]/g, '\\$&')).join(',')
}
