import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MemoryKeeper } from '#src/serve/memory.ts'

/** A heap of so many octets, of which a collection leaves a third. */
function make(): { keeper: MemoryKeeper; heap: { committed: number; collections: number } } {
  const heap = { committed: 300, collections: 0 }
  const keeper = new MemoryKeeper({
    collect: () => {
      heap.collections++
      heap.committed /= 3
    },
    committed: () => heap.committed,
  })
  return { keeper, heap }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('MemoryKeeper', () => {
  it('collects once behind a bulk of work, not in the middle of it', () => {
    const { keeper, heap } = make()
    for (let i = 0; i < 5; i++) {
      keeper.afterBulk()
      vi.advanceTimersByTime(50)
    }
    expect(heap.collections).toBe(0)
    vi.advanceTimersByTime(60_000)
    expect(heap.collections).toBe(1)
  })

  it('collects again only when there is something to gain', () => {
    const { keeper, heap } = make()
    keeper.afterBulk()
    vi.advanceTimersByTime(20_000)
    heap.committed = 110
    keeper.afterBulk()
    vi.advanceTimersByTime(20_000)
    expect(heap.collections).toBe(1)
    heap.committed = 200
    keeper.afterBulk()
    vi.advanceTimersByTime(20_000)
    expect(heap.collections).toBe(2)
  })

  it('collects at most every ten seconds, and late rather than never', () => {
    const { keeper, heap } = make()
    for (let i = 0; i < 30; i++) {
      heap.committed = 1000
      keeper.afterBulk()
      vi.advanceTimersByTime(1000)
    }
    expect(heap.collections).toBe(3)
    vi.advanceTimersByTime(10_000)
    expect(heap.collections).toBe(4)
  })

  it('does nothing where no collection can be asked for, and nothing after its end', () => {
    new MemoryKeeper({ collect: null, committed: () => 1 }).afterBulk()
    expect(vi.getTimerCount()).toBe(0)
    const { keeper, heap } = make()
    keeper.afterBulk()
    keeper.stop()
    vi.advanceTimersByTime(60_000)
    expect(heap.collections).toBe(0)
  })
})
