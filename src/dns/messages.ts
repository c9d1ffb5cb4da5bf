/** What the control thread and the threads of the data plane tell each other. */
import type { IndexBuffers } from '../index/layout.ts'
import type { CacheNotice, CacheSetup } from './cache/setup.ts'
import type { CacheReply, CacheRequest } from './cache/write/inspection.ts'
import type { UpstreamNotice } from './forward/forwarder.ts'
import type { HandOver } from './forward/hand-over/inlet.ts'
import type { ForwardOptions } from './forward/options.ts'
import type { ListenAddress, ListenFailure } from './listen.ts'
import type { ProxySetting } from './proxy/setting.ts'
import type { ResponderOptions } from './responder.ts'
import type { Certificate } from './secure/tls-gate.ts'
import type { StreamLimits } from './tcp/stream-server.ts'

/** What is served on connections, beside DNS over TCP on the addresses of UDP. */
export interface StreamListeners {
  /** DNS over TLS; empty: none. */
  readonly tls: readonly ListenAddress[]
  /** DNS over HTTPS, and its path. */
  readonly https: { readonly listen: readonly ListenAddress[]; readonly path: string }
  /** null: no listener takes PROXY headers. */
  readonly proxy: ProxySetting | null
}

/** Where TLS and HTTPS are served, with the ports that were chosen. */
export interface SecureAddresses {
  readonly tls: readonly ListenAddress[]
  readonly https: readonly ListenAddress[]
}

/** Certificates of the listeners that need one; null: there is no such listener. */
export interface Certificates {
  readonly tls: Certificate | null
  readonly https: Certificate | null
}

/** What a thread serves, and how. */
export type WorkerRole =
  | {
      readonly kind: 'batched'
      /** Opened by the control thread, which closes them too: they outlive a thread that dies. */
      readonly sockets: readonly { readonly descriptor: number; readonly listen: ListenAddress }[]
      /** Which of them take PROXY headers; none when left out. */
      readonly proxy?: ProxySetting | null
    }
  | {
      readonly kind: 'portable'
      readonly listen: readonly ListenAddress[]
      readonly shared: boolean
      readonly receiveBuffer: number
      /** Which of them take PROXY headers; none when left out. */
      readonly proxy?: ProxySetting | null
    }
  | {
      readonly kind: 'stream'
      readonly listen: readonly ListenAddress[]
      readonly limits: StreamLimits
      readonly also: StreamListeners
    }

/** What can change while a thread runs. */
export interface PublishedState {
  readonly index: IndexBuffers
  /** Made by `packViews`. */
  readonly views: SharedArrayBuffer
  readonly responder: ResponderOptions
  /** Only the stream thread has them. */
  readonly certificates?: Certificates
}

/** What threads need for names that are asked elsewhere. */
export interface ForwardSetup {
  readonly options: ForwardOptions
  /** Made by `allocateFigures`. */
  readonly figures: SharedArrayBuffer
  /** How batched UDP threads hand queries over, ring i is that of thread i; null with the portable ones. */
  readonly handOver: HandOver | null
  /** Name of the channel of the portable ones. */
  readonly channel: string
}

/** `workerData` of a thread. */
export interface WorkerSetup {
  readonly role: WorkerRole
  readonly state: PublishedState
  /** The control block (layout: `CONTROL`). */
  readonly control: SharedArrayBuffer
  /** The counter blocks, and which one is this thread's. */
  readonly counters: SharedArrayBuffer
  readonly block: number
  /** null: nothing is asked elsewhere. */
  readonly forward: ForwardSetup | null
  /** null: what others have said is not kept. */
  readonly cache: CacheSetup | null
}

/** To a thread. A thread that blocks looks when the generation word has moved. */
export type ToWorker =
  | { readonly type: 'publish'; readonly state: Partial<PublishedState> }
  | { readonly type: 'stop'; readonly deadlineMs: number }
  /** To the thread that writes the cache. */
  | { readonly type: 'cache'; readonly number: number; readonly request: CacheRequest }

/** From a thread. */
export type FromWorker =
  | { readonly type: 'listening'; readonly secure?: SecureAddresses }
  /** `WAY_LISTEN`. The thread ends. */
  | { readonly type: 'listen-failed'; readonly message: string; readonly failure: ListenFailure }
  /** The answer to the request of that number. */
  | { readonly type: 'cache'; readonly number: number; readonly reply: CacheReply }
  /** Something about the file of the cache. */
  | { readonly type: 'cache-file'; readonly notice: CacheNotice }
  /** Something about an upstream. */
  | { readonly type: 'upstream'; readonly notice: UpstreamNotice }
  /** Something failed and the thread goes on; `count` times since the last report, and at most one report a second. */
  | { readonly type: 'fault'; readonly error: Error; readonly count: number }
