/** When each exchange is due again: a binary heap with one timer of Node.js for the earliest of them. */

/** What waits for its time. */
export interface Timed {
  /** When it is due, in milliseconds of the clock; an entry of the queue with another time is out of date. */
  dueAt: number
  due(): void
}

interface Entry {
  readonly at: number
  readonly timed: Timed
}

/** See the top of the file. Entries are not taken out: they are out of date when `dueAt` has changed. */
export class TimerQueue {
  readonly #clock: () => number
  readonly #heap: Entry[] = []
  #timer: NodeJS.Timeout | undefined
  #timerAt = Number.POSITIVE_INFINITY
  #isClosed = false

  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** Calls `due` at that time, unless `dueAt` is changed before. */
  schedule(timed: Timed, at: number): void {
    timed.dueAt = at
    if (this.#isClosed) return
    this.#push({ at, timed })
    this.#arm()
  }

  /** Nothing is due any more. */
  close(): void {
    this.#isClosed = true
    clearTimeout(this.#timer)
    this.#heap.length = 0
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.at >= this.#timerAt) return
    clearTimeout(this.#timer)
    this.#timerAt = first.at
    this.#timer = setTimeout(() => this.#run(), Math.max(1, Math.ceil(first.at - this.#clock())))
  }

  #run(): void {
    this.#timerAt = Number.POSITIVE_INFINITY
    const now = this.#clock()
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#pop()
      if (first.timed.dueAt === first.at) first.timed.due()
    }
    this.#arm()
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let i = heap.length
    heap.push(entry)
    while (i > 0) {
      const parent = (i - 1) >> 1
      const above = heap[parent] as Entry
      if (above.at <= entry.at) break
      heap[i] = above
      i = parent
    }
    heap[i] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop() as Entry
    if (heap.length === 0) return
    let i = 0
    for (;;) {
      let child = 2 * i + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && (heap[child + 1] as Entry).at < (heap[child] as Entry).at) child++
      if ((heap[child] as Entry).at >= last.at) break
      heap[i] = heap[child] as Entry
      i = child
    }
    heap[i] = last
  }
}
