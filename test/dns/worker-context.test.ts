import { MessageChannel } from 'node:worker_threads'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { allocateCounters } from '#src/dns/counters.ts'
import type { PublishedState } from '#src/dns/messages.ts'
import { packViews } from '#src/dns/views.ts'
import { WorkerContext } from '#src/dns/worker-context.ts'
import { CONTROL, CONTROL_BYTES } from '#src/index/layout.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { parseName } from '#src/wire/name.ts'
import { soaOf } from '#support/answering.ts'

afterEach(() => void vi.unstubAllGlobals())

describe('WorkerContext', () => {
  it('lets go of the memory of an old generation, and collects for nothing else', () => {
    const gc = vi.fn<(options: NodeJS.GCOptions) => void>()
    vi.stubGlobal('gc', gc)
    const writer = new IndexWriter({ seed: 1, initialArenaBytes: 1 << 16, initialSlots: 16, onGeneration: () => {} })
    const { port1, port2 } = new MessageChannel()
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    const state = {
      index: writer.buffers,
      views: packViews([]),
      responder: { udpLimit: 1232, nsid: null, chaos: null },
    }
    const role = { kind: 'batched', sockets: [] } as const
    const context = new WorkerContext(
      { role, state, control, counters: allocateCounters(1), block: 0, forward: null, cache: null },
      port2,
    )
    const publish = (published: Partial<PublishedState>): void => {
      port1.postMessage({ type: 'publish', state: published })
      Atomics.add(new Int32Array(control), CONTROL.generation, 1)
      context.refresh()
    }

    publish({ index: { ...writer.buffers, generation: 2 } })
    publish({ views: packViews([]) })
    expect(gc).not.toHaveBeenCalled()

    const apex = parseName('zone')
    const zone = writer.defineZone(0, { apex, soa: soaOf(apex), kind: 'forward', unsynced: false })
    for (let i = 0; i < 40; i++) writer.set(0, zone, { name: parseName(`n${i}.zone`), kind: 'plain', rrsets: [] }, 1)
    publish({ index: writer.buffers })
    expect(gc).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ type: 'minor' }))
    publish({ index: writer.buffers })
    expect(gc).toHaveBeenCalledOnce()
    port1.close()
  })
})
