/**
 * The store at the size it is made for: 10,000 Services with 25 endpoints each. Memory is measured in a fresh heap
 * (`--expose-gc` makes it exact; without it the row is left out).
 */

import type { ClusterObject, ObjectChange } from '../../src/cluster/objects.ts'
import { decodeSnapshot, encodeSnapshot } from '../../src/cluster/snapshot.ts'
import { Store } from '../../src/cluster/store.ts'
import { Interner, stripObject } from '../../src/cluster/strip.ts'
import { type BenchRow, formatRows } from '../report.ts'
import { podValue, serviceValue, sliceValue } from './values.ts'

const SERVICES = 10_000
const PER_SERVICE = 25
const CHANGES = 20_000

export async function run(): Promise<BenchRow[]> {
  const interner = new Interner()
  const store = new Store()
  store.apply(changes(SERVICES, i => strip(serviceValue(i), interner)))
  const before = heldBytes()
  const slices = changes(SERVICES, i => strip(sliceValue(i, PER_SERVICE), interner))
  const start = performance.now()
  store.apply(slices)
  const applied = performance.now() - start
  slices.length = 0
  const after = heldBytes()
  const rows: BenchRow[] = [
    { name: 'first state of 10,000 slices × 25 endpoints', value: applied, unit: 'ms' },
    ...changeRows(store, interner),
    ...snapshotRows(store),
  ]
  if (before !== null && after !== null) {
    const endpoints = SERVICES * PER_SERVICE
    const bytes = after - before
    rows.push({ name: 'memory of 250,000 endpoints', value: bytes / 1e6, unit: 'MB', note: 'heap and buffers' })
    rows.push({ name: 'memory of an endpoint', value: bytes / endpoints, unit: 'bytes/op', note: '25 in a slice' })
  }
  return rows
}

function changeRows(store: Store, interner: Interner): BenchRow[] {
  const flips = [0, 1].map(flip => changes(SERVICES, i => strip(sliceValue(i, PER_SERVICE, flip === 1), interner)))
  const derived = new Store()
  derived.apply(changes(SERVICES, i => strip(serviceValue(i), interner)))
  const pods = changes(CHANGES, i => strip(podValue(i % 1_000, i % 2 === 0), interner))
  return [
    row('slice change', perChange(store, flips.flat())),
    row('slice report that says nothing new', perChange(store, flips[1] as ObjectChange[])),
    row(
      'Pod change, with the slices of its Service derived',
      perChange(derived, pods, key => derived.slicesOf(key)),
    ),
  ]
}

function snapshotRows(store: Store): BenchRow[] {
  let encode = Number.POSITIVE_INFINITY
  let decode = Number.POSITIVE_INFINITY
  let bytes = 0
  for (let round = 0; round < 5; round++) {
    const start = performance.now()
    const snapshot = Buffer.concat([...encodeSnapshot(store.objects())])
    encode = Math.min(encode, performance.now() - start)
    bytes = snapshot.length
    const middle = performance.now()
    if (decodeSnapshot(snapshot) === null) throw new Error('the snapshot does not read back')
    decode = Math.min(decode, performance.now() - middle)
  }
  return [
    { name: 'snapshot encode', value: encode, unit: 'ms' },
    { name: 'snapshot decode', value: decode, unit: 'ms' },
    { name: 'snapshot size', value: bytes / 1e6, unit: 'MB' },
  ]
}

/** Microseconds for each of the changes, applied one by one. */
function perChange(store: Store, list: readonly ObjectChange[], read?: (key: string) => unknown): number {
  const start = performance.now()
  for (const change of list) {
    const { services } = store.apply([change])
    if (read !== undefined) for (const key of services) read(key)
  }
  return ((performance.now() - start) * 1_000) / list.length
}

function row(name: string, value: number): BenchRow {
  return { name, value, unit: 'µs/op' }
}

function changes(count: number, make: (i: number) => ClusterObject): ObjectChange[] {
  return Array.from({ length: count }, (_, i) => {
    const object = make(i)
    return { kind: object.kind, key: object.kind === 'Namespace' ? object.name : object.key, object }
  })
}

/** Through JSON, so that no text is shared that would not be shared in a file. */
function strip(value: unknown, interner: Interner): ClusterObject {
  const stripped = stripObject(JSON.parse(JSON.stringify(value)), 'manifests/all.json:1', interner)
  if (stripped.outcome !== 'object') throw new Error('the benchmark made an invalid object')
  return stripped.object
}

function heldBytes(): number | null {
  if (globalThis.gc === undefined) return null
  for (let i = 0; i < 4; i++) globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

if (import.meta.main) console.log(formatRows(await run()))
