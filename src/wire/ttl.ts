/** Times in zone files: seconds, or numbers with the units w, d, h, m and s, such as `1h30m`. */

/** The longest TTL (RFC 2181 section 8). */
export const MAX_TTL = 0x7fff_ffff

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

/** The seconds that a text means, or null when it is no time. Not limited: the caller knows the range. */
export function parseSeconds(text: string): number | null {
  if (/^[0-9]{1,10}$/.test(text)) return Number(text)
  if (!/^(?:[0-9]{1,10}[smhdw])+$/i.test(text)) return null
  let seconds = 0
  for (const [, count, unit] of text.matchAll(/([0-9]+)([a-z])/gi)) {
    seconds += Number(count) * (UNITS[(unit ?? '').toLowerCase()] ?? 0)
  }
  return seconds
}
