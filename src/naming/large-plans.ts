/**
 * The plans of the large Services that changed last. The next change of one then plans the new state alone, and takes the
 * labels of the slices that stay from the old one: they are a tenth of the work. About 100 octets an endpoint.
 */
import type { NamingContext, ServiceFacts } from './context.ts'
import { planService, type ServicePlan } from './plan.ts'

/** Services that are kept. */
const KEPT = 4

/** See the top of the file. */
export class LargePlans {
  readonly #least: number
  /** The one that changed last comes last. */
  #plans: ServicePlan[] = []

  /** @param least endpoints from which on a Service is large. */
  constructor(least = 1000) {
    this.#least = least
  }

  /** The plan of a state that was published. */
  before(context: NamingContext, facts: ServiceFacts): ServicePlan | null {
    return this.#find(context, facts) ?? planService(context, facts)
  }

  /** The plan of the state that takes the place of `old`; null: the Service is gone. */
  after(context: NamingContext, facts: ServiceFacts | null, old: ServicePlan | null): ServicePlan | null {
    const plan = facts === null ? null : planService(context, facts)
    if (old !== null) this.#plans = this.#plans.filter(kept => kept !== old)
    if (plan === null || plan.targets.endpoints.total < this.#least) return plan
    if (old !== null) plan.targets.takeLabels(old.targets)
    this.#plans = [...this.#plans, plan].slice(-KEPT)
    return plan
  }

  #find(context: NamingContext, facts: ServiceFacts): ServicePlan | null {
    return this.#plans.find(plan => plan.facts === facts && plan.context === context) ?? null
  }
}
