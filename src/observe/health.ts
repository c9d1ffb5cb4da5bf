/** Whether the process serves: named conditions, each true or with its reason. */

/** What `GET /ready` says. */
export interface Readiness {
  readonly ready: boolean
  /** One sentence each; empty when ready. */
  readonly reasons: readonly string[]
  readonly details: Readonly<Record<string, unknown>>
}

/** Gathers conditions of the parts. A condition that was declared and never met keeps the process from being ready. */
export class Health {
  readonly #conditions = new Map<string, string | null>()
  readonly #details = new Map<string, () => unknown>()

  /** Declares a condition that is not met yet, or takes one back that was. `reason` is a sentence without a full stop. */
  unmet(condition: string, reason: string): void {
    this.#conditions.set(condition, reason)
  }

  /** The condition holds. */
  met(condition: string): void {
    this.#conditions.set(condition, null)
  }

  /** Adds to what an operator sees; read at each request. It must survive JSON. */
  detail(name: string, read: () => unknown): void {
    this.#details.set(name, read)
  }

  /** The present answer. */
  readiness(): Readiness {
    const reasons = [...this.#conditions.values()].filter(reason => reason !== null)
    const details: Record<string, unknown> = {}
    for (const [name, read] of this.#details) details[name] = read()
    return { ready: reasons.length === 0, reasons, details }
  }
}
