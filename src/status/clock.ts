/**
 * Time as leases and writes need it, so that tests can hold it in their hands. Everything is measured with the monotonic
 * clock; the calendar is only written down for others to read, so a clock that is set makes no difference.
 */
export interface Clock {
  /** Milliseconds of a monotonic clock from any origin. */
  now(): number
  /** Milliseconds since the epoch. */
  date(): number
  /** Calls once after `ms`; gives the cancel function. Does not keep the process alive. */
  after(ms: number, work: () => void): () => void
}

/** The real one. */
export const systemClock: Clock = {
  now: () => performance.now(),
  date: Date.now,
  after: (ms, work) => {
    const timer = setTimeout(work, ms).unref()
    return () => clearTimeout(timer)
  },
}

/** Resolves after `ms`, or as soon as the signal is aborted. */
export function sleep(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => {
    const cancel = clock.after(ms, end)
    signal.addEventListener('abort', end, { once: true })
    function end(): void {
      cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
  })
}

/** `2026-11-28T10:00:00.000000Z`: Kubernetes' MicroTime of milliseconds since the epoch. */
export function microTime(date: number): string {
  return new Date(date).toISOString().replace('Z', '000Z')
}
