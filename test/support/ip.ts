/** Addresses and prefixes from text that is known to be one. */
import { type Address, parseAddress } from '#src/ip/address.ts'
import { isPrefix, type Prefix, parsePrefix } from '#src/ip/prefix.ts'

export function address(text: string): Address {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Error(`"${text}" is no address`)
  return parsed
}

export function prefix(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!isPrefix(parsed)) throw new Error(parsed.reason)
  return parsed
}
