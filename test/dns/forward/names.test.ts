import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWithin } from '#src/dns/forward/message/names.ts'
import { formatName, type Name, parseName } from '#src/wire/name.ts'

const HEADER = 12

/** Both names behind a header; counts how often an octet is looked at. */
function place(name: Name, ancestor: Name): { bytes: Uint8Array; at: [number, number]; reads(): number } {
  const octets = new Uint8Array(HEADER + name.length + ancestor.length)
  octets.set(name, HEADER)
  octets.set(ancestor, HEADER + name.length)
  let reads = 0
  const bytes = new Proxy(octets, {
    get: (target, key) => {
      reads++
      return Reflect.get(target, key, target)
    },
  })
  return { bytes, at: [HEADER, HEADER + name.length], reads: () => reads }
}

describe('whether a name is below another', () => {
  const label = fc.constantFrom('a', 'b', 'A', 'aa', 'ab')
  const name = fc.array(label, { maxLength: 6 }).map(labels => `${labels.join('.')}.`)

  it('is what their texts say', () => {
    fc.assert(
      fc.property(name, name, (text, other) => {
        const { bytes, at } = place(parseName(text), parseName(other))
        const [lower, suffix] = [text.toLowerCase(), other.toLowerCase()]
        const expected = suffix === '.' || lower === suffix || lower.endsWith(`.${suffix}`)
        expect([text, other, isWithin(bytes, ...at)]).toEqual([text, other, expected])
      }),
    )
  })

  it('takes a time that grows with their length, also when they are alike nearly everywhere', () => {
    const long = `${'a.'.repeat(126)}`
    const { bytes, at, reads } = place(parseName(long), parseName(`${'a.'.repeat(62)}b.`))
    expect(formatName(bytes, HEADER)).toBe(long)
    const before = reads()
    expect(isWithin(bytes, ...at)).toBe(false)
    expect(reads() - before).toBeLessThan(20 * 256)
  })
})
