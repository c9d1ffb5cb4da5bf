/** Allocation: in memory in pools of several sizes and fillings, and durable in bulk and one by one. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Address } from '../../src/ip/address.ts'
import { isPrefix, type Prefix, parsePrefix } from '../../src/ip/prefix.ts'
import { Allocator } from '../../src/pool/allocator.ts'
import type { ClaimRequest, OwnerRef } from '../../src/pool/claims.ts'
import type { ClaimStore } from '../../src/pool/ledger.ts'
import { PoolSet } from '../../src/pool/pool-set.ts'
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
  const pool = new PoolSet('personal', [prefix(length)])
  for (let i = 0; i < claims; i++) pool.take(pool.place(service(i)) as Address)
  const nanoseconds = perOperation(200_000, i => {
    const address = pool.place(service(claims + i)) as Address
    pool.take(address)
    pool.give(address)
  })
  return [{ name: `pool: place and give back, ${what}`, value: nanoseconds, unit: 'ns/op' }]
}

/** Claims with all their books and without a disk: new owners one by one and by the thousand, and owners that hold. */
function allocator(what: string, length: string, claims: number): BenchRow[] {
  const one = new Allocator(MEMORY, { clock: () => 0, restMs: 0, leaseMs: 90_000 })
  one.setPools('personal', [prefix(length)])
  one.claim(Array.from({ length: claims }, (_, i) => request(i)))
  const room = Math.min(1000, 65_534 - (claims % 65_534))
  const rows = [1, room].map(size => ({
    name: `allocator in memory: claim, ${what}`,
    value: churn(one, claims, room, size),
    unit: 'ns/op',
    note: size === 1 ? 'one by one' : `batches of ${size}`,
  }))
  const holders = Array.from({ length: claims }, (_, i) => [request(i)])
  const kept = perOperation(200_000, i => one.claim(holders[i % claims] as ClaimRequest[]))
  return [...rows, { name: `allocator in memory: claim what one holds, ${what}`, value: kept, unit: 'ns/op' }]
}

/** Claims all the room there is, releases it, again and again; only the claims are timed. */
function churn(one: Allocator, claims: number, room: number, size: number): number {
  const rounds = Math.ceil(40_000 / room)
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 5; pass++) {
    let total = 0
    for (let round = 0; round < rounds; round++) {
      const requests = Array.from({ length: room }, (_, i) => request(claims + round * room + i))
      // names of Services come from a store that has hashed them
      new Set(requests.map(({ owner }) => owner.name))
      const batches = Array.from({ length: room / size }, (_, i) => requests.slice(i * size, (i + 1) * size))
      const start = cpuMicroseconds()
      for (const batch of batches) one.claim(batch)
      total += cpuMicroseconds() - start
      one.release(requests)
    }
    best = Math.min(best, (1000 * total) / (rounds * room))
  }
  return best
}

function durable(): BenchRow[] {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-bench-'))
  try {
    const one = Allocator.open({ directory, clock: Date.now, restMs: 600_000, leaseMs: 90_000 })
    one.setPools('personal', [prefix('/64')])
    const bulk = perSecond(100_000, () => one.claim(Array.from({ length: 100_000 }, (_, i) => request(i))))
    const batches = perSecond(20_000, () => {
      for (let b = 0; b < 200; b++) one.claim(Array.from({ length: 100 }, (_, i) => request(100_000 + 100 * b + i)))
    })
    const single = perSecond(1000, () => {
      for (let i = 0; i < 1000; i++) one.claim([request(200_000 + i)])
    })
    one.close()
    const start = performance.now()
    const again = Allocator.open({ directory, clock: Date.now, restMs: 600_000, leaseMs: 90_000 })
    again.setPools('personal', [prefix('/64')])
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

/** Nanoseconds of the thread's CPU time, the best of five passes: a busy machine blurs it least. */
function perOperation(count: number, operation: (i: number) => void): number {
  let best = Number.POSITIVE_INFINITY
  for (let pass = 0; pass < 5; pass++) {
    const start = cpuMicroseconds()
    for (let i = 0; i < count; i++) operation(i)
    best = Math.min(best, (1000 * (cpuMicroseconds() - start)) / count)
  }
  return best
}

function cpuMicroseconds(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
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
  const parsed = parsePrefix(base + length)
  if (!isPrefix(parsed)) throw new Error(parsed.reason)
  return parsed
}

if (import.meta.main) console.log(formatRows(await run()))
