/** What a thread of the data plane knows: the answering parts, and what the control thread tells them. */
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { CONTROL, type IndexBuffers, STATE } from '../index/layout.ts'
import { IndexReader } from '../index/reader.ts'
import { ReaderFigures } from './cache/figures.ts'
import { CacheAnswers } from './cache/read/answers.ts'
import { CacheReader } from './cache/read/reader.ts'
import type { CacheReply, CacheRequest } from './cache/write/inspection.ts'
import { ThreadClock } from './clock.ts'
import { Counters, DROP } from './counters.ts'
import type { HandOverWriter } from './forward/hand-over/ring.ts'
import type { Certificates, FromWorker, ToWorker, WorkerSetup } from './messages.ts'
import { Responder } from './responder.ts'
import type { AnswerContext, Answerer, AskedLater } from './transport.ts'
import { ViewTable } from './views.ts'

/** Faults are reported at most this often, in milliseconds: a packet can be sent a million times. */
const FAULT_REPORT_MS = 1000
const NO_CERTIFICATES: Certificates = { tls: null, https: null }

/** One for each thread. */
export class WorkerContext implements AnswerContext {
  readonly counters: Counters
  readonly views: ViewTable
  readonly clock: ThreadClock = new ThreadClock()
  readonly stopped: Promise<number>
  /** Set where the parts are put together, in a thread that hands queries over or forwards them itself. */
  handOver: HandOverWriter | null = null
  deferral: AnswerContext['defer'] | null = null
  /** Set in the thread that writes the cache. */
  inspector: ((request: CacheRequest) => Promise<CacheReply>) | null = null
  /** null: nothing from outside is kept. */
  readonly cacheReader: CacheReader | null
  readonly #reader: IndexReader
  readonly #responder: Responder
  readonly #port: MessagePort
  readonly #control: Int32Array
  readonly #stop: (deadlineMs: number) => void
  #certificates: Certificates
  #certificatesChanged: (certificates: Certificates) => void = () => {}
  #seenGeneration = -1
  #indexBytes: number
  #faults = 0
  #faultReportedAt = Number.NEGATIVE_INFINITY

  constructor({ role, state, control, counters, block, cache }: WorkerSetup, port: MessagePort) {
    this.#port = port
    this.#control = new Int32Array(control)
    this.counters = new Counters(counters, block)
    this.views = new ViewTable(state.views)
    this.#certificates = state.certificates ?? NO_CERTIFICATES
    this.#reader = new IndexReader(state.index, control, block)
    this.#indexBytes = bytesOf(state.index)
    if (cache === null) {
      this.cacheReader = null
      this.#responder = new Responder(this.#reader, this.counters, state.responder, null, this.clock)
    } else {
      const { buffers, figures, options } = cache
      const reader = new CacheReader(buffers, role.kind === 'stream' ? -1 : block)
      const counted = new ReaderFigures(figures, block)
      const isBatched = role.kind === 'batched'
      this.cacheReader = reader
      this.#responder = new Responder(
        this.#reader,
        this.counters,
        state.responder,
        reply => new CacheAnswers(reader, reply, counted, options, isBatched),
        this.clock,
      )
    }
    const { promise, resolve } = Promise.withResolvers<number>()
    this.stopped = promise
    this.#stop = resolve
  }

  get answerer(): Answerer {
    return this.#responder
  }

  /** The present ones; later ones come to {@link onCertificates} as well. */
  get certificates(): Certificates {
    return this.#certificates
  }

  /** The responder itself, for the thread that takes queries up again. */
  get responder(): Responder {
    return this.#responder
  }

  defer(asked: AskedLater, reply: (bytes: Uint8Array | null) => void): void {
    if (this.deferral === null) reply(null)
    else this.deferral(asked, reply)
  }

  /** Takes messages as they come: for a thread that runs its event loop. */
  listen(): void {
    this.#port.on('message', (message: ToWorker) => this.#take(message))
  }

  /** Says who takes other certificates. */
  onCertificates(changed: (certificates: Certificates) => void): void {
    this.#certificatesChanged = changed
  }

  refresh(): void {
    if (this.cacheReader !== null) this.cacheReader.refresh()
    const generation = Atomics.load(this.#control, CONTROL.generation)
    if (generation === this.#seenGeneration) return
    this.#seenGeneration = generation
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#take(next.message)
    }
  }

  /** Whether the control thread has not published what is on disk. */
  isStarting(): boolean {
    return Atomics.load(this.#control, CONTROL.state) === STATE.starting
  }

  isStopping(): boolean {
    return Atomics.load(this.#control, CONTROL.stop) !== 0
  }

  fault(error: unknown): void {
    this.counters.add(DROP.fault, 1)
    this.#faults++
    const now = performance.now()
    if (now - this.#faultReportedAt < FAULT_REPORT_MS) return
    this.#faultReportedAt = now
    this.tell({ type: 'fault', error: error instanceof Error ? error : new Error(String(error)), count: this.#faults })
    this.#faults = 0
  }

  /** Tells the control thread. */
  tell(message: FromWorker): void {
    this.#port.postMessage(message)
  }

  #take(message: ToWorker): void {
    if (message.type === 'stop') {
      this.#stop(message.deadlineMs)
      return
    }
    if (message.type === 'cache') {
      this.inspector?.(message.request).then(
        reply => this.tell({ type: 'cache', number: message.number, reply }),
        error => this.fault(error),
      )
      return
    }
    const { index, views, responder, certificates } = message.state
    if (index !== undefined) this.#adopt(index)
    if (views !== undefined) this.views.adopt(views)
    if (responder !== undefined) this.#responder.configure(responder)
    if (certificates === undefined) return
    this.#certificates = certificates
    this.#certificatesChanged(certificates)
  }

  /**
   * Most generations have the memory of the one before. When one has not, the old memory has to be let go of here: a
   * thread that allocates next to nothing never collects. Nothing has grown old, so half a millisecond does it.
   */
  #adopt(index: IndexBuffers): void {
    this.#reader.adopt(index)
    if (bytesOf(index) === this.#indexBytes) return
    this.#indexBytes = bytesOf(index)
    globalThis.gc?.({ type: 'minor', execution: 'sync' })
  }
}

function bytesOf({ slots, arena }: IndexBuffers): number {
  return slots.byteLength + arena.byteLength
}
