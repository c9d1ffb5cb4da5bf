/** One writer, two readers in threads of their own: nobody sees half an entry. */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { CONTROL, CONTROL_BYTES, type IndexBuffers, STATE } from '#src/index/layout.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { foldName, parseName } from '#src/wire/name.ts'
import { soaOf } from '#support/answering.ts'
import type { ReaderReport, ReaderSetup } from '#support/index-reader-thread.ts'
import { NAMES, VERSIONS, versionNode } from '#support/versions.ts'

const APEX = parseName('zone')
const READERS = 2
const MILLISECONDS = 1000

describe('readers beside a writer', () => {
  it('see one version of each name, whole, through changes, deletions and generations', async () => {
    const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES))
    control[CONTROL.state] = STATE.serving
    const threads: Worker[] = []
    const onGeneration = (buffers: IndexBuffers): void => {
      for (const thread of threads) thread.postMessage(buffers)
      Atomics.add(control, CONTROL.generation, 1)
    }
    const writer = new IndexWriter({ seed: 5, initialArenaBytes: 1 << 16, initialSlots: 64, onGeneration })
    const zone = writer.defineZone(0, { apex: APEX, soa: soaOf(APEX), kind: 'forward', unsynced: false })
    const setup: ReaderSetup = { index: writer.buffers, control: control.buffer as SharedArrayBuffer }
    for (let i = 0; i < READERS; i++) {
      const thread = new Worker(new URL('../support/index-reader-thread.ts', import.meta.url), { workerData: setup })
      threads.push(thread)
      await once(thread, 'message')
    }
    change(writer, zone)
    const reports = threads.map(async thread => (await once(thread, 'message'))[0] as ReaderReport)
    Atomics.store(control, CONTROL.stop, 1)
    for (const report of await Promise.all(reports)) {
      expect(report.faults).toEqual([])
      expect(report.answers).toBeGreaterThan(100)
      expect(report.generations).toBeGreaterThan(1)
    }
    await Promise.all(threads.map(async thread => await thread.terminate()))
  })
})

/** Changes names as fast as it can, without giving way to anything. */
function change(writer: IndexWriter, zone: number): void {
  const end = Date.now() + MILLISECONDS
  for (let i = 0; Date.now() < end; i++) {
    const name = (i * 7) % NAMES.length
    if (i % 5 === 0) writer.delete(0, foldName(parseName(NAMES[name] ?? '')))
    else writer.set(0, zone, versionNode(name, (i * 13) % VERSIONS), i)
    if (i % 50 === 0)
      writer.defineZone(0, { apex: APEX, soa: { ...soaOf(APEX), serial: i }, kind: 'forward', unsynced: false })
  }
}
