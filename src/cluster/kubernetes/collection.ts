/**
 * What one list and watch has seen: the keys that are there and the version of each. It makes a relist a set of
 * changes: what is new or other, and what is gone without an event.
 */

import { type Fields, isFields } from '../strip/fields.ts'
import { detach } from '../strip/intern.ts'
import type { Fault } from '../strip.ts'

/** One change: the object as it is now, or null when it is gone or refused. */
export interface Change<T> {
  readonly key: string
  readonly object: T | null
  /** The raw object of an event, for what is read of it only once; null for lists and deletions. */
  readonly event: Fields | null
}

/** What became of one raw object. */
export interface ReadObject<T> {
  /** The object with its key; null: it is refused. */
  readonly found: { readonly key: string; readonly object: T } | null
  readonly faults: readonly Fault[]
}

/** An object that was refused, or parts of which were left out. */
export interface FaultyObject {
  readonly key: string
  /** Nothing of it is left. */
  readonly isRefused: boolean
  readonly faults: readonly Fault[]
}

/** What a collection is made of. */
export interface CollectionOptions<T> {
  /** Strips a raw object. */
  read(value: Fields): ReadObject<T>
  /** Takes an atomic set of changes; of two with one key the later counts. */
  emit(changes: readonly Change<T>[]): void
  /** The list of faulty objects is another one. */
  onFaults(): void
}

/** The part of a collection that a reflector uses. */
export interface Receiver {
  /**
   * Begins a complete state, which counts when it is committed; one that was begun before is forgotten.
   *
   * @param trustsVersions an object of a known version is the known object, and is passed over
   */
  begin(trustsVersions: boolean): void
  /** Puts the state that was begun in place of all that is known, in one step. */
  commit(): void
  /** An object of the state that was begun, or a new or other one, visible with the next flush. */
  put(value: unknown): void
  /** The object is gone. */
  remove(value: unknown): void
  flush(): void
  /** Objects known. */
  readonly size: number
}

/** A state that is not complete yet. */
interface Draft<T> {
  readonly versions: Map<string, string>
  readonly changes: Change<T>[]
  readonly faulty: Map<string, FaultyObject>
  readonly trustsVersions: boolean
}

/** See the top of the file. */
export class Collection<T> implements Receiver {
  readonly #options: CollectionOptions<T>
  /** Key → resourceVersion. */
  #versions = new Map<string, string>()
  #faulty = new Map<string, FaultyObject>()
  #changes: Change<T>[] = []
  #draft: Draft<T> | null = null
  #hasNewFaults = false

  constructor(options: CollectionOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#versions.size
  }

  get faulty(): Iterable<FaultyObject> {
    return this.#faulty.values()
  }

  begin(trustsVersions: boolean): void {
    this.#draft = { versions: new Map(), changes: [], faulty: new Map(), trustsVersions }
  }

  commit(): void {
    const draft = this.#draft
    if (draft === null) return
    for (const key of this.#versions.keys()) {
      if (!draft.versions.has(key)) draft.changes.push({ key, object: null, event: null })
    }
    this.#hasNewFaults ||= this.#faulty.size > 0 || draft.faulty.size > 0
    this.#versions = draft.versions
    this.#faulty = draft.faulty
    this.#changes = draft.changes
    this.#draft = null
    this.flush()
  }

  put(value: unknown): void {
    const identity = identityOf(value)
    if (identity === null) return
    const draft = this.#draft
    const known = this.#versions.get(identity.key)
    if (draft?.trustsVersions === true && known === identity.version) {
      draft.versions.set(identity.key, known)
      const faults = this.#faulty.get(identity.key)
      if (faults !== undefined) draft.faulty.set(identity.key, faults)
      return
    }
    const { found, faults } = this.#options.read(identity.value)
    const key = found?.key ?? detach(identity.key)
    const versions = draft?.versions ?? this.#versions
    versions.set(key, detach(identity.version))
    this.#noteFaults(key, found === null, faults)
    const changes = draft?.changes ?? this.#changes
    changes.push({ key, object: found?.object ?? null, event: draft === null ? identity.value : null })
  }

  remove(value: unknown): void {
    const identity = identityOf(value)
    if (identity === null) return
    const draft = this.#draft
    const versions = draft?.versions ?? this.#versions
    versions.delete(identity.key)
    this.#noteFaults(identity.key, true, [])
    const changes = draft?.changes ?? this.#changes
    changes.push({ key: identity.key, object: null, event: null })
  }

  flush(): void {
    const changes = this.#changes
    if (changes.length > 0) {
      this.#changes = []
      this.#options.emit(changes)
    }
    if (!this.#hasNewFaults) return
    this.#hasNewFaults = false
    this.#options.onFaults()
  }

  #noteFaults(key: string, isRefused: boolean, faults: readonly Fault[]): void {
    const faulty = this.#draft?.faulty ?? this.#faulty
    const had = faulty.delete(key)
    if (faults.length > 0) faulty.set(key, { key, isRefused, faults })
    if (this.#draft === null && (had || faults.length > 0)) this.#hasNewFaults = true
  }
}

/** What tells an object from others; null: the API server would not have said this. */
function identityOf(value: unknown): { key: string; version: string; value: Fields } | null {
  if (!isFields(value) || !isFields(value['metadata'])) return null
  const { name, namespace, resourceVersion } = value['metadata']
  if (typeof name !== 'string') return null
  const key = typeof namespace === 'string' && namespace !== '' ? `${namespace}/${name}` : name
  return { key, version: typeof resourceVersion === 'string' ? resourceVersion : '', value }
}
