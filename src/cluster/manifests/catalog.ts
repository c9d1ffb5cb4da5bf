/**
 * What all files together say. An object that is in two places counts where it comes first, by path and then by its
 * place in the file, so that the order of events never decides; when that one goes, the next takes over.
 */
import type { ClusterObject, ObjectChange, ObjectKey, ObjectKind } from '../objects.ts'
import type { SourceProblem } from '../source.ts'
import { describeObject } from '../strip.ts'
import type { FileContent, FileObject } from './file-reader.ts'

/** One place where an object is defined. */
interface Claim {
  readonly path: string
  readonly index: number
  readonly entry: FileObject
}

interface FileRecord {
  readonly content: FileContent
  readonly claims: readonly Claim[]
}

/** The objects of every file of a directory. */
export class Catalog {
  readonly #files = new Map<string, FileRecord>()
  readonly #claims: Readonly<Record<ObjectKind, Map<ObjectKey, Claim[]>>> = {
    Namespace: new Map(),
    Service: new Map(),
    EndpointSlice: new Map(),
    Pod: new Map(),
  }
  /** Objects whose winner may have changed since the last {@link Catalog.takeChanges}, with the winner of then. */
  readonly #stale = new Map<string, { kind: ObjectKind; key: ObjectKey; before: ClusterObject | null }>()
  readonly #contested = new Set<Claim[]>()

  /** How many objects there are. */
  get size(): number {
    return Object.values(this.#claims).reduce((sum, claims) => sum + claims.size, 0)
  }

  /** What a file holds; null when it holds nothing. */
  content(path: string): FileContent | null {
    return this.#files.get(path)?.content ?? null
  }

  /** Sets what a file holds; null when it is gone. */
  setFile(path: string, content: FileContent | null): void {
    const before = this.#files.get(path)?.claims ?? []
    const claims = (content?.objects ?? []).map((entry, index) => {
      const same = before[index]
      return same?.entry === entry ? same : { path, index, entry }
    })
    for (const [index, claim] of before.entries()) if (claims[index] !== claim) this.#withdraw(claim)
    for (const [index, claim] of claims.entries()) if (before[index] !== claim) this.#file(claim)
    if (content === null) this.#files.delete(path)
    else this.#files.set(path, { content, claims })
  }

  /** The changes since the last call, as one atomic set. */
  takeChanges(): ObjectChange[] {
    const changes: ObjectChange[] = []
    for (const { kind, key, before } of this.#stale.values()) {
      const now = this.#winner(kind, key)
      if (now !== before) changes.push({ kind, key, object: now })
    }
    this.#stale.clear()
    return changes
  }

  /** Invalid objects, and definitions that lost to another. */
  problems(): SourceProblem[] {
    const problems: SourceProblem[] = []
    for (const { content } of this.#files.values()) problems.push(...content.problems)
    for (const claims of this.#contested) {
      const [winner, ...losers] = claims
      if (winner !== undefined) for (const loser of losers) problems.push(duplicate(loser, winner))
    }
    return problems
  }

  #winner(kind: ObjectKind, key: ObjectKey): ClusterObject | null {
    return this.#claims[kind].get(key)?.[0]?.entry.object ?? null
  }

  #file(claim: Claim): void {
    const { kind, key } = this.#markStale(claim)
    const claims = this.#claims[kind].get(key)
    if (claims === undefined) {
      this.#claims[kind].set(key, [claim])
      return
    }
    claims.push(claim)
    claims.sort(compareClaims)
    this.#contested.add(claims)
  }

  #withdraw(claim: Claim): void {
    const { kind, key } = this.#markStale(claim)
    const claims = this.#claims[kind].get(key)
    if (claims === undefined) return
    claims.splice(claims.indexOf(claim), 1)
    if (claims.length < 2) this.#contested.delete(claims)
    if (claims.length === 0) this.#claims[kind].delete(key)
  }

  #markStale({ entry: { object } }: Claim): { kind: ObjectKind; key: ObjectKey } {
    const { kind } = object
    const key = kind === 'Namespace' ? object.name : object.key
    const name = `${kind} ${key}`
    if (!this.#stale.has(name)) this.#stale.set(name, { kind, key, before: this.#winner(kind, key) })
    return { kind, key }
  }
}

function compareClaims(a: Claim, b: Claim): number {
  if (a.path !== b.path) return a.path < b.path ? -1 : 1
  return a.index - b.index
}

function duplicate(loser: Claim, winner: Claim): SourceProblem {
  const { line, object } = loser.entry
  const what = describeObject({ kind: object.kind, metadata: object })
  const message = `All of ${what} is left out: it is defined already at "${winner.entry.object.origin}"`
  return { code: 'WAY_MANIFEST_DUPLICATE', file: loser.path, line, field: null, message }
}
