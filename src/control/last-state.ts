/**
 * The last observed state of each network on disk, so that a restart answers at once, also while the source is away
 * (law 5). It is a cache of what the source said, never a source of truth: a file that is missing, of another cluster
 * or damaged counts as none.
 *
 * A file is one line of JSON (what it is, when it was saved) and the packed objects behind it; it is replaced by
 * renaming, so a crash leaves the old or the new one. The objects are packed while the file is written, a little at a
 * time, and may change meanwhile: each is as it was at some moment of the writing.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClusterObject } from '../cluster/objects.ts'
import { decodeSnapshot, encodeSnapshot } from '../cluster/snapshot.ts'
import type { Log } from './log.ts'

/** What was on disk. */
export interface SavedState {
  readonly objects: readonly ClusterObject[]
  /** Milliseconds since the epoch. */
  readonly savedAt: number
}

/** What one network's file needs. */
export interface LastStateOptions {
  readonly directory: string
  readonly network: string
  /** The cluster's name: a state of another cluster is not loaded. */
  readonly cluster: string
  readonly objects: () => Iterable<ClusterObject>
  readonly log: Log
  /** Milliseconds since the epoch. */
  now(): number
  /** Least time between two saves, milliseconds; it is longer when saving takes long. */
  readonly intervalMs: number
}

interface Header {
  readonly format: 1
  readonly network: string
  readonly cluster: string
  readonly savedAt: number
}

/** Between two saves is so many times what the last one took: they are a small part of the work at any size. */
const PAUSE = 20

/** See the top of the file. */
export class LastState {
  readonly #options: LastStateOptions
  readonly #path: string
  #timer: NodeJS.Timeout | null = null
  #writing: Promise<void> | null = null
  #dirty = false
  #failed = false
  #wait: number

  constructor(options: LastStateOptions) {
    this.#options = options
    this.#wait = options.intervalMs
    this.#path = join(options.directory, `last-state-${options.network}`)
  }

  /** Reads the file; null when there is none that can be used. */
  load(): SavedState | null {
    try {
      const bytes = readFileSync(this.#path)
      const end = bytes.indexOf(0x0a)
      const header = JSON.parse(bytes.toString('utf8', 0, Math.max(end, 0))) as Header
      const { network, cluster } = this.#options
      if (header.format !== 1 || header.network !== network || header.cluster !== cluster) return null
      const objects = decodeSnapshot(bytes.subarray(end + 1))
      return objects === null ? null : { objects, savedAt: header.savedAt }
    } catch {
      return null
    }
  }

  /** The state changed: it is saved soon, and at most once in the interval. */
  touch(): void {
    this.#dirty = true
    if (this.#timer !== null || this.#writing !== null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#writing = this.#save().finally(() => {
        this.#writing = null
        if (this.#dirty) this.touch()
      })
    }, this.#wait)
    this.#timer.unref()
  }

  /** Saves at once when something is unsaved; for the end of the process. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#writing
    if (!this.#dirty) return
    this.#dirty = false
    const temporary = `${this.#path}.tmp`
    try {
      writeFileSync(temporary, Buffer.concat([this.#header(), ...encodeSnapshot(this.#options.objects())]))
      renameSync(temporary, this.#path)
    } catch (error) {
      this.#report(error)
    }
  }

  async #save(): Promise<void> {
    this.#dirty = false
    const temporary = `${this.#path}.tmp`
    const started = performance.now()
    try {
      await this.#write(temporary)
      await rename(temporary, this.#path)
      this.#failed = false
    } catch (error) {
      this.#report(error)
    }
    this.#wait = Math.max(this.#options.intervalMs, PAUSE * (performance.now() - started))
  }

  async #write(path: string): Promise<void> {
    const file = await open(path, 'w')
    try {
      await file.appendFile(this.#header())
      for (const part of encodeSnapshot(this.#options.objects())) {
        await file.appendFile(part)
        // Frees it now; a collection may be long in coming when little else happens.
        if (part.buffer instanceof ArrayBuffer) part.buffer.transfer(0)
      }
    } finally {
      await file.close()
    }
  }

  #header(): Buffer {
    const { network, cluster, now } = this.#options
    const header: Header = { format: 1, network, cluster, savedAt: now() }
    return Buffer.from(`${JSON.stringify(header)}\n`)
  }

  /** Said once for a disk that stays full. A half-written file gives its space back. */
  #report(error: unknown): void {
    rmSync(`${this.#path}.tmp`, { force: true })
    if (this.#failed) return
    this.#failed = true
    const { log, network } = this.#options
    log.error({ event: 'last_state_write_failed', network, error: String(error) }, 'The last state cannot be saved')
  }
}
