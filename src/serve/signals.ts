/** What tells the process to end or to read its configuration again. */
import { watch } from 'chokidar'

/** Resolves with the signal that ends the process, or 'failed' when `failed` resolves first. */
export async function untilSignal(reload: () => Promise<void>, failed: Promise<unknown>): Promise<string> {
  const onReload = (): void => void reload()
  process.on('SIGHUP', onReload)
  try {
    return await new Promise(resolve => {
      for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
      void failed.then(() => resolve('failed'))
    })
  } finally {
    process.off('SIGHUP', onReload)
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
