/**
 * One copy of what many objects share: namespaces, label values, node names, the meta of endpoints on one node.
 *
 * A text that a parser cut out of a file can keep the whole file in memory (V8 holds it as a window on the file's
 * text), so every text that outlives the parsing goes through {@link Interner.string} or {@link detach}.
 */
import type { EndpointMeta } from '../objects.ts'

/** The empty list, one for all. */
export const EMPTY: readonly never[] = Object.freeze([])
/** The empty map of texts, one for all. */
export const NO_TEXTS: Readonly<Record<string, string>> = Object.freeze({})

/** The shortest text that V8 keeps as a window on a longer one. */
const SHORTEST_WINDOW = 13
/** Longer ones, of slices that no Kubernetes makes, are hardly ever equal. */
const LONGEST_OCTETS = 1000
const scratch = Buffer.alloc(1024)

/** The same text in memory of its own. */
export function detach(text: string): string {
  if (text.length < SHORTEST_WINDOW) return text
  if (text.length * 3 > scratch.length) return Buffer.from(text, 'utf8').toString('utf8')
  return scratch.toString('utf8', 0, scratch.write(text, 'utf8'))
}

/**
 * A table in two generations: when the young one is full it becomes the old one, and what is used again moves back to
 * the young. So the table holds at most twice `limit` entries however long the process runs; an entry that was
 * forgotten only costs a second copy.
 */
class Generations<T> {
  #young = new Map<string, T>()
  #old = new Map<string, T>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string): T | undefined {
    const found = this.#young.get(key)
    if (found !== undefined) return found
    const older = this.#old.get(key)
    if (older !== undefined) this.set(key, older)
    return older
  }

  set(key: string, value: T): void {
    if (this.#young.size >= this.#limit) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(key, value)
  }
}

/** Tables of texts and endpoint metas. One serves a whole source. */
export class Interner {
  readonly #strings: Generations<string>
  readonly #metas: Generations<EndpointMeta>
  readonly #ports: Generations<readonly unknown[]>
  readonly #octets: Generations<Uint8Array>
  #lastOctets: Uint8Array = new Uint8Array(0)

  constructor(limit = 32_768) {
    this.#strings = new Generations(limit)
    this.#metas = new Generations(limit)
    this.#ports = new Generations(limit)
    this.#octets = new Generations(limit)
  }

  /** An equal text, detached from any file, and the same one for each call. */
  string(text: string): string {
    const known = this.#strings.get(text)
    if (known !== undefined) return known
    const own = detach(text)
    this.#strings.set(own, own)
    return own
  }

  /** The meta with these values; `forZones` and `forNodes` sorted. */
  meta(
    hostname: string | null,
    node: string | null,
    zone: string | null,
    forZones: readonly string[] = EMPTY,
    forNodes: readonly string[] = EMPTY,
  ): EndpointMeta {
    let key = `${node ?? ''} ${zone ?? ''} ${hostname ?? ''}`
    if (forZones.length + forNodes.length > 0) key += ` ${forZones.join(',')} ${forNodes.join(',')}`
    const known = this.#metas.get(key)
    if (known !== undefined) return known
    const meta: EndpointMeta = {
      hostname: this.#orNull(hostname),
      node: this.#orNull(node),
      zone: this.#orNull(zone),
      forZones: forZones.length === 0 ? EMPTY : forZones.map(name => this.string(name)),
      forNodes: forNodes.length === 0 ? EMPTY : forNodes.map(name => this.string(name)),
    }
    this.#metas.set(detach(key), meta)
    return meta
  }

  /** An equal list of ports, and the same one for each call: most Services of a cluster have one of a few. */
  ports<T extends object>(ports: readonly T[]): readonly T[] {
    if (ports.length === 0) return EMPTY
    const key = JSON.stringify(ports)
    const known = this.#ports.get(key)
    if (known !== undefined) return known as readonly T[]
    const own = ports.slice()
    this.#ports.set(key, own)
    return own
  }

  /** Equal octets, and the same array for each call: most slices of one size have the same conditions. */
  octets(octets: Uint8Array): Uint8Array {
    if (octets.length > LONGEST_OCTETS) return octets
    if (isSame(octets, this.#lastOctets)) return this.#lastOctets
    this.#lastOctets = this.#equalOctets(octets)
    return this.#lastOctets
  }

  #equalOctets(octets: Uint8Array): Uint8Array {
    const key = String.fromCharCode(...octets)
    const known = this.#octets.get(key)
    if (known !== undefined) return known
    this.#octets.set(key, octets)
    return octets
  }

  #orNull(text: string | null): string | null {
    return text === null ? null : this.string(text)
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
