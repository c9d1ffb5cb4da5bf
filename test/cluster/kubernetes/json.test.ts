import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ItemReader } from '#src/cluster/kubernetes/json/item-reader.ts'
import { LineReader } from '#src/cluster/kubernetes/json/line-reader.ts'
import { readInTurns, TURN_BYTES } from '#src/cluster/kubernetes/json/turns.ts'

/** The bytes in pieces that end at the cuts, wherever these fall. */
function pieces(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text)
  const ends = [...new Set(cuts.map(cut => cut % (bytes.length + 1))), bytes.length].sort((a, b) => a - b)
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

const object = fc.dictionary(fc.string({ unit: 'binary', maxLength: 6 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
const cuts = fc.array(fc.nat(), { maxLength: 8 })

describe('the reader of a list', () => {
  it('gives every item and what is around them, wherever the pieces of the body are cut', () => {
    fc.assert(
      fc.property(fc.array(object, { maxLength: 5 }), cuts, fc.constantFrom(undefined, 1), (items, at, indent) => {
        const list = {
          kind: 'ServiceList',
          metadata: { resourceVersion: '7', continue: 'a"]}' },
          items,
          more: [{ a: 1 }],
        }
        const reader = new ItemReader()
        const read = pieces(JSON.stringify(list, null, indent), at).flatMap(piece => [...reader.read(piece)])
        expect(read).toEqual(JSON.parse(JSON.stringify(items)))
        expect(reader.end()).toEqual({ ...list, items: [] })
      }),
    )
  })

  it('reads a list without items, and one whose items are null', () => {
    for (const text of ['{"metadata":{},"items":null}', '{"items":[],"metadata":{}}', '{"metadata":{}}']) {
      const reader = new ItemReader()
      expect([...reader.read(Buffer.from(text))]).toEqual([])
      expect(reader.end()).toMatchObject({ metadata: {} })
    }
  })

  it('says that a list is not whole, or an item is no JSON', () => {
    const cut = new ItemReader()
    expect([...cut.read(Buffer.from('{"metadata":{},"items":[{"a":1},{"b"'))]).toEqual([{ a: 1 }])
    expect(() => cut.end()).toThrow(SyntaxError)
    expect(() => [...new ItemReader().read(Buffer.from('{"items":[{"a":}]}'))]).toThrow(SyntaxError)
  })

  it('refuses what would fill the memory: an endless item, an endless envelope', () => {
    const piece = Buffer.alloc(1024 * 1024, 'x')
    const item = new ItemReader()
    expect([...item.read(Buffer.from('{"items":[{"a":"'))]).toEqual([])
    expect(() => {
      for (let i = 0; i < 32; i++) for (const _ of item.read(piece)) expect.unreachable()
    }).toThrow(/larger than/)
    const envelope = new ItemReader()
    expect(() => {
      for (let i = 0; i < 4; i++) for (const _ of envelope.read(piece)) expect.unreachable()
    }).toThrow(/around its items/)
  })
})

describe('the reader of a watch', () => {
  it('gives every line, wherever the pieces are cut', () => {
    fc.assert(
      fc.property(fc.array(object, { maxLength: 5 }), cuts, (values, at) => {
        const text = values.map(value => `${JSON.stringify(value)}\n`).join('')
        const reader = new LineReader()
        const read = pieces(text, at).flatMap(piece => [...reader.read(piece)])
        expect(read).toEqual(JSON.parse(JSON.stringify(values)))
      }),
    )
  })

  it('keeps the beginning of a line back until its end is there', () => {
    const reader = new LineReader()
    expect([...reader.read(Buffer.from('{"type":"ADDED"'))]).toEqual([])
    expect([...reader.read(Buffer.from('}\n{'))]).toEqual([{ type: 'ADDED' }])
  })
})

describe('reading in turns', () => {
  it('lets the event loop have its turn after each 64 KiB, however large the pieces of the body are', async () => {
    const line = `${JSON.stringify({ type: 'ADDED', object: 'x'.repeat(1000) })}\n`
    const body = Buffer.from(line.repeat(2000))
    let turns = 0
    let taken = 0
    let mostAtOnce = 0
    let others = 0
    const other = setInterval(() => others++, 0)
    const chunks = (async function* () {
      yield body
    })()
    await readInTurns(chunks, new LineReader(), {
      take: () => taken++,
      turn: () => {
        turns++
        mostAtOnce = Math.max(mostAtOnce, taken)
        taken = 0
      },
    })
    clearInterval(other)
    expect(turns).toBe(Math.ceil(body.length / TURN_BYTES))
    expect(mostAtOnce).toBeLessThanOrEqual(Math.ceil(TURN_BYTES / line.length) + 1)
    expect(others).toBeGreaterThan(0)
  })
})
