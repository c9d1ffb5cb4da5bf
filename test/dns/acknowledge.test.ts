/** Every thread of the data plane says which generation of the index it has, so that memory can be used again. */
import { afterEach, describe, expect, it } from 'vitest'
import { type DataPlane, startDataPlane } from '#src/dns/plane.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '#src/index/layout.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { soaOf } from '#support/answering.ts'

const APEX = parseName('zone')
let plane: DataPlane | null = null

afterEach(async () => {
  await plane?.stop(1000)
  plane = null
})

describe('the data plane', () => {
  it.each(['batched', 'portable'] as const)('acknowledges each generation: %s', async transport => {
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    const words = new Int32Array(control)
    words[CONTROL.state] = STATE.serving
    const writer = new IndexWriter({
      seed: 1,
      control,
      initialArenaBytes: 1 << 18,
      onGeneration: buffers => plane?.publish(buffers),
    })
    const zone = writer.defineZone(0, { apex: APEX, soa: soaOf(APEX), kind: 'forward', unsynced: false })
    const started = await start(transport === 'batched' ? 'auto' : transport, control, writer)
    plane = started
    const threads = started.workers().length
    expect(words[CONTROL.readers]).toBe(threads)
    const { arena } = writer.buffers
    const name = parseName('a.zone')
    const rrset = { type: TYPE.TXT, ttl: 1, rdatas: [new Uint8Array(20_000)], additional: [] }
    let owner = 0
    for (let round = 0; round < 14; round++) {
      const { generation } = writer.buffers
      while (writer.buffers.generation === generation) {
        writer.set(0, zone, { name, kind: 'plain', rrsets: [rrset] }, owner++)
      }
      const taken = words.subarray(CONTROL.taken, CONTROL.taken + threads)
      await expect.poll(() => Math.min(...taken), { interval: 1 }).toBe(writer.buffers.generation)
    }
    expect(writer.buffers.arena).toBe(arena)
    expect(owner * 20_000).toBeGreaterThan(arena.byteLength)
  })
})

async function start(
  transport: 'auto' | 'portable',
  control: SharedArrayBuffer,
  writer: IndexWriter,
): Promise<DataPlane> {
  return await startDataPlane({
    listen: [{ address: '::1', port: 0 }],
    workers: 2,
    transport,
    responder: { udpLimit: 1232, nsid: null, chaos: null },
    views: [],
    control,
    index: writer.buffers,
    tcp: { idleMs: 10_000, maxConnections: 10, maxBytesPerConnection: 262_144 },
    onError: error => {
      throw error
    },
  })
}
