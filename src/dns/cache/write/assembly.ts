/** Puts the writing side of the cache together, in the thread that forwards. */
import type { WorkerContext } from '../../worker-context.ts'
import type { CacheNotice, CacheSetup } from '../setup.ts'
import { CacheFileError, loadCache, saveCache } from './file.ts'
import { inspectCache } from './inspection.ts'
import { CacheService } from './service.ts'

/** A file may be so many times as large as the memory that it came from. */
const FILE_FACTOR = 2

/** The cache in the thread that writes it. */
export interface Caching {
  readonly service: CacheService
  /** Reads the file, if there is to be one. Never fails: without it the cache begins empty. */
  load(): Promise<void>
  /** Writes the file, if there is to be one, as far as that is done in so many milliseconds. */
  save(deadlineMs: number): void
}

/** Starts the cache; from then on the control thread can ask about it. */
export function startCaching(context: WorkerContext, setup: CacheSetup): Caching {
  const service = new CacheService(setup)
  const { file, maxBytes } = setup.options
  context.inspector = request => inspectCache(service, request)
  const note = (event: CacheNotice['event'], message: string): void =>
    context.tell({ type: 'cache-file', notice: { event, message } })
  return {
    service,
    load: async () => {
      if (file === null) return
      try {
        const entries = await loadCache(service, file, FILE_FACTOR * maxBytes, Date.now())
        if (entries !== null) note('cache_loaded', `The cache is read from "${file}": ${entries} answers`)
      } catch (error) {
        const reason = error instanceof CacheFileError ? error.message : codeOf(error)
        note('cache_file_ignored', `Cannot read the cache from "${file}": ${reason}; it begins empty`)
      }
    },
    save: deadlineMs => {
      if (file === null) return
      const end = performance.now() + deadlineMs
      try {
        const entries = saveCache(service, file, Date.now(), () => performance.now() >= end)
        const all = service.writer.figures.entries
        note('cache_saved', `The cache is written to "${file}": ${entries} answers of ${all}`)
      } catch (error) {
        note('cache_file_unwritable', `Cannot write the cache to "${file}": ${codeOf(error)}`)
      }
    },
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}
