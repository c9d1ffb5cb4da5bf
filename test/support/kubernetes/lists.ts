/** Lists: whole from version 0, as the watch cache gives them, else in pages of one moment. */
import type { ServerResponse } from 'node:http'
import type { Obj, ObjectStore } from './objects.ts'
import { apiVersionOf, type Resource } from './resources.ts'
import type { Filter } from './selectors.ts'
import { Refusal, tooLarge } from './status.ts'

interface Rest {
  readonly items: readonly Obj[]
  readonly version: number
}

/** See the top of the file. */
export class Lists {
  /** Pages also from version 0, as servers without a watch cache do. */
  pagesAtZero = false
  readonly #store: ObjectStore
  readonly #continued = new Map<string, Rest>()

  constructor(store: ObjectStore) {
    this.#store = store
  }

  /** Continue tokens given so far are refused from now on. */
  expireTokens(): void {
    this.#continued.clear()
  }

  /** @throws Refusal */
  send(resource: Resource, query: URLSearchParams, filter: Filter, response: ServerResponse): void {
    const { items, version } = this.#startOf(resource, query, filter)
    const isWhole = query.get('resourceVersion') === '0' && !this.pagesAtZero
    const limit = isWhole ? items.length : Number(query.get('limit') ?? items.length) || items.length
    const page = items.slice(0, limit)
    const rest = items.slice(limit)
    const token = rest.length === 0 ? '' : `token-${this.#continued.size}`
    if (rest.length > 0) this.#continued.set(token, { items: rest, version })
    const more = rest.length === 0 ? {} : { continue: token, remainingItemCount: rest.length }
    const metadata = { resourceVersion: String(version), ...more }
    const head = JSON.stringify({ kind: `${resource.kind}List`, apiVersion: apiVersionOf(resource), metadata })
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(`${head.slice(0, -1)},"items":[`)
    // Items of a typed list carry neither kind nor apiVersion.
    page.forEach(({ kind: _kind, apiVersion: _apiVersion, ...item }, i) => {
      response.write(`${i === 0 ? '' : ','}${JSON.stringify(item)}`)
    })
    response.end(']}\n')
  }

  #startOf(resource: Resource, query: URLSearchParams, filter: Filter): Rest {
    const token = query.get('continue') ?? ''
    if (token !== '') {
      const rest = this.#continued.get(token)
      if (rest !== undefined) return rest
      throw new Refusal(
        410,
        'Expired',
        'The provided continue parameter is too old to display a consistent list result.',
      )
    }
    const asked = Number(query.get('resourceVersion') ?? 0)
    if (asked > this.#store.version) throw tooLarge(asked, this.#store.version)
    return { items: this.#store.list(resource).filter(filter), version: this.#store.version }
  }
}
