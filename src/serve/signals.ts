/** What tells the process to end or to read its configuration again. */
import { watch } from 'chokidar'

/** The signals of the process, taken from the moment on at which it begins to start. */
export interface Signals {
  /** Resolves with the first signal that ends the process. */
  readonly ended: Promise<string>
  /** From now on SIGHUP calls `reload`; before, there was nothing to read again. */
  onReload(reload: () => Promise<void>): void
  /** Gives the signals back. */
  close(): void
}

/** Takes SIGTERM, SIGINT and SIGHUP, whose default would end the process at once. */
export function takeSignals(): Signals {
  const { promise, resolve } = Promise.withResolvers<string>()
  const handlers: Partial<Record<NodeJS.Signals, () => void>> = {
    SIGTERM: () => resolve('SIGTERM'),
    SIGINT: () => resolve('SIGINT'),
    SIGHUP: () => void reload?.(),
  }
  let reload: (() => Promise<void>) | null = null
  for (const [signal, handler] of Object.entries(handlers)) process.on(signal, handler)
  return {
    ended: promise,
    onReload: next => {
      reload = next
    },
    close: () => {
      for (const [signal, handler] of Object.entries(handlers)) process.off(signal, handler)
    },
  }
}

/**
 * Runs `work` once for each call, but never twice at a time: a call while it runs waits for its end, and further calls
 * meanwhile share that next run. Each call resolves when a run that began after it has ended.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null
  let next: Promise<void> | null = null
  const run = async (): Promise<void> => {
    next = null
    running = work()
    try {
      await running
    } finally {
      running = null
    }
  }
  return () => {
    if (next !== null) return next
    if (running === null) return run()
    next = running.then(run, run)
    return next
  }
}

/** Calls `reload` when the file changes; gives the function that ends it. Editors that replace the file are followed. */
export function watchConfig(file: string | null, reload: () => Promise<void>): () => void {
  if (file === null) return () => undefined
  const watcher = watch(file, { ignoreInitial: true, awaitWriteFinish: { stabilityThreshold: 100, pollInterval: 20 } })
  watcher.on('all', event => {
    if (event === 'add' || event === 'change') void reload()
  })
  return () => void watcher.close()
}
