/** Random names and octets. */
import fc from 'fast-check'
import { MAX_NAME, type Name } from '#src/wire/name.ts'

/** Labels of any octets, mostly short ones with letters of both cases. */
export const labelOctets: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: fc.stringMatching(/^[A-Za-z0-9_*-]{1,12}$/).map(text => new TextEncoder().encode(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 63 }) },
)

/** Any valid wire name. */
export const anyName: fc.Arbitrary<Name> = fc.array(labelOctets, { maxLength: 8 }).map(labels => {
  const octets: number[] = []
  for (const label of labels) {
    if (octets.length + label.length + 2 > MAX_NAME) break
    octets.push(label.length, ...label)
  }
  return Uint8Array.of(...octets, 0) as Name
})

/** An array with at least one element of it. */
export function someOctets(maxLength: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: 1, maxLength })
}
