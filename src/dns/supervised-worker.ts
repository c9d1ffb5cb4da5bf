/** One thread of the data plane, started again whenever it dies. */
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { WaypostError } from '../errors.ts'
import type { CacheNotice } from './cache/setup.ts'
import type { CacheReply, CacheRequest } from './cache/write/inspection.ts'
import type { UpstreamNotice } from './forward/forwarder.ts'
import { listenFailed } from './listen.ts'
import type { FromWorker, SecureAddresses, ToWorker, WorkerSetup } from './messages.ts'

/** What a thread is made of, and who hears of its trouble. */
export interface SupervisedWorkerOptions {
  /** For people and for profilers: `udp-0`, `tcp`. */
  readonly name: string
  /** The present setup; asked again at every start. */
  readonly setup: () => WorkerSetup
  readonly onError: (error: Error) => void
  readonly onUpstream: (notice: UpstreamNotice) => void
  readonly onCacheFile: (notice: CacheNotice) => void
  /** Hears which ports the system chose for connections. */
  readonly onListening?: (secure: SecureAddresses) => void
}

/**
 * These threads allocate little: a young generation of the control thread's size would only keep memory. A thread is
 * created with the flags of that moment, and limits of its own would yield to the flag that the process was started with.
 */
const HEAP_FLAG = '--max-semi-space-size=4'

/** The wait before a thread is started again: doubled each time, from the first to the longest, in milliseconds. */
const FIRST_WAIT = 100
const LONGEST_WAIT = 10_000
/** How long a thread may take for a request, in milliseconds: all slots of a large cache are gone through. */
const ASK_MS = 10_000
/** A thread that lived this long had no trouble starting: the wait begins small again. */
const HEALTHY_MS = 60_000

/** See the top of the file. */
export class SupervisedWorker {
  readonly #options: SupervisedWorkerOptions
  #worker: Worker | null = null
  #exited: Promise<void> = Promise.resolve()
  #wait = FIRST_WAIT
  #restartTimer: NodeJS.Timeout | undefined
  #isStopping = false
  #restarts = 0
  readonly #asked: Map<number, (reply: CacheReply) => void> = new Map()
  #lastAsked = 0

  constructor(options: SupervisedWorkerOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  /** How often it has been started again. */
  get restarts(): number {
    return this.#restarts
  }

  /** Starts the thread. Resolves when its sockets are open. @throws WaypostError `WAY_LISTEN`, or what ended the thread. */
  async start(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#spawn(resolve, reject)
    await promise
  }

  /** Gives the thread a message, if it is alive; one that is started later gets the setup of that time. */
  post(message: ToWorker): void {
    this.#worker?.postMessage(message)
  }

  /** Asks the thread about the cache. Resolves with null when it gives no answer in {@link ASK_MS}. */
  async askCache(request: CacheRequest): Promise<CacheReply | null> {
    const number = ++this.#lastAsked
    const { promise, resolve } = Promise.withResolvers<CacheReply | null>()
    this.#asked.set(number, resolve)
    const timer = setTimeout(() => resolve(null), ASK_MS)
    this.post({ type: 'cache', number, request })
    const reply = await promise
    clearTimeout(timer)
    this.#asked.delete(number)
    return reply
  }

  /** Resolves when the thread has ended; it is cut off after `deadlineMs`. The stop word must be set before. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true
    clearTimeout(this.#restartTimer)
    // The thread cuts its clients off itself, and needs some of the time to end.
    this.post({ type: 'stop', deadlineMs: 0.8 * deadlineMs })
    const cutOff = setTimeout(() => this.#worker?.terminate(), deadlineMs)
    await this.#exited
    clearTimeout(cutOff)
  }

  /** @param failed is called when the thread ends before it listens; the thread is not started again then. */
  #spawn(listening: () => void, failed: (error: Error) => void): void {
    const { name, setup, onError, onUpstream, onCacheFile } = this.#options
    const startedAt = performance.now()
    setFlagsFromString(HEAP_FLAG)
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { name, workerData: setup() })
    let failure = new Error(`The DNS thread ${name} ended unexpectedly`)
    let isListening = false
    this.#worker = worker
    worker.on('message', (message: FromWorker) => {
      if (message.type === 'listening') {
        isListening = true
        if (message.secure !== undefined) this.#options.onListening?.(message.secure)
        listening()
      } else if (message.type === 'listen-failed') {
        failure = listenFailed(message.message, message.failure)
      } else if (message.type === 'upstream') {
        onUpstream(message.notice)
      } else if (message.type === 'cache-file') {
        onCacheFile(message.notice)
      } else if (message.type === 'cache') {
        this.#asked.get(message.number)?.(message.reply)
        this.#asked.delete(message.number)
      } else {
        const others = message.count > 1 ? ` (and ${message.count - 1} more before)` : ''
        const text = `The DNS thread ${name} met an error: ${message.error.message}${others}`
        onError(new WaypostError('WAY_INTERNAL', text, { cause: message.error }))
      }
    })
    worker.on('error', error => {
      failure = errorOf(error)
    })
    this.#exited = new Promise(resolve => {
      worker.once('exit', () => {
        this.#worker = null
        resolve()
        if (!isListening) failed(failure)
        else if (!this.#isStopping) this.#restart(failure, performance.now() - startedAt)
      })
    })
  }

  #restart(failure: Error, lived: number): void {
    if (lived > HEALTHY_MS) this.#wait = FIRST_WAIT
    const wait = this.#wait
    this.#wait = Math.min(2 * wait, LONGEST_WAIT)
    const message = `The DNS thread ${this.name} died and is started again in ${wait} ms: ${failure.message}`
    this.#options.onError(new WaypostError('WAY_INTERNAL', message, { cause: failure }))
    this.#restartTimer = setTimeout(() => {
      if (this.#isStopping) return
      this.#restarts++
      const startedAt = performance.now()
      const failed = (error: unknown): void => {
        if (!this.#isStopping) this.#restart(errorOf(error), performance.now() - startedAt)
      }
      try {
        this.#spawn(() => {}, failed)
      } catch (error) {
        failed(error) // The system has no room for another thread at the moment.
      }
    }, wait)
  }
}

function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
