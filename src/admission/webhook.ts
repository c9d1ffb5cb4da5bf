/**
 * The mutating webhook: review in, answer out. Whatever cannot be decided here is left to the API server, which has an
 * allocator and the last word: a Service is never refused because of a state of ours.
 *
 * ```
 *  review ─► decide ─► reserve (durable) ─► patch
 *                        ▲ asked for again: look who has the address by now
 *                │          │ taken, full, no pool, disk full, state unknown
 *                └──────────┴─► let through as it is, with a warning where the user would wonder
 * ```
 */
import { WaypostError } from '../errors.ts'
import type { Allocator } from '../pool/allocator.ts'
import type { OwnerRef, ReserveRequest, ReserveResult } from '../pool/claims.ts'
import { exhaustedFinding, type FindingSink } from './cluster/findings.ts'
import { decide, type Plan } from './decision.ts'
import type { AdmissionFigures, AdmissionResult, RequestFigures } from './figures.ts'
import { patchService } from './patch.ts'
import { Promises } from './promises.ts'
import { type Fields, formatVerdict, PASS, type Review, readReview, type Verdict } from './review.ts'

/** A network whose API server asks. */
export interface AdmissionNetwork {
  readonly name: string
  /** Whether the Services of the cluster are known, from the source or from the last state. */
  isKnown(): boolean
  /** Asks the API server itself whose the addresses are that an owner was promised; null: there is none to ask. */
  readonly secondLook: ((owner: OwnerRef) => Promise<void>) | null
}

/** What the webhook is made of. */
export interface WebhookOptions {
  readonly networks: readonly AdmissionNetwork[]
  readonly allocator: Allocator
  readonly figures: RequestFigures
  /** Takes what somebody should know of a Service. */
  readonly onFinding: FindingSink
  /** Seconds of a monotonic clock. */
  now(): number
}

/** Reservations of one network that may wait for their Services. Beyond it the API server chooses. */
export const MAX_RESERVED = 16_384

/** See the top of the file. */
export class Webhook {
  readonly #options: WebhookOptions
  readonly #promises: Promises

  constructor(options: WebhookOptions) {
    this.#options = options
    this.#promises = new Promises(options.allocator.leases)
  }

  /** The figures of the metrics page. */
  figures(): AdmissionFigures {
    return this.#options.figures.read()
  }

  /**
   * Answers a review.
   *
   * @param network which network's API server asks; null when there is only one.
   * @throws WaypostError WAY_ADMISSION_REVIEW, WAY_NETWORK_UNKNOWN.
   */
  async review(network: string | null, body: unknown): Promise<Fields> {
    const { figures, now } = this.#options
    const started = now()
    let result: AdmissionResult = 'malformed'
    try {
      const where = this.#networkOf(network)
      const review = readReview(body)
      const answer = await this.#answer(where, review)
      result = answer.result
      return formatVerdict(review.uid, answer.verdict)
    } finally {
      figures.note(result, now() - started)
    }
  }

  async #answer(network: AdmissionNetwork, review: Review): Promise<{ verdict: Verdict; result: AdmissionResult }> {
    const plan = decide(review)
    const object = review.object ?? {}
    switch (plan.kind) {
      case 'pass':
        return { verdict: PASS, result: 'passed' }
      case 'deny':
        return { verdict: { ...PASS, allowed: false, message: plan.message }, result: 'denied' }
      case 'write':
        return { verdict: { ...PASS, patch: patchService(object, plan.change) }, result: 'kept' }
      case 'claim': {
        if (this.#exists(network, plan, review)) return { verdict: PASS, result: 'passed' }
        const reserved = await this.#reserve(network, plan, review.dryRun)
        if (!reserved.ok && reserved.code === 'WAY_POOL_EXHAUSTED' && !review.dryRun) {
          this.#options.onFinding(exhaustedFinding(network.name, plan.owner.name))
        }
        if (!reserved.ok) return { verdict: leftTo(reserved), result: RESULTS[reserved.code] ?? 'unavailable' }
        const patch = patchService(object, plan.change(reserved.addresses))
        return { verdict: { ...PASS, patch }, result: plan.place ? 'placed' : 'named' }
      }
    }
  }

  /**
   * Whether the Service that is to be created is there already. The API server gives out an address before it looks at
   * the name, so with the address that the Service has, the create would fail as "already allocated"; without one it
   * fails as everybody expects: AlreadyExists.
   */
  #exists({ name }: AdmissionNetwork, { owner, place }: Plan & { kind: 'claim' }, { operation }: Review): boolean {
    return operation === 'CREATE' && place && this.#options.allocator.addressesOf(name, owner).length > 0
  }

  async #reserve(network: AdmissionNetwork, plan: Plan & { kind: 'claim' }, dryRun: boolean): Promise<ReserveResult> {
    const { allocator } = this.#options
    const { owner, explicit, place } = plan
    const request: ReserveRequest = { network: network.name, owner, explicit, place }
    if (!network.isKnown()) return unavailable('the Services of the cluster are not known yet')
    if (dryRun) return allocator.leases.preview(request)
    if (allocator.leases.count(network.name) >= MAX_RESERVED) {
      return unavailable(`${MAX_RESERVED} reservations wait for their Services`)
    }
    if (place && allocator.leases.promisedTo(network.name, owner).length > 0) await network.secondLook?.(owner)
    return await this.#promises.reserve(request)
  }

  #networkOf(name: string | null): AdmissionNetwork {
    const { networks } = this.#options
    const found = name === null && networks.length === 1 ? networks[0] : networks.find(network => network.name === name)
    if (found !== undefined) return found
    const names = networks.map(network => `"${network.name}"`).join(', ')
    const what = name === null ? 'which network is asked for' : `a network called ${JSON.stringify(name.slice(0, 63))}`
    throw new WaypostError('WAY_NETWORK_UNKNOWN', `Cannot tell ${what}: ?network= must be one of ${names}`)
  }
}

const RESULTS: Readonly<Record<string, AdmissionResult>> = {
  WAY_ADDRESS_TAKEN: 'taken',
  WAY_POOL_EXHAUSTED: 'exhausted',
  WAY_POOL_FAMILY: 'no_pool',
}

/**
 * The API server allocates in our place. A user who named an address hears from it whether that is taken; one who
 * wanted any address is told that Waypost did not choose it.
 */
function leftTo(refused: ReserveResult & { ok: false }): Verdict {
  if (refused.code === 'WAY_ADDRESS_TAKEN') return PASS
  const why = WARNINGS[refused.code] ?? refused.message
  return { ...PASS, warnings: [`waypost left the address to the API server: ${why}`.slice(0, 120)] }
}

const WARNINGS: Readonly<Record<string, string>> = {
  WAY_POOL_EXHAUSTED: 'no address of the pool is free and rested',
  WAY_POOL_FAMILY: 'no ready ServiceCIDR holds its pool',
  WAY_LEDGER_WRITE: 'its ledger cannot be written',
}

function unavailable(message: string): ReserveResult & { ok: false } {
  return { ok: false, code: 'WAY_NOT_READY', message, retryAt: null }
}
