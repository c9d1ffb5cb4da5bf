/** What a person must mend, gathered from all resources and told when it changes. */
import type { SourceProblem } from '../source.ts'
import type { Fault } from '../strip.ts'
import type { FaultyObject } from './collection.ts'
import type { Follower } from './follower.ts'

/** More are not told; a cluster with so many has one cause. */
const MOST_PROBLEMS = 1000

interface FaultyObjects {
  readonly kind: string
  readonly objects: { readonly faulty: Iterable<FaultyObject> }
}

/** See the top of the file. */
export class Problems {
  readonly #log: { warn(fields: object, message: string): void }
  readonly #tell: (list: readonly SourceProblem[]) => void
  readonly #collections: FaultyObjects[] = []
  readonly #followers: Follower[] = []
  #told: ReadonlySet<string> = new Set()
  #timer: NodeJS.Immediate | null = null

  constructor(log: { warn(fields: object, message: string): void }, tell: (list: readonly SourceProblem[]) => void) {
    this.#log = log
    this.#tell = tell
  }

  watch(kind: string, objects: { readonly faulty: Iterable<FaultyObject> }): void {
    this.#collections.push({ kind, objects })
  }

  follow(follower: Follower): void {
    this.#followers.push(follower)
  }

  /** Something may have changed; many changes at once are told once. */
  changed(): void {
    this.#timer ??= setImmediate(() => {
      this.#timer = null
      this.report()
    })
  }

  stop(): void {
    if (this.#timer !== null) clearImmediate(this.#timer)
  }

  /** Tells the present list, if it is another one. */
  report(): void {
    const list = [...this.#troubles(), ...this.#faults()].slice(0, MOST_PROBLEMS)
    const texts = new Set(list.map(problem => JSON.stringify(problem)))
    if (texts.size === this.#told.size && texts.isSubsetOf(this.#told)) return
    for (const problem of list) {
      if (problem.code !== 'WAY_KUBERNETES_OBJECT' || this.#told.has(JSON.stringify(problem))) continue
      const { message, ...fields } = problem
      this.#log.warn({ event: 'kubernetes_object_refused', ...fields }, message)
    }
    this.#told = texts
    this.#tell(list)
  }

  *#troubles(): Iterable<SourceProblem> {
    for (const { name, trouble } of this.#followers) {
      if (trouble === null) continue
      const message = `Cannot follow ${name}, and what is known of them stays: ${trouble.message}`
      yield { code: trouble.code, file: null, line: null, field: null, message }
    }
  }

  *#faults(): Iterable<SourceProblem> {
    for (const { kind, objects } of this.#collections) {
      for (const object of objects.faulty) {
        for (const fault of object.faults) yield problemOf({ kind, key: object.key }, object.isRefused, fault)
      }
    }
  }
}

function problemOf(object: { kind: string; key: string }, isRefused: boolean, fault: Fault): SourceProblem {
  const field = fault.field === '' ? null : fault.field
  const message = `${isRefused ? 'All' : 'A part'} of ${object.kind} ${object.key} is left out: ${fault.message}`
  return { code: 'WAY_KUBERNETES_OBJECT', file: null, line: null, field, object, message }
}
