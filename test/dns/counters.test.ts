import { describe, expect, it } from 'vitest'
import { allocateCounters, CELL, CLOSE, Counters, DROP, readCounters } from '#src/dns/counters.ts'

describe('Counters', () => {
  it('of different threads are summed, except per thread', () => {
    const memory = allocateCounters(3)
    const counters = [0, 1, 2].map(worker => new Counters(memory, worker))
    counters.forEach((one, worker) => {
      one.query(0, 28)
      one.add(DROP.source, worker)
      one.add(CLOSE.idle, 1)
      one.add(CELL.receivedBytes + 1, 100)
      one.observe(worker + 1, 1000)
    })
    const snapshot = readCounters(memory)
    expect(snapshot.queries).toContainEqual({ labels: ['udp', 'AAAA'], value: 3 })
    expect(snapshot.dropped).toContainEqual({ labels: ['source'], value: 3 })
    expect(snapshot.tcpClosed).toContainEqual({ labels: ['idle'], value: 3 })
    expect(snapshot.receivedBytes).toContainEqual({ labels: ['tcp'], value: 300 })
    expect(snapshot.batches.map(({ value }) => value)).toEqual([1, 1, 1])
    expect(snapshot.packets.map(({ labels, value }) => `${labels} ${value}`)).toEqual(['0 1', '1 2', '2 3'])
  })

  it('no two cells share a place', () => {
    const memory = allocateCounters(1)
    const counters = new Counters(memory, 0)
    counters.query(1, 65_535)
    counters.response(1, 16)
    for (const cell of [...Object.values(DROP), ...Object.values(CLOSE)]) counters.add(cell, 1)
    const snapshot = readCounters(memory)
    expect(snapshot.queries.filter(({ value }) => value > 0)).toEqual([{ labels: ['tcp', 'other'], value: 1 }])
    expect(snapshot.responses.filter(({ value }) => value > 0)).toEqual([{ labels: ['tcp', 'BADVERS'], value: 1 }])
    for (const counts of [snapshot.dropped, snapshot.tcpClosed])
      expect(counts.every(({ value }) => value === 1)).toBe(true)
    expect(snapshot.truncated.every(({ value }) => value === 0)).toBe(true)
  })

  it('connections that are open go up and down', () => {
    const memory = allocateCounters(1)
    const counters = new Counters(memory, 0)
    counters.add(CELL.tcpAccepted, 2)
    counters.set(CELL.tcpOpen, 2)
    counters.set(CELL.tcpOpen + 1, 1)
    expect(readCounters(memory)).toMatchObject({
      tcpAccepted: [{ labels: ['tcp'], value: 2 }, { value: 0 }, { value: 0 }],
      tcpOpen: [{ value: 2 }, { labels: ['tls'], value: 1 }, { value: 0 }],
    })
  })

  it.each([
    [1, 0, 0],
    [1, 256, 0],
    [1, 257, 1],
    [2, 1024, 1],
    [10, 10_000, 2],
    [1, 1 << 20, 12],
    [1, (1 << 20) + 1, 13],
    [1, 1e15, 13],
  ])('%d packets in %d ns fall into bucket %d', (packets, nanoseconds, bucket) => {
    const memory = allocateCounters(1)
    new Counters(memory, 0).observe(packets, nanoseconds)
    const { counts, bounds, sum } = readCounters(memory).duration
    expect(counts.indexOf(packets)).toBe(bucket)
    expect(counts).toHaveLength(bounds.length + 1)
    expect(sum).toBe(nanoseconds / 1e9)
    const each = nanoseconds / packets / 1e9
    if (bucket < bounds.length) expect(each).toBeLessThanOrEqual(bounds[bucket] ?? 0)
    if (bucket > 0) expect(each).toBeGreaterThan(bounds[bucket - 1] ?? 0)
  })
})
