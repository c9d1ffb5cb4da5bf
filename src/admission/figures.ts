/** What the webhook counts. */

/** How a review ended. */
export type AdmissionResult =
  /** An address was placed. */
  | 'placed'
  /** The addresses that the Service names are claimed. */
  | 'named'
  /** An update keeps what it had. */
  | 'kept'
  /** Nothing to do. */
  | 'passed'
  /** The Service is invalid. */
  | 'denied'
  /** Left to the API server: somebody has the address. */
  | 'taken'
  /** Left to the API server: no address is free and rested. */
  | 'exhausted'
  /** Left to the API server: the network has no pool that the cluster knows. */
  | 'no_pool'
  /** Left to the API server: not ready, too many reservations, or the ledger cannot be written. */
  | 'unavailable'
  /** The body was no review. */
  | 'malformed'

const RESULTS: readonly AdmissionResult[] = [
  'placed',
  'named',
  'kept',
  'passed',
  'denied',
  'taken',
  'exhausted',
  'no_pool',
  'unavailable',
  'malformed',
]

/** Upper bounds of the answer times in seconds. */
const BOUNDS: readonly number[] = [0.0003, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.3, 1]

/** A snapshot for the metrics page. */
export interface AdmissionFigures {
  readonly requests: readonly { readonly labels: readonly [result: AdmissionResult]; readonly value: number }[]
  readonly duration: { readonly bounds: readonly number[]; readonly counts: readonly number[]; readonly sum: number }
}

/** Counts reviews by result and time. */
export class RequestFigures {
  readonly #results: Map<AdmissionResult, number> = new Map(RESULTS.map(result => [result, 0]))
  readonly #counts: number[] = new Array<number>(BOUNDS.length + 1).fill(0)
  #sum = 0

  note(result: AdmissionResult, seconds: number): void {
    this.#results.set(result, (this.#results.get(result) ?? 0) + 1)
    const bucket = BOUNDS.findIndex(bound => seconds <= bound)
    const at = bucket < 0 ? BOUNDS.length : bucket
    this.#counts[at] = (this.#counts[at] ?? 0) + 1
    this.#sum += seconds
  }

  read(): AdmissionFigures {
    return {
      requests: Array.from(this.#results, ([result, value]) => ({ labels: [result], value })),
      duration: { bounds: BOUNDS, counts: [...this.#counts], sum: this.#sum },
    }
  }
}
