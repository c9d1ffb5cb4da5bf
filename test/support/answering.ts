/** A name index and a responder over it, filled from lines of text and asked in one call. */
import { ThreadClock } from '#src/dns/clock.ts'
import { allocateCounters, type CounterSnapshot, Counters, readCounters } from '#src/dns/counters.ts'
import { Responder, type ResponderOptions } from '#src/dns/responder.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '#src/index/layout.ts'
import { IndexReader } from '#src/index/reader.ts'
import { IndexWriter, type IndexWriterOptions } from '#src/index/writer.ts'
import type { ZoneSpec } from '#src/index/zone-record.ts'
import { parseAddress } from '#src/ip/address.ts'
import { type Name, parseName } from '#src/wire/name.ts'
import { typeNumber } from '#src/wire/record-type.ts'
import type { NodeKind, RRset, Soa, ZoneNode } from '#src/zone/rrset.ts'
import { type DecodedMessage, decodeMessage } from './message-decoder.ts'

/** TTL of every record that is made here. */
export const TTL = 30
/** Octets on both sides of the reply that must stay as they are. */
const CANARY = 64
const CANARY_OCTET = 0xa5

/** A question and how it is asked. */
export interface Ask {
  readonly view?: number
  /** 0 UDP (the default), 1 TCP, 2 TLS, 3 HTTPS. */
  readonly transport?: number
  /** No OPT when null; 1232 octets by default. */
  readonly udpSize?: number | null
  readonly class?: number
  readonly options?: readonly [code: number, data: readonly number[]][]
  readonly isDnssecOk?: boolean
  readonly capacity?: number
  /** The client's address; `2001:db8::1` by default. */
  readonly source?: string
}

/** See the top of the file. */
export class Answering {
  readonly writer: IndexWriter
  readonly reader: IndexReader
  readonly responder: Responder
  readonly control: Int32Array
  /** Unix time in milliseconds; {@link advance} moves it. */
  now = 1_559_731_985_000
  readonly clock: ThreadClock = new ThreadClock(() => this.now)
  readonly #counters: SharedArrayBuffer = allocateCounters(1)
  readonly #zones = new Map<string, number>()

  constructor(options: Partial<ResponderOptions> = {}, index: Partial<IndexWriterOptions> = {}) {
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    this.control = new Int32Array(control)
    this.control[CONTROL.state] = STATE.serving
    this.writer = new IndexWriter({
      seed: 1,
      initialArenaBytes: 1 << 20,
      initialSlots: 1 << 10,
      ...index,
      onGeneration: buffers => this.reader.adopt(buffers),
    })
    this.reader = new IndexReader(this.writer.buffers, control)
    const all = { udpLimit: 1232, nsid: null, chaos: null, ...options }
    this.responder = new Responder(this.reader, new Counters(this.#counters, 0), all, null, this.clock)
    this.clock.tick(0)
  }

  /** Lets time pass. */
  advance(milliseconds: number): void {
    this.now += milliseconds
    this.clock.tick(this.clock.milliseconds + milliseconds)
  }

  /** What was counted so far. */
  counters(): CounterSnapshot {
    return readCounters(this.#counters)
  }

  /** Serves a zone with {@link soaOf}. */
  zone(apex: string, change: Partial<ZoneSpec> = {}, view = 0): this {
    const name = parseName(apex)
    const spec: ZoneSpec = { apex: name, soa: soaOf(name), kind: 'forward', unsynced: false, ...change }
    this.#zones.set(`${view} ${apex}`, this.writer.defineZone(view, spec))
    return this
  }

  /** Puts a node into the deepest zone that was defined above it; `records` are as {@link makeRrsets} takes them. */
  node(name: string, records: readonly string[] = [], kind: NodeKind = 'plain', view = 0): this {
    return this.put({ name: parseName(name), kind, rrsets: makeRrsets(records) }, name, view)
  }

  /** Puts a node that was made elsewhere. */
  put(node: ZoneNode, name: string, view = 0): this {
    const labels = name.split('.')
    const id = labels
      .map((_, i) => this.#zones.get(`${view} ${labels.slice(i).join('.')}`))
      .find(zone => zone !== undefined)
    this.writer.set(view, id ?? -1, node, 7)
    return this
  }

  /** Asks and decodes the reply, which must be a whole message. */
  ask(name: string, type: string, ask: Ask = {}): DecodedMessage {
    const reply = this.send(makeQuery(name, type, ask), ask)
    if (reply === null) throw new Error('there is no reply')
    return decodeMessage(reply)
  }

  /** Sends octets as they are; null: no reply. Throws when octets outside of the reply were written. */
  send(query: Uint8Array, ask: Ask = {}): Uint8Array | null {
    const { view = 0, transport = 0, capacity = 65_535, source = '2001:db8::1' } = ask
    const address = parseAddress(source) ?? new Uint8Array(16)
    const start = CANARY
    const out = new Uint8Array(start + capacity + CANARY).fill(CANARY_OCTET)
    const length = this.responder.respond(query, 0, query.length, out, start, capacity, view, transport, address, 0)
    if (length > capacity) throw new Error('the reply is longer than there was room')
    const outside = [...out.subarray(0, start), ...out.subarray(start + capacity)]
    if (outside.some(octet => octet !== CANARY_OCTET)) throw new Error('octets outside of the room were written')
    return length === 0 ? null : out.slice(start, start + length)
  }
}

/** A query with RD set and id 0x1234. */
export function makeQuery(name: string, type: string, ask: Ask = {}): Uint8Array {
  const { udpSize = 1232, options = [], isDnssecOk = false } = ask
  const data = options.flatMap(([code, octets]) => [...u16(code), ...u16(octets.length), ...octets])
  const opt =
    udpSize === null
      ? []
      : [0, ...u16(41), ...u16(udpSize), 0, 0, isDnssecOk ? 128 : 0, 0, ...u16(data.length), ...data]
  const counts = [...u16(1), 0, 0, 0, 0, ...u16(udpSize === null ? 0 : 1)]
  return Uint8Array.of(
    0x12,
    0x34,
    1,
    0,
    ...counts,
    ...parseName(name),
    ...u16(typeNumber(type) ?? 0),
    ...u16(ask.class ?? 1),
    ...opt,
  )
}

/** Both octets of a 16-bit number. */
export function u16(value: number): [number, number] {
  return [value >> 8, value & 255]
}

/** A start of authority below the apex; negative answers live 10 seconds. */
export function soaOf(apex: Name): Soa {
  const name = (label: string): Name => parseName(label, apex)
  return {
    mname: name('ns'),
    rname: name('hostmaster'),
    serial: 2026,
    refresh: 3,
    retry: 4,
    expire: 5,
    minimum: 10,
    ttl: 20,
  }
}

/**
 * Record sets of lines `TYPE data` with absolute names; equal types make one set. `+ TYPE name data` adds a record to
 * the additional section of the set before.
 */
export function makeRrsets(lines: readonly string[]): RRset[] {
  const sets: { type: number; ttl: number; rdatas: Uint8Array[]; additional: RRset['additional'][number][] }[] = []
  for (const line of lines) {
    const words = line.split(' ')
    if (words[0] === '+') {
      const [, type = '', name = '', ...data] = words
      sets
        .at(-1)
        ?.additional.push({ name: parseName(name), type: typeOf(type), ttl: TTL, rdata: makeRdata(type, data) })
      continue
    }
    const [type = '', ...data] = words
    const rdata = makeRdata(type, data)
    const set = sets.find(one => one.type === typeOf(type))
    if (set === undefined) sets.push({ type: typeOf(type), ttl: TTL, rdatas: [rdata], additional: [] })
    else set.rdatas.push(rdata)
  }
  return sets
}

/** RDATA of words as they stand in {@link makeRrsets}. */
export function makeRdata(type: string, [first = '', ...rest]: readonly string[]): Uint8Array {
  if (type === 'A') return parseAddress(first)?.slice(12) ?? new Uint8Array(4)
  if (type === 'AAAA') return parseAddress(first) ?? new Uint8Array(16)
  if (type === 'TXT') return Uint8Array.of(first.length, ...new TextEncoder().encode(first))
  if (type === 'MX') return Uint8Array.of(...u16(Number(first)), ...parseName(rest[0] ?? ''))
  if (type === 'SRV') {
    const [weight = '0', port = '0', target = ''] = rest
    return Uint8Array.of(...[first, weight, port].flatMap(value => u16(Number(value))), ...parseName(target))
  }
  if (type === 'DS') return Uint8Array.of(0, 1, 8, 2, ...new TextEncoder().encode(first))
  return parseName(first)
}

function typeOf(text: string): number {
  const type = typeNumber(text)
  if (type === null) throw new Error(`there is no type ${text}`)
  return type
}
