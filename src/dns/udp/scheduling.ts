/** What the server asks of Linux's scheduler, so that an answer does not wait while the control thread computes. */
import { readdirSync, readFileSync } from 'node:fs'

/** syscall(2) with the arguments of sched_setattr(2) and sched_getattr(2). */
export type SchedulerCall = (
  number: number,
  thread: number,
  attributes: Buffer,
  third: number,
  fourth: number,
) => number

/** See `SystemCalls`, which has the same functions. */
export interface Scheduling {
  runSoon(): void
  runHelpersLater(): void
}

/** Numbers of sched_setattr(2) and sched_getattr(2), for which older C libraries have no functions. */
const CALLS: Readonly<Record<string, readonly [set: number, get: number]>> = { x64: [314, 315], arm64: [274, 275] }
/** struct sched_attr, first version: nice value, and the slice (sched_runtime, nanoseconds). */
const SCHED_ATTR = { bytes: 48, nice: 16, runtime: 24 } as const
/** The shortest that Linux grants, 0.1 ms: about a batch of 64 queries. */
const SHORT_SLICE_NS = 100_000n
/**
 * Weighs 2.4 times what the control thread does: enough for a thread that needs half of a core, and when queries come
 * faster than all cores can answer them the control thread still has its part of one.
 */
const WORKER_NICE = -4
/** Weighs a third of what the control thread does. */
const HELPER_NICE = 5
const THIS_THREAD = 0
const THREADS = '/proc/self/task'
/** V8's threads: they collect garbage and compile. */
const HELPER_NAME = 'node-V8Worker\n'

/** Both functions, or ones that do nothing where the call's number is not known. */
export function scheduling(call: SchedulerCall): Scheduling {
  const [set, get] = CALLS[process.arch] ?? []
  if (set === undefined || get === undefined) return { runSoon: () => {}, runHelpersLater: () => {} }

  const attributesOf = (thread: number): Buffer | null => {
    const attributes = Buffer.alloc(SCHED_ATTR.bytes)
    return call(get, thread, attributes, attributes.length, 0) < 0 ? null : attributes
  }

  /** Where it is refused the thread runs as it did. */
  const change = (thread: number, attributes: Buffer): boolean => call(set, thread, attributes, 0, 0) === 0

  const runSoon = (): void => {
    const attributes = attributesOf(THIS_THREAD)
    if (attributes === null) return
    attributes.writeBigUInt64LE(SHORT_SLICE_NS, SCHED_ATTR.runtime)
    const nice = attributes.readInt32LE(SCHED_ATTR.nice)
    attributes.writeInt32LE(Math.min(nice, WORKER_NICE), SCHED_ATTR.nice)
    if (change(THIS_THREAD, attributes)) return
    attributes.writeInt32LE(nice, SCHED_ATTR.nice)
    change(THIS_THREAD, attributes)
  }

  const runHelpersLater = (): void => {
    for (const thread of helperThreads()) {
      const attributes = attributesOf(thread)
      if (attributes === null || attributes.readInt32LE(SCHED_ATTR.nice) >= HELPER_NICE) continue
      attributes.writeInt32LE(HELPER_NICE, SCHED_ATTR.nice)
      change(thread, attributes)
    }
  }

  return { runSoon, runHelpersLater }
}

/** V8's threads; none where the system does not show them. */
function helperThreads(): number[] {
  try {
    return readdirSync(THREADS)
      .filter(thread => readFileSync(`${THREADS}/${thread}/comm`, 'utf8') === HELPER_NAME)
      .map(Number)
  } catch {
    return []
  }
}
