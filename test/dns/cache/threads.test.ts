import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { monotonicMs } from '#src/dns/cache/clock.ts'
import { allocateCache, CACHE_CONTROL } from '#src/dns/cache/memory/layout.ts'
import { KeptAnswer } from '#src/dns/cache/write/kept-answer.ts'
import { CacheWriter } from '#src/dns/cache/write/writer.ts'
import type { ForeignAnswer } from '#src/dns/forward/answer.ts'
import { hashKeys } from '#src/index/hash.ts'
import { parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { RULES } from '#support/cache.ts'
import type { CacheReaderReport, CacheReaderSetup } from '#support/cache-reader-thread.ts'
import { makeForeign } from '#support/foreign-answer.ts'

const READERS = 2
const MILLISECONDS = 1000
const NAMES = Array.from({ length: 800 }, (_, i) => `name-${i}.example`)
const BYTES = 1 << 20

describe('readers in other threads', () => {
  it('see every answer whole, while its memory is used again and again', { timeout: 30_000 }, async () => {
    const buffers = allocateCache({ maxBytes: BYTES, maxEntries: 600 }, hashKeys(3), monotonicMs())
    const control = new Int32Array(buffers.control)
    control[CACHE_CONTROL.readers] = READERS
    const writer = new CacheWriter(buffers, RULES)
    const stop = new SharedArrayBuffer(4)
    const threads: Worker[] = []
    const reports: Promise<CacheReaderReport>[] = []
    for (let number = 0; number < READERS; number++) {
      const workerData: CacheReaderSetup = { buffers, number, names: NAMES, stop }
      const thread = new Worker(new URL('../../support/cache-reader-thread.ts', import.meta.url), { workerData })
      threads.push(thread)
      await once(thread, 'message')
      reports.push(once(thread, 'message').then(([report]) => report as CacheReaderReport))
    }
    // A reader that has met too many faults is gone, and then no memory comes free any more.
    const written = await Promise.race([change(writer), ...reports.map(report => report.then(() => 0))])
    Atomics.store(new Int32Array(stop), 0, 1)
    for (const report of await Promise.all(reports)) {
      expect(report.faults).toEqual([])
      expect(report.hits).toBeGreaterThan(100)
    }
    expect(written).toBeGreaterThanOrEqual(2 * BYTES)
    expect(writer.figures.evictions).toBeGreaterThan(1000)
    expect(writer.figures.bytes).toBeLessThanOrEqual(BYTES)
    await Promise.all(threads.map(async thread => await thread.terminate()))
  })
})

it('A writer that takes over waits until readers have let go of what they were with', async () => {
  const buffers = allocateCache({ maxBytes: BYTES, maxEntries: 600 }, hashKeys(3), monotonicMs())
  const control = new Int32Array(buffers.control)
  control[CACHE_CONTROL.readers] = 1
  new CacheWriter(buffers, RULES)
  expect(control[CACHE_CONTROL.epoch]).toBe(0)
  // In the midst of a batch when the epoch moves.
  const code = `
    const { parentPort, workerData: { control, epoch, taken } } = require('node:worker_threads')
    const words = new Int32Array(control)
    parentPort.postMessage('reading')
    while (Atomics.load(words, epoch) === 0) Atomics.wait(words, epoch, 0, 1)
    Atomics.wait(words, epoch, 1, 40)
    Atomics.store(words, taken, 1)`
  const workerData = { control: buffers.control, epoch: CACHE_CONTROL.epoch, taken: CACHE_CONTROL.taken }
  const thread = new Worker(code, { eval: true, workerData })
  await once(thread, 'message')
  new CacheWriter(buffers, RULES)
  expect(control[CACHE_CONTROL.taken]).toBe(1)
  await thread.terminate()
})

/** Stores answers of all sizes as fast as memory comes free. @returns octets of records that were stored. */
async function change(writer: CacheWriter): Promise<number> {
  const answers = new KeptAnswer()
  const names = NAMES.map(name => {
    const wire = parseName(name)
    const bytes = new Uint8Array(wire.length + 3)
    bytes.set(wire)
    return { bytes: new DataView(bytes.buffer), length: wire.length }
  })
  const messages = NAMES.map((_, i) => [1, 2, 5, 9, 17, 40].map(count => versionMessage(i, count)))
  const end = Date.now() + MILLISECONDS
  let written = 0
  for (let i = 0; Date.now() < end || written < 2 * BYTES; i++) {
    const at = (i * 31) % NAMES.length
    const { bytes, length } = names[at] as (typeof names)[number]
    writer.reader.refresh()
    writer.reader.key.set(bytes, 0, length, TYPE.AAAA, 1, 0)
    const versions = messages[at] ?? []
    const message = versions[(i * 7) % versions.length] as ForeignAnswer
    if (!answers.read(message, TYPE.AAAA, RULES)) throw new Error('an answer could not be read')
    const place = writer.store(answers)
    // Readers are late: let them run.
    if (place === 0) await new Promise(resolve => setImmediate(resolve))
    else written += answers.octets
    if (i % 97 === 0 && place !== 0) writer.forget(place)
  }
  return written
}

function versionMessage(name: number, count: number): ForeignAnswer {
  const tail = (name % 256).toString(16).padStart(2, '0') + count.toString(16).padStart(2, '0')
  const address = `2001:db8::${(name >> 8).toString(16)}:${tail}`
  const answers = Array.from({ length: count }, () => `name-${name}.example 86400 AAAA ${address}`)
  return makeForeign({ name: `name-${name}.example`, type: 'AAAA', answers })
}
