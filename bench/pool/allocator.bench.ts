/** Allocation: in memory in pools of several sizes and fillings, and durable in bulk and one by one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Address, parseAddress } from '../../src/ip/address.ts'
import { isPrefix, type Prefix, parsePrefix } from '../../src/ip/prefix.ts'
import { Allocator } from '../../src/pool/allocator.ts'
import type { ClaimRequest, OwnerRef } from '../../src/pool/claims.ts'
import type { ClaimStore } from '../../src/pool/ledger.ts'
import { Pool } from '../../src/pool/pool.ts'
import { type BenchRow, formatRows } from '../report.ts'

const MEMORY: ClaimStore = { load: () => [], write: () => undefined, close: () => undefined }

/** All rows. */
export async function run(): Promise<BenchRow[]> {
  return [
    ...placement('/112, 90 % full', '/112', 58_980),
    ...placement('/112, 99.9 % full', '/112', 65_468),
    ...placement('/108, 90 % full', '/108', 943_716),
    ...placement('/64, 100,000 claims', '/64', 100_000),
    ...allocator('/112, 90 % full', '/112', 58_980),
    ...allocator('/112, 99.9 % full', '/112', 65_468),
    ...allocator('/64, 100,000 claims', '/64', 100_000),
    ...durable(),
  ]
}

/** Place, take and give back one address, in a pool that stays as full as it is. */
function placement(what: string, length: string, claims: number): BenchRow[] {
  const pool = new Pool('personal', prefix(length))
  for (let i = 0; i < claims; i++) pool.take(pool.place(service(i)) as Address)
  const nanoseconds = perOperation(200_000, i => {
    const address = pool.place(service(claims + i)) as Address
    pool.take(address)
    pool.give(address)
  })
  return [{ name: `pool: place and give back, ${what}`, value: nanoseconds, unit: 'ns/op' }]
}

/** One claim with all its books and without a disk, alone and as part of a batch of 1,000. */
function allocator(what: string, length: string, claims: number): BenchRow[] {
  const options = { clock: () => 0, restMs: 0 }
  const one = new Allocator(MEMORY, options)
  one.setPool('personal', prefix(length))
  one.claim(Array.from({ length: claims }, (_, i) => request(i)))
  // released again by batches of the pool's free room
  const room = Math.min(50, 65_534 - (claims % 65_534))
  const single = cycle(one, claims, room, 400)
  const kept = perOperation(200_000, i => one.claim([request(i % claims)]))
  return [
    { name: `allocator in memory: claim one, ${what}`, value: single, unit: 'ns/op' },
    { name: `allocator in memory: claim what one holds, ${what}`, value: kept, unit: 'ns/op' },
  ]
}

/** Claims `room` addresses one by one, releases them, again and again; only the claims are timed. */
function cycle(one: Allocator, claims: number, room: number, rounds: number): number {
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 5; pass++) {
    let total = 0n
    for (let round = 0; round < rounds; round++) {
      const requests = Array.from({ length: room }, (_, i) => [request(claims + round * room + i)])
      const start = process.hrtime.bigint()
      for (const batch of requests) one.claim(batch)
      total += process.hrtime.bigint() - start
      one.release(requests.map(([first]) => first as ClaimRequest))
    }
    best = Math.min(best, Number(total) / (rounds * room))
  }
  return best
}

function durable(): BenchRow[] {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-bench-'))
  try {
    const one = Allocator.open({ directory, clock: Date.now, restMs: 600_000 })
    one.setPool('personal', prefix('/64'))
    const bulk = perSecond(100_000, () => one.claim(Array.from({ length: 100_000 }, (_, i) => request(i))))
    const batches = perSecond(20_000, () => {
      for (let b = 0; b < 200; b++) one.claim(Array.from({ length: 100 }, (_, i) => request(100_000 + 100 * b + i)))
    })
    const single = perSecond(1000, () => {
      for (let i = 0; i < 1000; i++) one.claim([request(200_000 + i)])
    })
    one.close()
    const start = performance.now()
    const again = Allocator.open({ directory, clock: Date.now, restMs: 600_000 })
    again.setPool('personal', prefix('/64'))
    const open = performance.now() - start
    again.close()
    return [
      { name: 'durable claims, one batch of 100,000', value: bulk, unit: 'ops/s' },
      { name: 'durable claims, batches of 100', value: batches, unit: 'ops/s' },
      { name: 'durable claims, one by one', value: single, unit: 'ops/s', note: 'one fsync each' },
      { name: 'open a ledger of 121,000 claims', value: open, unit: 'ms' },
    ]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function perOperation(count: number, operation: (i: number) => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 5; pass++) {
    const start = process.hrtime.bigint()
    for (let i = 0; i < count; i++) operation(i)
    best = Math.min(best, Number(process.hrtime.bigint() - start) / count)
  }
  return best
}

function perSecond(count: number, work: () => void): number {
  const start = performance.now()
  work()
  return (1000 * count) / (performance.now() - start)
}

function service(i: number): OwnerRef {
  return { kind: 'Service', name: `namespace-${i % 97}/service-${i}` }
}

function request(i: number): ClaimRequest {
  return { network: 'personal', owner: service(i), explicit: [], place: true, created: null }
}

function prefix(length: string): Prefix {
  const base = length === '/64' ? 'fdaa:0:48c8:1::' : 'fdaa:0:48c8:0:1::'
  if (parseAddress(base) === null) throw new Error(base)
  const parsed = parsePrefix(base + length)
  if (!isPrefix(parsed)) throw new Error(parsed.reason)
  return parsed
}

if (import.meta.main) console.log(formatRows(await run()))
