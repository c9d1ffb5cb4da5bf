/** Watch streams: what a client sees of the events, and what a test does to a stream. */
import type { ServerResponse } from 'node:http'
import type { Obj, ObjectStore, StoreEvent } from './objects.ts'
import { apiVersionOf, type Resource } from './resources.ts'
import type { Filter } from './selectors.ts'
import { gone, type Refusal, tooLarge } from './status.ts'

/** One open watch. */
export interface Watch {
  readonly resource: Resource
  readonly namespace: string | null
  readonly query: URLSearchParams
  /** Ends it as the server does after timeoutSeconds: cleanly. */
  end(): void
  /** Breaks the connection. */
  destroy(): void
  /** Sends nothing any more, but keeps the connection: what a half-open one looks like. */
  freeze(): void
  /** Sends again. What was not sent meanwhile is lost. */
  thaw(): void
  /** Sends this text as it is. */
  write(text: string): void
  /** Sends an ERROR event. */
  error(refusal: Refusal): void
  /** Sends a bookmark of the present version, if the client allows them. */
  bookmark(): void
}

interface Asked {
  readonly resource: Resource
  readonly namespace: string | null
  readonly query: URLSearchParams
  readonly filter: Filter
}

/** Opens a watch on `response`. @throws Refusal when it cannot begin at the version that was asked for. */
export function openWatch(store: ObjectStore, asked: Asked, response: ServerResponse, onClose: () => void): Watch {
  const { resource, query, filter } = asked
  const from = startOf(store, query)
  let isFrozen = false
  const write = (text: string): void => {
    if (!isFrozen) response.write(text)
  }
  const send = (type: string, object: unknown): void => write(`${JSON.stringify({ type, object })}\n`)
  const bookmark = (annotations?: object): void => {
    if (query.get('allowWatchBookmarks') !== 'true') return
    const metadata = { resourceVersion: String(store.version), ...(annotations === undefined ? {} : { annotations }) }
    send('BOOKMARK', { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata })
  }
  const onEvent = (event: StoreEvent): void => {
    if (event.resource !== resource) return
    const seen = seenAs(event, filter)
    if (seen !== null) send(seen.type, seen.object)
  }
  response.writeHead(200, { 'content-type': 'application/json' })
  response.flushHeaders()
  if (from === null) for (const object of store.list(resource).filter(filter)) send('ADDED', object)
  else for (const event of store.events) if (event.version > from) onEvent(event)
  if (query.get('sendInitialEvents') === 'true') bookmark({ 'k8s.io/initial-events-end': 'true' })
  const unlisten = store.listen(onEvent)
  const seconds = Number(query.get('timeoutSeconds') ?? 0)
  const timer = seconds > 0 ? setTimeout(() => response.end(), seconds * 1000) : undefined
  response.on('close', () => {
    clearTimeout(timer)
    unlisten()
    onClose()
  })
  return {
    resource,
    namespace: asked.namespace,
    query,
    end: () => response.end(),
    destroy: () => response.destroy(),
    freeze: () => {
      isFrozen = true
    },
    thaw: () => {
      isFrozen = false
    },
    write,
    error: ({ status }) => send('ERROR', status),
    bookmark: () => bookmark(),
  }
}

/** The version behind which events are sent; null: all that is there comes first, as new. */
function startOf(store: ObjectStore, query: URLSearchParams): number | null {
  const text = query.get('resourceVersion') ?? ''
  if (query.get('sendInitialEvents') === 'true' || text === '' || text === '0') return null
  const version = Number(text)
  if (version < store.compacted) throw gone()
  if (version > store.version) throw tooLarge(version, store.version)
  return version
}

/** An object that a selector begins or ceases to see comes as new or as gone. */
function seenAs({ before, after, version }: StoreEvent, filter: Filter): { type: string; object: Obj } | null {
  const was = before !== null && filter(before)
  const is = after !== null && filter(after)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object: after }
  if (!was) return null
  return { type: 'DELETED', object: { ...before, metadata: { ...before.metadata, resourceVersion: String(version) } } }
}
