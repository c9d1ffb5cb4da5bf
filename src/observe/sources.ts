/**
 * Where the figures on the metrics page come from. Whoever owns a part hands in a function; it is called at every
 * scrape and gives plain numbers, so nothing is counted twice and nothing is paid for between scrapes.
 */

/** A count with the values of its labels, in the order in which the metric names them. */
export interface Labelled {
  readonly labels: readonly string[]
  readonly value: number
}

/** A histogram as the data plane counts it. */
export interface Distribution {
  /** Upper bounds of the buckets in the metric's unit, ascending; one more count than bounds (the last is unbounded). */
  readonly bounds: readonly number[]
  /** How many values fell into each bucket (not cumulative). */
  readonly counts: readonly number[]
  readonly sum: number
}

/** The data plane, summed over its threads. */
export interface DnsFigures {
  /** transport, type */
  readonly queries: readonly Labelled[]
  /** transport, rcode */
  readonly responses: readonly Labelled[]
  /** code */
  readonly extendedErrors: readonly Labelled[]
  /** result */
  readonly cookies: readonly Labelled[]
  /** Replies that the rate limit made empty. */
  readonly slips: number
  /** transport */
  readonly truncated: readonly Labelled[]
  /** kind */
  readonly answers: readonly Labelled[]
  /** reason */
  readonly dropped: readonly Labelled[]
  /** transport, each of the four */
  readonly receivedPackets: readonly Labelled[]
  readonly sentPackets: readonly Labelled[]
  readonly receivedBytes: readonly Labelled[]
  readonly sentBytes: readonly Labelled[]
  /** Seconds from the arrival of a batch to its answers. */
  readonly duration: Distribution
  /** worker */
  readonly batches: readonly Labelled[]
  /** worker */
  readonly packets: readonly Labelled[]
  /** transport */
  readonly tcpOpen: readonly Labelled[]
  /** transport */
  readonly tcpAccepted: readonly Labelled[]
  /** result */
  readonly handshakes: readonly Labelled[]
  /** reason */
  readonly tcpClosed: readonly Labelled[]
}

/** Questions to upstreams. */
export interface ForwardFigures {
  readonly totals: {
    /** Questions, and clients that wait for them, at the moment. */
    readonly inFlight: number
    readonly waiting: number
    /** Clients' questions that were sent upstream, and those that joined one that was in flight. */
    readonly asked: number
    readonly joined: number
    /** Questions that ended with an answer, and without one; of these, those whose time was over. */
    readonly answered: number
    readonly failed: number
    readonly expired: number
    /** Questions above the bound. */
    readonly refused: number
    /** Second tries beside a first one. */
    readonly hedged: number
  }
  /** upstream */
  readonly sent: readonly Labelled[]
  /** upstream, result */
  readonly results: readonly Labelled[]
  /** upstream, state */
  readonly states: readonly Labelled[]
  /** upstream; seconds */
  readonly late: readonly Labelled[]
  /** Seconds from a question to an upstream to its answer. */
  readonly duration: Distribution
}

/** Answers of upstreams that are kept. */
export interface CacheFigures {
  /** kind */
  readonly hits: readonly Labelled[]
  /** Hits that were out of date. */
  readonly stale: number
  readonly misses: number
  /** kind */
  readonly insertions: readonly Labelled[]
  readonly entries: number
  readonly bytes: number
  readonly evictions: number
  /** Answers that found no room. */
  readonly refused: number
  readonly prefetches: number
  /** Entries taken out by hand. */
  readonly flushed: number
}

/** The name index. */
export interface IndexFigures {
  readonly names: number
  readonly zones: number
  readonly arenaBytes: number
  readonly usedBytes: number
  readonly garbageBytes: number
  readonly slots: number
  readonly usedSlots: number
  readonly generation: number
}

/** The pool of one network. */
export interface PoolFigures {
  readonly network: string
  readonly capacity: number
  readonly bound: number
  readonly reserved: number
  readonly resting: number
  /** Claims made and refused since the start. */
  readonly allocations: number
  readonly refusals: number
  /** Reservations since the start: made or renewed, taken over by a claim, and given back unused. */
  readonly reservations: number
  readonly committed: number
  readonly lapsed: number
}

/** One resource that a source follows. */
export interface ResourceFigures {
  /** `services` */
  readonly resource: string
  /** Seconds since the last event or bookmark; null: there was none, or the cluster has no such resource. */
  readonly eventAge: number | null
  readonly relists: number
  /** reason */
  readonly errors: readonly Labelled[]
  readonly objects: number
}

/** One network's source and the work it causes. */
export interface NetworkFigures {
  readonly network: string
  readonly synced: boolean
  /** Seconds since the source was last proven alive; null: never. */
  readonly sourceAge: number | null
  /** Seconds since when what is held may be out of date; 0: it is what is. */
  readonly sourceStale: number
  readonly resources: readonly ResourceFigures[]
  /** How old the state on disk was, in seconds, while it is served in place of the source's; else null. */
  readonly lastStateAge: number | null
  /** code */
  readonly problems: readonly Labelled[]
  readonly services: number
  /** Services without an address, for whatever reason. */
  readonly waiting: number
  /** Keys that wait to be reconciled. */
  readonly queue: number
}

/** The route feed. */
export interface FeedFigures {
  readonly version: number
  readonly watchers: number
  readonly watcherLimit: number
  /** Publishes that the slowest watcher is behind. */
  readonly lag: number
  readonly lines: number
  readonly bytes: number
  /** reason */
  readonly closed: readonly Labelled[]
}

/** Master files. */
export interface ZoneFigures {
  readonly loaded: number
  readonly faulty: number
}

/** What one network's API server is told. */
export interface StatusFigures {
  readonly network: string
  readonly isLeader: boolean
  /** How often this process became the leader or stopped being it. */
  readonly transitions: number
  /** Services whose annotation is to be written. */
  readonly dirty: number
  /** Objects that wait for their Event. */
  readonly waitingEvents: number
  /** result */
  readonly writes: readonly Labelled[]
  /** reason, result */
  readonly events: readonly Labelled[]
}

/** The admission webhook. */
export interface AdmissionFigures {
  /** result */
  readonly requests: readonly Labelled[]
  /** Seconds from a parsed review to its answer. */
  readonly duration: Distribution
}

/** The reconcile of one network with its cluster. */
export interface ReconcileFigures {
  readonly network: string
  /** Services, as of the last reconcile. */
  readonly outside: number
  readonly conflicts: number
  /** Since the start. */
  readonly adopted: number
  readonly freed: number
}

/** Everything that is collected at a scrape. */
export interface MetricSources {
  dns(): DnsFigures
  /** null: nothing is forwarded. */
  forwarding(): ForwardFigures | null
  /** null: nothing is kept. */
  cache(): CacheFigures | null
  index(): IndexFigures
  pools(): readonly PoolFigures[]
  networks(): readonly NetworkFigures[]
  /** Networks whose status is written. */
  status(): readonly StatusFigures[]
  feed(): FeedFigures
  zones(): ZoneFigures
  admission(): AdmissionFigures
  reconciles(): readonly ReconcileFigures[]
  /** Ends of certificates in seconds since 1970: listener */
  certificates(): readonly Labelled[]
}
