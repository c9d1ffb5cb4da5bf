/** Looks at entries and takes them out by hand, for the HTTP API. */
import { setImmediate as nextLoop } from 'node:timers/promises'
import { formatName } from '../../../wire/name.ts'
import { typeName } from '../../../wire/record-type.ts'
import { ENTRY, KIND_NAMES, MAX_PROBES, SHAPE, SLOTS_PER_TURN, TICKS, USE } from '../memory/layout.ts'
import type { CacheService } from './service.ts'

/** What is asked of the thread that writes the cache. `name` is a folded wire name. */
export type CacheRequest =
  | { readonly kind: 'show'; readonly name: Uint8Array }
  | { readonly kind: 'flush'; readonly name: Uint8Array; readonly below: boolean }

/** One entry, for a person. */
export interface CacheEntry {
  /** With the final dot. */
  readonly name: string
  readonly type: string
  readonly kind: (typeof KIND_NAMES)[number]
  readonly dnssecOk: boolean
  readonly checkingDisabled: boolean
  readonly authentic: boolean
  /** Seconds until it is out of date, at least 0. */
  readonly ttl: number
  readonly stale: boolean
  /** Seconds since it was stored. */
  readonly age: number
  /** Octets of its records. */
  readonly bytes: number
  readonly records: number
  /** Since it was stored; 255: that many or more. */
  readonly hits: number
}

/** The answer to a request: the entries, or how many are gone. */
export type CacheReply =
  | { readonly kind: 'show'; readonly entries: readonly CacheEntry[] }
  | { readonly kind: 'flush'; readonly flushed: number }

/** Does what is asked. */
export async function inspectCache(service: CacheService, request: CacheRequest): Promise<CacheReply> {
  if (request.kind === 'show') {
    const entries = placesOf(service, request.name).map(place => describe(service, place))
    return { kind: 'show', entries }
  }
  const flushed = request.below ? await flushBelow(service, request.name) : flushName(service, request.name)
  service.count('flushed', flushed)
  return { kind: 'flush', flushed }
}

function placesOf(service: CacheService, name: Uint8Array): number[] {
  service.setKey(name, 0, 0)
  const places: number[] = []
  service.writer.forEachOfName(place => places.push(place))
  return places
}

function flushName(service: CacheService, name: Uint8Array): number {
  const places = placesOf(service, name)
  for (const place of places) service.writer.forget(place)
  return places.length
}

/**
 * Takes out the name and all below it. The slots are gone through from the last to the first, because entries move only
 * to slots before theirs; those that go round the end are looked for once more.
 */
async function flushBelow(service: CacheService, name: Uint8Array): Promise<number> {
  const { writer } = service
  let flushed = 0
  const look = (slot: number): void => {
    // Another entry may move into a slot that becomes free.
    for (let place = writer.placeAt(slot); place !== 0 && isBelow(service, place, name); place = writer.placeAt(slot)) {
      writer.forget(place)
      flushed++
    }
  }
  for (let slot = writer.slots - 1; slot >= 0; slot--) {
    look(slot)
    if (slot % SLOTS_PER_TURN === 0) await nextLoop()
  }
  for (let slot = writer.slots - 1; slot >= writer.slots - MAX_PROBES; slot--) look(slot)
  return flushed
}

function isBelow({ writer }: CacheService, place: number, name: Uint8Array): boolean {
  const { reader } = writer
  const length = reader.word(place, ENTRY.shape) & SHAPE.name
  const start = reader.nameStart(place)
  let at = 0
  while (length - at > name.length) at += reader.arena.getUint8(start + at) + 1
  if (length - at !== name.length) return false
  for (let i = 0; i < name.length; i++) if (reader.arena.getUint8(start + at + i) !== name[i]) return false
  return true
}

function describe({ writer }: CacheService, place: number): CacheEntry {
  const { reader } = writer
  const shape = reader.word(place, ENTRY.shape)
  const start = reader.nameStart(place)
  const name = Uint8Array.from({ length: shape & SHAPE.name }, (_, i) => reader.arena.getUint8(start + i))
  const left = Math.ceil((reader.word(place, ENTRY.expires) - reader.clock.now()) / TICKS)
  return {
    name: formatName(name),
    type: typeName(reader.word(place, ENTRY.question) >>> 16),
    kind: KIND_NAMES[reader.kind(place)] ?? 'failure',
    dnssecOk: (shape & SHAPE.dnssecOk) !== 0,
    checkingDisabled: (shape & SHAPE.checkingDisabled) !== 0,
    authentic: (shape & SHAPE.authentic) !== 0,
    ttl: Math.max(0, left),
    stale: reader.isStale(place),
    age: reader.age(place),
    bytes: reader.octets(place),
    records: reader.count(place),
    hits: reader.use(place, USE.hits),
  }
}
