import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OctetReader, OctetWriter } from '#src/wire/octets.ts'
import { anyName } from '#support/arbitrary-wire.ts'

describe('OctetReader', () => {
  it('reads what OctetWriter wrote, however much it is', () => {
    const values = fc.tuple(
      fc.nat(0xff),
      fc.nat(0xffff),
      fc.nat(0xffff_ffff),
      fc.uint8Array({ maxLength: 2000 }),
      anyName,
    )
    fc.assert(
      fc.property(values, ([small, middle, large, octets, name]) => {
        const writer = new OctetWriter()
        writer.uint8(small)
        writer.uint16(middle)
        writer.uint32(large)
        writer.octets(octets)
        writer.octets(name)
        const reader = new OctetReader(writer.finish())
        expect([reader.uint8(), reader.uint16(), reader.uint32()]).toEqual([small, middle, large])
        expect(reader.octets(octets.length)).toEqual(octets)
        expect(reader.wireName()).toEqual(name)
        expect(reader.remaining).toBe(0)
      }),
    )
  })

  it('never reads beyond the end', () => {
    const empty = () => new OctetReader(new Uint8Array(0))
    expect(() => empty().uint8()).toThrow('ends too early')
    expect(() => new OctetReader(Uint8Array.of(1)).uint16()).toThrow('ends too early')
    expect(() => new OctetReader(Uint8Array.of(3, 1, 1)).characterString()).toThrow('ends too early')
    expect(() => new OctetReader(Uint8Array.of(1, 0x61)).wireName()).toThrow('ends too early')
  })

  it('refuses names that are compressed or too long', () => {
    expect(() => new OctetReader(Uint8Array.of(0xc0, 0x0c)).wireName()).toThrow('compressed')
    const long = new Uint8Array(257).fill(1)
    long[256] = 0
    expect(() => new OctetReader(long).wireName()).toThrow('longer than 255')
  })

  it('gives copies, so that a writer can be used again', () => {
    const writer = new OctetWriter()
    writer.uint8(1)
    const first = writer.finish()
    writer.reset()
    writer.uint8(2)
    expect([first[0], writer.finish()[0]]).toEqual([1, 2])
  })
})
