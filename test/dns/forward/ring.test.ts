import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { allocateBell, allocateRing, HandOverReader, HandOverWriter, RECORD } from '#src/dns/forward/hand-over/ring.ts'

const CONTROL = 64
const NAME = 0

describe('the ring between threads', () => {
  it('gives every query as it was put, in order, over any number of turns', () => {
    const { writer, reader, packet } = make()
    const taken: number[] = []
    let put = 0
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 12, max: 4096 }), { maxLength: 200 }), lengths => {
        const expected: number[] = []
        for (const length of lengths) {
          if (!writer.put(packet(put), NAME, CONTROL, 40, 0, length, put, put % 7)) break
          expected.push(put++, length)
        }
        writer.flush()
        taken.length = 0
        while (reader.take(64, record => taken.push(numberOf(record), lengthOf(record)))) {}
        expect(taken).toEqual(expected)
      }),
      { numRuns: 200 },
    )
    expect(put).toBeGreaterThan(500)
  })

  it('keeps address, control message, view and octets of a query', () => {
    const { writer, reader, packet } = make()
    writer.put(packet(9), NAME, CONTROL, 32, 0, 13, 77, -1)
    writer.flush()
    const records: Uint8Array[] = []
    reader.take(1, record => records.push(record))
    const [record = new Uint8Array()] = records
    const view = new DataView(record.buffer)
    expect(view.getInt32(RECORD.descriptor, true)).toBe(77)
    expect(view.getInt32(RECORD.view, true)).toBe(-1)
    expect(view.getUint16(RECORD.controlLength, true)).toBe(32)
    expect(record.subarray(RECORD.name, RECORD.control)).toEqual(new Uint8Array(28).fill(1))
    expect(record.subarray(RECORD.control, RECORD.source)).toEqual(new Uint8Array(40).fill(2))
    expect([...record.subarray(RECORD.query, RECORD.query + 13)]).toEqual([9, 0, 0, 0, ...Array(9).fill(3)])
  })

  it('is full at some point, says so, and takes more when something was taken', () => {
    const { writer, reader, packet } = make()
    let put = 0
    while (writer.put(packet(put), NAME, CONTROL, 0, 0, 100, 0, 0)) put++
    expect(put).toBeGreaterThan(2000)
    writer.flush()
    reader.take(1, () => {})
    expect(writer.put(packet(put), NAME, CONTROL, 0, 0, 100, 0, 0)).toBe(true)
    expect(writer.put(packet(put), NAME, CONTROL, 0, 0, 100, 0, 0)).toBe(false)
  })

  it('wakes a reader that sleeps once, and one that does not sleep never', () => {
    const { writer, reader, packet, woken } = make()
    const put = (): void => {
      writer.put(packet(1), NAME, CONTROL, 0, 0, 12, 0, 0)
      writer.flush()
    }
    put()
    expect(woken()).toBe(0)
    expect(reader.sleep()).toBe(false)
    reader.take(9, () => {})
    expect(reader.sleep()).toBe(true)
    put()
    put()
    writer.flush()
    expect(woken()).toBe(1)
  })

  it('forgets what a writer that died had not shown', () => {
    const { writer, reader, packet, again } = make()
    writer.put(packet(1), NAME, CONTROL, 0, 0, 12, 1, 0)
    writer.flush()
    writer.put(packet(2), NAME, CONTROL, 0, 0, 12, 2, 0)
    const next = again()
    next.put(packet(3), NAME, CONTROL, 0, 0, 12, 3, 0)
    next.flush()
    const seen: number[] = []
    reader.take(9, record => seen.push(new DataView(record.buffer).getInt32(RECORD.descriptor, true)))
    expect(seen).toEqual([1, 3])
  })

  it('goes on behind a record that fails', () => {
    const { writer, reader, packet } = make()
    for (const number of [1, 2]) writer.put(packet(number), NAME, CONTROL, 0, 0, 12, number, 0)
    writer.flush()
    const fail = (): never => {
      throw new Error('on purpose')
    }
    expect(() => reader.take(9, fail)).toThrow('on purpose')
    const seen: number[] = []
    reader.take(9, record => seen.push(numberOf(record)))
    expect(seen).toEqual([2])
  })
})

function make() {
  const ring = allocateRing()
  const bell = allocateBell()
  let count = 0
  const again = (): HandOverWriter => new HandOverWriter(ring, bell, () => count++)
  const memory = new Int32Array(64)
  new Uint8Array(memory.buffer).fill(1, NAME, NAME + 28).fill(2, CONTROL, CONTROL + 40)
  const input = new Int32Array(1024)
  const packet = (number: number) => {
    new Uint8Array(input.buffer).fill(3)
    input[0] = number
    return { memory, input }
  }
  return { writer: again(), again, reader: new HandOverReader([ring], bell), packet, woken: () => count }
}

function numberOf(record: Uint8Array): number {
  return new DataView(record.buffer).getInt32(RECORD.query, true)
}

function lengthOf(record: Uint8Array): number {
  return new DataView(record.buffer).getUint16(RECORD.queryLength, true)
}
