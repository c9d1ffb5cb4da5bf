/** Other evictions to compare with: each says whether a key was there, and has it from then on. */

/** An eviction over numbers. */
export interface Model {
  readonly name: string
  ask(key: number): boolean
}

/** What was not asked for longest goes. */
export class LruModel implements Model {
  readonly name = 'LRU'
  readonly #keys = new Set<number>()
  readonly #entries: number

  constructor(entries: number) {
    this.#entries = entries
  }

  ask(key: number): boolean {
    const isHit = this.#keys.delete(key)
    this.#keys.add(key)
    if (this.#keys.size > this.#entries) this.#keys.delete(this.#keys.values().next().value as number)
    return isHit
  }
}

/** What came first goes first. */
export class FifoModel implements Model {
  readonly name = 'FIFO'
  readonly #keys = new Set<number>()
  readonly #entries: number

  constructor(entries: number) {
    this.#entries = entries
  }

  ask(key: number): boolean {
    if (this.#keys.has(key)) return true
    this.#keys.add(key)
    if (this.#keys.size > this.#entries) this.#keys.delete(this.#keys.values().next().value as number)
    return false
  }
}

interface SieveNode {
  readonly key: number
  isVisited: boolean
  newer: SieveNode | null
  older: SieveNode | null
}

/** SIEVE (Zhang et al., NSDI 2024): a hand goes from old to new, and round again, and takes what was not visited. */
export class SieveModel implements Model {
  readonly name = 'SIEVE'
  readonly #nodes = new Map<number, SieveNode>()
  readonly #entries: number
  #newest: SieveNode | null = null
  #oldest: SieveNode | null = null
  #hand: SieveNode | null = null

  constructor(entries: number) {
    this.#entries = entries
  }

  ask(key: number): boolean {
    const found = this.#nodes.get(key)
    if (found !== undefined) {
      found.isVisited = true
      return true
    }
    if (this.#nodes.size >= this.#entries) this.#evict()
    const node: SieveNode = { key, isVisited: false, newer: null, older: this.#newest }
    if (this.#newest !== null) this.#newest.newer = node
    this.#newest = node
    this.#oldest ??= node
    this.#nodes.set(key, node)
    return false
  }

  #evict(): void {
    let node = this.#hand ?? this.#oldest
    while (node?.isVisited === true) {
      node.isVisited = false
      node = node.newer ?? this.#oldest
    }
    if (node === null) return
    this.#hand = node.newer
    if (node.newer === null) this.#newest = node.older
    else node.newer.older = node.older
    if (node.older === null) this.#oldest = node.newer
    else node.older.newer = node.newer
    this.#nodes.delete(node.key)
  }
}
