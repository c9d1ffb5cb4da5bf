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
const LEAST_WRITTEN = 3 << 20

describe('readers beside a writer', () => {
  it('see one version of each name, whole, while memory is used again and again', async () => {
    const control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES))
    control[CONTROL.state] = STATE.serving
    control[CONTROL.readers] = READERS
    const threads: Worker[] = []
    const arenas = new Set<SharedArrayBuffer>()
    const onGeneration = (buffers: IndexBuffers): void => {
      arenas.add(buffers.arena)
      for (const thread of threads) thread.postMessage(buffers)
      Atomics.add(control, CONTROL.generation, 1)
    }
    const options = { seed: 5, control: control.buffer as SharedArrayBuffer, onGeneration }
    const writer = new IndexWriter({ ...options, initialArenaBytes: 1 << 20, initialSlots: 64 })
    const zone = writer.defineZone(0, { apex: APEX, soa: soaOf(APEX), kind: 'forward', unsynced: false })
    for (let number = 0; number < READERS; number++) {
      const workerData: ReaderSetup = { index: writer.buffers, control: options.control, number }
      const thread = new Worker(new URL('../support/index-reader-thread.ts', import.meta.url), { workerData })
      threads.push(thread)
      await once(thread, 'message')
    }
    const written = change(writer, zone, control)
    const reports = threads.map(async thread => (await once(thread, 'message'))[0] as ReaderReport)
    Atomics.store(control, CONTROL.stop, 1)
    for (const report of await Promise.all(reports)) {
      expect(report.faults).toEqual([])
      expect(report.answers).toBeGreaterThan(100)
      expect(report.generations).toBeGreaterThan(1)
    }
    expect(arenas.size).toBe(1)
    expect(written).toBeGreaterThan(2 * writer.buffers.arena.byteLength)
    await Promise.all(threads.map(async thread => await thread.terminate()))
  })
})

/** Changes names as fast as it can. @returns at least how many octets it wrote. */
function change(writer: IndexWriter, zone: number, control: Int32Array): number {
  const end = Date.now() + MILLISECONDS
  let written = 0
  for (let i = 0; Date.now() < end || written < LEAST_WRITTEN; i++) {
    const name = (i * 7) % NAMES.length
    const version = (i * 13) % VERSIONS
    if (i % 5 === 0) {
      writer.delete(0, foldName(parseName(NAMES[name] ?? '')))
    } else {
      writer.set(0, zone, versionNode(name, version), i)
      written += version
    }
    if (i % 50 === 0)
      writer.defineZone(0, { apex: APEX, soa: { ...soaOf(APEX), serial: i }, kind: 'forward', unsynced: false })
    if (i % 500 === 0) awaitReaders(writer, control)
  }
  return written
}

/** A machine may let a reader wait for a long time; then memory could not be used again. */
function awaitReaders(writer: IndexWriter, control: Int32Array): void {
  const { generation } = writer.buffers
  // A reader that has met too many faults is gone.
  const giveUp = Date.now() + 5000
  for (let word = CONTROL.taken; word < CONTROL.taken + READERS; word++) {
    for (let taken = control[word] ?? 0; taken < generation; taken = Atomics.load(control, word)) {
      if (Date.now() > giveUp) return
      Atomics.wait(control, word, taken, 1)
    }
  }
}
