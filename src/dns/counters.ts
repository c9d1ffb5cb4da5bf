/**
 * What the data plane counts: one block of float64 cells for each thread in shared memory. Only its own thread writes a
 * block, with plain additions; the control thread reads all of them at a scrape. Nothing is locked and nothing is sent.
 *
 * ```
 *   memory   ┌─────────────── block 0 ───────────────┬─── block 1 ─── …
 *            │ queries │ responses │ … │ TCP │ padding│
 *            └─────────┴───────────┴───┴─────┴────────┘
 *   queries and responses: one row for each transport, one cell for each type or response code
 * ```
 *
 * A double holds whole numbers up to 2^53, and its store is never torn on the platforms that Node runs on.
 */
import { INFO_CODE } from '../wire/edns.ts'
import { RCODE, TYPE, typeName } from '../wire/record-type.ts'

/** Transport labels, in the order of the transport numbers. */
const TRANSPORTS: readonly string[] = ['udp', 'tcp', 'tls', 'https']

/** Those with connections. */
const STREAM_TRANSPORTS: readonly string[] = TRANSPORTS.slice(1)

/** Types that are counted by name; everything else is `other`. */
const COUNTED_TYPES: readonly number[] = [
  TYPE.A,
  TYPE.AAAA,
  TYPE.SRV,
  TYPE.PTR,
  TYPE.CNAME,
  TYPE.TXT,
  TYPE.NS,
  TYPE.SOA,
  TYPE.MX,
  TYPE.SVCB,
  TYPE.HTTPS,
  TYPE.DS,
  TYPE.ANY,
]
const TYPE_CELLS = COUNTED_TYPES.length + 1

/** YXDOMAIN (RFC 6672 section 2.2) is the one that is neither in the header's usual six nor extended. */
const COUNTED_RCODES: readonly [rcode: number, name: string][] = [
  [RCODE.NOERROR, 'NOERROR'],
  [RCODE.FORMERR, 'FORMERR'],
  [RCODE.SERVFAIL, 'SERVFAIL'],
  [RCODE.NXDOMAIN, 'NXDOMAIN'],
  [RCODE.NOTIMP, 'NOTIMP'],
  [RCODE.REFUSED, 'REFUSED'],
  [6, 'YXDOMAIN'],
  [RCODE.BADVERS, 'BADVERS'],
  [RCODE.BADCOOKIE, 'BADCOOKIE'],
]
const RCODE_CELLS = 24

/** Info codes of extended errors that are counted by name; everything else is `other`, which is code 0. */
const INFO_CODES: readonly [name: string, code: number][] = Object.entries(INFO_CODE)
const INFO_CODE_CELLS = 1 + Math.max(...Object.values(INFO_CODE))

/** What an answer was, beyond its response code. */
const ANSWER_KINDS = ['hit', 'nodata', 'nxdomain', 'referral', 'cname', 'synthesized', 'forwarded', 'cached'] as const
const DROP_REASONS = [
  'short',
  'response',
  'oversized',
  'source',
  'send',
  'fault',
  'forward',
  'rate',
  'proxy',
  'queue',
  'share',
] as const
/** How TLS sessions began: with a whole handshake, with a ticket, or not at all. */
const HANDSHAKES = ['full', 'resumed', 'failed'] as const
const CLOSE_REASONS = ['peer', 'idle', 'connections', 'bytes', 'error', 'stop', 'proxy', 'handshake'] as const

/** What became of cookies, in the order of `COOKIE`. */
const COOKIE_RESULTS = ['malformed', 'client', 'bad', 'good'] as const

/** Buckets of the service time: up to 2^8 ns, 2^9 ns … 2^20 ns, and longer. */
const DURATION_FIRST_BITS = 8
const DURATION_CELLS = 14

type CellGroup =
  | 'queries'
  | 'responses'
  | 'extendedErrors'
  | 'cookies'
  | 'slips'
  | 'truncated'
  | 'answers'
  | 'dropped'
  | 'receivedPackets'
  | 'sentPackets'
  | 'receivedBytes'
  | 'sentBytes'
  | 'batches'
  | 'batchPackets'
  | 'duration'
  | 'durationSum'
  | 'tcpAccepted'
  | 'tcpOpen'
  | 'handshakes'
  | 'tcpClosed'
  | 'end'

/** Cells of each group, in the order in which they lie in a block. */
const WIDTHS: Readonly<Record<CellGroup, number>> = {
  /** Queries whose question could be read: transport × type. */
  queries: TRANSPORTS.length * TYPE_CELLS,
  /** Replies: transport × extended response code (0…23). */
  responses: TRANSPORTS.length * RCODE_CELLS,
  /** Replies with an extended error, whether the client can read it or not: info code. */
  extendedErrors: INFO_CODE_CELLS,
  /** Queries with a cookie, by {@link COOKIE_RESULTS}. */
  cookies: COOKIE_RESULTS.length,
  /** Replies that the rate limit made empty, with TC. */
  slips: 1,
  /** Replies with TC set: transport. */
  truncated: TRANSPORTS.length,
  /** Replies by {@link ANSWER_KINDS}. */
  answers: ANSWER_KINDS.length,
  /**
   * Messages that got no reply, by {@link DROP_REASONS}; use {@link DROP}. `queue`: the kernel had no room for them, as far
   * as a busy thread looks; `share`: they were more than their client's part of what could be answered.
   */
  dropped: DROP_REASONS.length,
  /** Messages received: transport. */
  receivedPackets: TRANSPORTS.length,
  /** Messages sent: transport. */
  sentPackets: TRANSPORTS.length,
  /** Octets of the messages received: transport. */
  receivedBytes: TRANSPORTS.length,
  /** Octets of the messages sent: transport. */
  sentBytes: TRANSPORTS.length,
  /** Receive calls that brought at least one packet. */
  batches: 1,
  /** Packets that these calls brought. */
  batchPackets: 1,
  /** Packets by service time; see {@link Counters.observe}. */
  duration: DURATION_CELLS,
  /** Sum of the service times, nanoseconds. */
  durationSum: 1,
  /** Connections accepted: transport, from TCP on. */
  tcpAccepted: STREAM_TRANSPORTS.length,
  /** Connections open now: transport, from TCP on. Set, not added to: a thread that is started again has none. */
  tcpOpen: STREAM_TRANSPORTS.length,
  /** TLS handshakes, by {@link HANDSHAKES}; use {@link HANDSHAKE}. */
  handshakes: HANDSHAKES.length,
  /** Connections closed, by {@link CLOSE_REASONS}; use {@link CLOSE}. */
  tcpClosed: CLOSE_REASONS.length,
  end: 0,
}

/**
 * First cell of each group. The responder adds to `queries`, `responses`, `truncated`, `answers` and to the first two
 * of `dropped`; transports add to the rest.
 */
export const CELL: Readonly<Record<CellGroup, number>> = layOut(WIDTHS)

/** Cells of messages that get no reply: shorter than a header; QR set; longer than we read; source port 0 or our own
 * address; the system did not take the reply; an error in our code; nothing came in time from the thread that forwards;
 * above the rate limit; without a good PROXY header where there must be one. */
export const DROP: Readonly<Record<(typeof DROP_REASONS)[number], number>> = cellsOf(DROP_REASONS, CELL.dropped)

/** Cells of connections closed: by the client; after the idle time; over the limit of connections; over the limit of
 * bytes held; a socket error or a malformed stream; at the stop of the server; for want of a good PROXY header from
 * somebody who may send one; without a TLS handshake. */
export const CLOSE: Readonly<Record<(typeof CLOSE_REASONS)[number], number>> = cellsOf(CLOSE_REASONS, CELL.tcpClosed)

/** Cells of TLS handshakes, see {@link HANDSHAKES}. */
export const HANDSHAKE: Readonly<Record<(typeof HANDSHAKES)[number], number>> = cellsOf(HANDSHAKES, CELL.handshakes)

/** Cells of the kinds of answers: records of the asked type; name without the type; no such name; a delegation; an
 * answer that begins with a CNAME; records made for the query (ANY, dashed addresses, CHAOS); an answer from outside. */
export const ANSWER: Readonly<Record<(typeof ANSWER_KINDS)[number], number>> = cellsOf(ANSWER_KINDS, CELL.answers)

/** Whole cache lines, so that two threads never write to one; two of them, because processors fetch lines in pairs. */
const BLOCK_CELLS = Math.ceil(CELL.end / 16) * 16

/** Type → its place in a row of queries; the last place is `other`. */
const TYPE_PLACE = new Uint8Array(TYPE.CAA).fill(COUNTED_TYPES.length)
COUNTED_TYPES.forEach((type, place) => {
  TYPE_PLACE[type] = place
})

/** A count with the values of its labels, in the order that the field names. */
export interface LabelledCount {
  readonly labels: readonly string[]
  readonly value: number
}

/** All counters, summed over the threads where no `worker` label says otherwise. */
export interface CounterSnapshot {
  /** transport, type */
  readonly queries: readonly LabelledCount[]
  /** transport, rcode */
  readonly responses: readonly LabelledCount[]
  /** code, by its name */
  readonly extendedErrors: readonly LabelledCount[]
  /** result */
  readonly cookies: readonly LabelledCount[]
  readonly slips: number
  /** transport */
  readonly truncated: readonly LabelledCount[]
  /** kind */
  readonly answers: readonly LabelledCount[]
  /** reason */
  readonly dropped: readonly LabelledCount[]
  /** transport */
  readonly receivedPackets: readonly LabelledCount[]
  /** transport */
  readonly sentPackets: readonly LabelledCount[]
  /** transport */
  readonly receivedBytes: readonly LabelledCount[]
  /** transport */
  readonly sentBytes: readonly LabelledCount[]
  /** worker */
  readonly batches: readonly LabelledCount[]
  /** worker */
  readonly packets: readonly LabelledCount[]
  /** Seconds of service time a packet; the last count is unbounded. */
  readonly duration: { readonly bounds: readonly number[]; readonly counts: readonly number[]; readonly sum: number }
  /** transport */
  readonly tcpOpen: readonly LabelledCount[]
  /** transport */
  readonly tcpAccepted: readonly LabelledCount[]
  /** result */
  readonly handshakes: readonly LabelledCount[]
  /** reason */
  readonly tcpClosed: readonly LabelledCount[]
}

/** Memory for the blocks of `workers` threads. */
export function allocateCounters(workers: number): SharedArrayBuffer {
  return new SharedArrayBuffer(workers * BLOCK_CELLS * Float64Array.BYTES_PER_ELEMENT)
}

/** One thread's block. Every method is a few plain loads and stores. */
export class Counters {
  readonly #cells: Float64Array

  /** @param worker number of the thread, from 0; no other thread may write to its block. */
  constructor(memory: SharedArrayBuffer, worker: number) {
    this.#cells = new Float64Array(memory, worker * BLOCK_CELLS * Float64Array.BYTES_PER_ELEMENT, BLOCK_CELLS)
  }

  /** Adds to a cell of {@link CELL}, {@link DROP}, {@link CLOSE} or {@link ANSWER}. */
  add(cell: number, count: number): void {
    this.#cells[cell] = (this.#cells[cell] as number) + count
  }

  /** Sets a cell that says how things are now, for example {@link CELL}`.tcpOpen`. */
  set(cell: number, value: number): void {
    this.#cells[cell] = value
  }

  /** Counts a question. */
  query(transport: number, type: number): void {
    const place = type < TYPE.CAA ? (TYPE_PLACE[type] as number) : COUNTED_TYPES.length
    this.add(CELL.queries + transport * TYPE_CELLS + place, 1)
  }

  /** Counts a reply by its extended response code. */
  response(transport: number, rcode: number): void {
    this.add(CELL.responses + transport * RCODE_CELLS + rcode, 1)
  }

  /** Counts a reply with an extended error. */
  extendedError(infoCode: number): void {
    this.add(CELL.extendedErrors + (infoCode < INFO_CODE_CELLS ? infoCode : INFO_CODE.other), 1)
  }

  /** Counts a batch of packets that were received together and answered within `nanoseconds` altogether. */
  observe(packets: number, nanoseconds: number): void {
    this.add(CELL.batches, 1)
    this.add(CELL.batchPackets, packets)
    this.add(CELL.durationSum, nanoseconds)
    const each = Math.min(nanoseconds / packets, 0x7fff_ffff) | 0
    const bucket = Math.max(0, 32 - Math.clz32(Math.max(each - 1, 0)) - DURATION_FIRST_BITS)
    this.add(CELL.duration + Math.min(bucket, DURATION_CELLS - 1), packets)
  }
}

/** Reads all blocks. The figures of one thread may be a packet apart from each other: nothing stops the threads. */
export function readCounters(memory: SharedArrayBuffer): CounterSnapshot {
  const cells = new Float64Array(memory)
  const workers = cells.length / BLOCK_CELLS
  const of = (worker: number, cell: number): number => cells[worker * BLOCK_CELLS + cell] ?? 0
  const sum = (cell: number): number => {
    let total = 0
    for (let worker = 0; worker < workers; worker++) total += of(worker, cell)
    return total
  }
  const perWorker = (cell: number): LabelledCount[] =>
    Array.from({ length: workers }, (_, worker) => ({ labels: [String(worker)], value: of(worker, cell) }))
  const named = (names: readonly string[], first: number): LabelledCount[] =>
    names.map((name, i) => ({ labels: [name], value: sum(first + i) }))
  const rows = (first: number, width: number, places: readonly [number, string][]): LabelledCount[] =>
    TRANSPORTS.flatMap((transport, row) =>
      places.map(([place, name]) => ({ labels: [transport, name], value: sum(first + row * width + place) })),
    )
  return {
    queries: rows(
      CELL.queries,
      TYPE_CELLS,
      [...COUNTED_TYPES.map(typeName), 'other'].map((name, i) => [i, name]),
    ),
    responses: rows(CELL.responses, RCODE_CELLS, COUNTED_RCODES),
    extendedErrors: INFO_CODES.map(([name, code]) => ({
      labels: [snakeCase(name)],
      value: sum(CELL.extendedErrors + code),
    })),
    cookies: named(COOKIE_RESULTS, CELL.cookies),
    slips: sum(CELL.slips),
    truncated: named(TRANSPORTS, CELL.truncated),
    answers: named(ANSWER_KINDS, CELL.answers),
    dropped: named(DROP_REASONS, CELL.dropped),
    receivedPackets: named(TRANSPORTS, CELL.receivedPackets),
    sentPackets: named(TRANSPORTS, CELL.sentPackets),
    receivedBytes: named(TRANSPORTS, CELL.receivedBytes),
    sentBytes: named(TRANSPORTS, CELL.sentBytes),
    batches: perWorker(CELL.batches),
    packets: perWorker(CELL.batchPackets),
    duration: {
      bounds: Array.from({ length: DURATION_CELLS - 1 }, (_, i) => 2 ** (DURATION_FIRST_BITS + i) / 1e9),
      counts: Array.from({ length: DURATION_CELLS }, (_, i) => sum(CELL.duration + i)),
      sum: sum(CELL.durationSum) / 1e9,
    },
    tcpOpen: named(STREAM_TRANSPORTS, CELL.tcpOpen),
    tcpAccepted: named(STREAM_TRANSPORTS, CELL.tcpAccepted),
    handshakes: named(HANDSHAKES, CELL.handshakes),
    tcpClosed: named(CLOSE_REASONS, CELL.tcpClosed),
  }
}

/** Turns widths into first cells, one group after the other. */
function layOut<Names extends string>(widths: Record<Names, number>): Readonly<Record<Names, number>> {
  const firsts = { ...widths }
  let next = 0
  for (const name of Object.keys(widths) as Names[]) {
    firsts[name] = next
    next += widths[name]
  }
  return firsts
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, letter => `_${letter.toLowerCase()}`)
}

function cellsOf<Names extends string>(names: readonly Names[], first: number): Readonly<Record<Names, number>> {
  const cells: Partial<Record<Names, number>> = {}
  names.forEach((name, i) => {
    cells[name] = first + i
  })
  return cells as Record<Names, number>
}
