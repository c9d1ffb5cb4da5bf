/**
 * Gathers the reservations of reviews that are in flight together into one durable write. The wait is one turn of the
 * event loop, so a review that is alone loses nothing, and a burst pays for one fsync.
 */
import type { ReserveRequest, ReserveResult } from '../pool/claims.ts'
import type { Leases } from '../pool/leases.ts'

/** Most requests of one write. */
const BATCH = 256

/** See the top of the file. */
export class Promises {
  readonly #leases: Pick<Leases, 'reserve'>
  #waiting: { request: ReserveRequest; resolve: (result: ReserveResult) => void; reject: (error: unknown) => void }[] =
    []

  constructor(leases: Pick<Leases, 'reserve'>) {
    this.#leases = leases
  }

  /** Reserves; resolves when it is durable. */
  reserve(request: ReserveRequest): Promise<ReserveResult> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.push({ request, resolve, reject }) === 1) setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    const batch = this.#waiting.splice(0, BATCH)
    if (this.#waiting.length > 0) setImmediate(() => this.#flush())
    try {
      const results = this.#leases.reserve(batch.map(({ request }) => request))
      batch.forEach(({ resolve }, i) => {
        resolve(results[i] as ReserveResult)
      })
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }
}
