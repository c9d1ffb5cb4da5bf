import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FrameReader, MAX_MESSAGE } from '#src/dns/tcp/framing.ts'

describe('frame reader', () => {
  it('gives the messages that were sent, however the stream is cut into segments', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 40 }),
        fc.nat(5),
        (messages, sizes, held) => {
          const stream = Buffer.concat(messages.map(frame))
          const reader = new FrameReader()
          const taken: Uint8Array[] = []
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = sizes[i % sizes.length] ?? 1
            const segment = Uint8Array.from(stream.subarray(at, at + size))
            reader.push(segment)
            at += size
            // Not taking everything at once is what happens when the peer does not read its answers.
            if (i % 6 !== held) takeAll(reader, taken)
            reader.settle()
            segment.fill(0xee) // A socket's memory is used again.
          }
          takeAll(reader, taken)
          expect(taken).toEqual(messages.map(message => Uint8Array.from(message)))
          expect(reader.held).toBe(0)
        },
      ),
    )
  })

  it('reads the longest message in segments of one byte', () => {
    const message = new Uint8Array(MAX_MESSAGE).map((_, i) => i % 251)
    const reader = new FrameReader()
    const taken: Uint8Array[] = []
    for (const byte of frame(message)) {
      reader.push(Uint8Array.of(byte))
      takeAll(reader, taken)
      reader.settle()
    }
    expect(taken).toEqual([message])
  })

  it('reserves memory for what arrived and not for what was announced', () => {
    const reader = new FrameReader()
    reader.push(Uint8Array.of(0xff, 0xff, 1))
    expect(reader.next()).toBe(false)
    reader.settle()
    expect(reader.held).toBe(3)
    expect(reader.bytes.buffer.byteLength).toBeLessThanOrEqual(512)
  })

  it('keeps no memory when everything was taken', () => {
    const reader = new FrameReader()
    reader.push(frame(new Uint8Array(1000)))
    expect(reader.next()).toBe(true)
    reader.settle()
    expect(reader.bytes.buffer.byteLength).toBe(0)
  })
})

function frame(message: Uint8Array): Uint8Array {
  return Uint8Array.of(message.length >> 8, message.length & 0xff, ...message)
}

function takeAll(reader: FrameReader, taken: Uint8Array[]): void {
  while (reader.next()) taken.push(reader.bytes.slice(reader.start, reader.start + reader.length))
}
