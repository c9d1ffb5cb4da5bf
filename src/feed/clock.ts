/** Time as the feed needs it, so that tests can hold it in their hands. */
export interface Clock {
  /** Milliseconds from any origin; never goes back. */
  now(): number
  /** Calls once, in a later turn of the event loop, after sockets had their chance. */
  soon(work: () => void): void
  /** Calls once after `ms`; gives the cancel function. */
  after(ms: number, work: () => void): () => void
  /** Calls every `ms`; gives the cancel function. Does not keep the process alive. */
  every(ms: number, work: () => void): () => void
}

/** The real one. */
export const systemClock: Clock = {
  now: () => performance.now(),
  soon: work => void setImmediate(work),
  after: (ms, work) => {
    const timer = setTimeout(work, ms)
    return () => clearTimeout(timer)
  },
  every: (ms, work) => {
    const timer = setInterval(work, ms).unref()
    return () => clearInterval(timer)
  },
}

/** Resolves in a later turn of the event loop. */
export function laterTurn(clock: Clock): Promise<void> {
  return new Promise(resolve => clock.soon(resolve))
}
