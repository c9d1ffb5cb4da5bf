import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MessageError, readMessage, readName } from '#src/wire/message.ts'
import { formatName, type Name } from '#src/wire/name.ts'
import { anyName } from '#support/arbitrary-wire.ts'

const u16 = (value: number) => [value >> 8, value & 0xff]

interface Parts {
  readonly flags: number
  readonly question: Name
  /** Records of each section: TTL and RDATA; the owner is a pointer to the question. */
  readonly sections: readonly (readonly (readonly [number, Uint8Array])[])[]
}

function messageOf({ flags, question, sections }: Parts): Uint8Array {
  const records = sections
    .flat()
    .flatMap(([ttl, rdata]) => [
      0xc0,
      12,
      ...u16(16),
      ...u16(1),
      ...u16(ttl >> 16),
      ...u16(ttl & 0xffff),
      ...u16(rdata.length),
      ...rdata,
    ])
  const header = [...u16(7), ...u16(flags), ...u16(1), ...sections.flatMap(({ length }) => u16(length))]
  return Uint8Array.of(...header, ...question, ...u16(28), ...u16(1), ...records)
}

const section = fc.array(fc.tuple(fc.nat(0x7fff_ffff), fc.uint8Array({ maxLength: 20 })), { maxLength: 3 })
const parts: fc.Arbitrary<Parts> = fc.record({
  flags: fc.nat(0xffff),
  question: anyName,
  sections: fc.tuple(section, section, section),
})

describe('readMessage', () => {
  it('reads every part that was written', () => {
    fc.assert(
      fc.property(parts, written => {
        const message = readMessage(messageOf(written))
        expect([message.id, message.flags, message.rcode]).toEqual([7, written.flags, written.flags & 15])
        expect(message.question).toEqual({ name: written.question, type: 28, class: 1 })
        const sections = [message.answers, message.authority, message.additional]
        expect(sections.map(records => records.map(({ ttl, rdata }) => [ttl, rdata]))).toEqual(written.sections)
        expect(
          sections.flat().every(({ name, type }) => formatName(name) === formatName(written.question) && type === 16),
        ).toBe(true)
      }),
    )
  })

  it('refuses every shorter message, and reads any octets or refuses them', () => {
    fc.assert(
      fc.property(parts, fc.nat(), (written, cut) => {
        const bytes = messageOf(written)
        expect(() => readMessage(bytes.subarray(0, cut % bytes.length))).toThrow(MessageError)
      }),
    )
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), bytes => {
        try {
          readMessage(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(MessageError)
        }
      }),
    )
  })

  it('puts the names in RDATA together that the message has as pointers', () => {
    const record = (type: number, rdata: readonly number[]): number[] => {
      return [0xc0, 12, ...u16(type), ...u16(1), ...u16(0), ...u16(5), ...u16(rdata.length), ...rdata]
    }
    const header = [...u16(7), ...u16(0), ...u16(1), ...u16(1), ...u16(0), ...u16(0)]
    const rdataOf = (type: number, rdata: readonly number[]): Uint8Array | undefined => {
      const message = Uint8Array.of(...header, 1, 0x61, 0, ...u16(28), ...u16(1), ...record(type, rdata))
      return readMessage(message).answers[0]?.rdata
    }
    const timers = new Array<number>(20).fill(9)
    expect(rdataOf(15, [0, 10, 1, 0x6d, 0xc0, 12])).toEqual(Uint8Array.of(0, 10, 1, 0x6d, 1, 0x61, 0))
    expect(rdataOf(6, [1, 0x6e, 0xc0, 12, 0xc0, 12, ...timers])).toEqual(
      Uint8Array.of(1, 0x6e, 1, 0x61, 0, 1, 0x61, 0, ...timers),
    )
    expect(() => rdataOf(2, [1, 0x6e])).toThrow(MessageError)
  })

  it('has no question when there is none', () => {
    expect(readMessage(new Uint8Array(12)).question).toBeNull()
  })
})

describe('readName', () => {
  it('follows pointers back and goes on behind the first one', () => {
    const bytes = Uint8Array.of(1, 0x61, 0, 1, 0x62, 0xc0, 0, 1, 0x63, 0xc0, 3, 9)
    const { name, next } = readName(bytes, 7)
    expect([formatName(name), next]).toEqual(['c.b.a.', 11])
  })

  it.each([
    [[0xc0, 0], 'a pointer does not point back'],
    [[0xc0, 5], 'a pointer does not point back'],
    [[1, 0x61], 'it is cut off'],
    [[2, 0x61], 'a label is cut off'],
    [[0xc0], 'it is cut off'],
    [[0x40, 0], 'a label has an unknown form'],
    [[...Array.from({ length: 260 }, (_, i) => (i % 2 === 0 ? 1 : 0x61)), 0], 'it is longer than 255 octets'],
  ])('refuses %j', (octets, reason) => {
    expect(() => readName(Uint8Array.from(octets), 0)).toThrow(`Cannot read name: ${reason}`)
  })
})
