import { describe, expect, it } from 'vitest'
import { Election, TIMING } from '#src/status/leader/election.ts'
import { LeaseStore } from '#src/status/leader/lease.ts'
import { FakeApi, status } from './fake-api.ts'
import { type FakeClock, FakeTime } from './fake-time.ts'

interface Candidate {
  readonly election: Election
  readonly clock: FakeClock
  readonly terms: AbortSignal[]
  readonly holders: string[]
  readonly troubles: (string | null)[]
  reach: 'through' | 'refused' | 'silence'
}

class World {
  readonly time = new FakeTime()
  readonly api = new FakeApi()
  readonly candidates: Candidate[] = []

  candidate(identity: string, random = 0.5): Candidate {
    const clock = this.time.clock()
    const parts = { clock, terms: [] as AbortSignal[], holders: [] as string[], troubles: [] as (string | null)[] }
    const reach = { reach: 'through' as Candidate['reach'] }
    const election = new Election({
      lease: new LeaseStore(
        this.api.client(() => candidate.reach),
        'waypost-default',
        null,
      ),
      identity,
      timing: TIMING,
      clock,
      random: () => random,
      onLeading: term => parts.terms.push(term),
      onHolder: holder => parts.holders.push(holder),
      onTrouble: message => parts.troubles.push(message),
    })
    const candidate: Candidate = Object.assign(parts, reach, { election })
    this.candidates.push(candidate)
    return candidate
  }

  /** Moves on and holds, at every moment, that there is at most one leader. */
  async watch(ms: number): Promise<void> {
    const end = this.time.now + ms
    while (this.time.now < end) {
      await this.time.advance(50)
      const leaders = this.candidates.filter(candidate => candidate.election.isLeader)
      expect(leaders.length).toBeLessThanOrEqual(1)
    }
  }
}

const LEASE = 'waypost/waypost-default'

describe('Election', () => {
  it('makes one of two candidates the leader, in a Lease of the credentials’ namespace', async () => {
    const world = new World()
    const [a, b] = [world.candidate('a'), world.candidate('b')]
    a.election.start()
    b.election.start()
    await world.watch(60_000)
    expect([a.election.isLeader, b.election.isLeader].toSorted()).toEqual([false, true])
    expect(a.terms.length + b.terms.length).toBe(1)
    expect([...world.api.leases.keys()]).toEqual([LEASE])
    expect(world.api.leases.get(LEASE)).toMatchObject({
      kind: 'Lease',
      spec: { holderIdentity: a.election.isLeader ? 'a' : 'b', leaseDurationSeconds: 15, leaseTransitions: 0 },
    })
    const spec = world.api.leases.get(LEASE)?.['spec'] as Record<string, string>
    expect(spec['renewTime']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
    expect(Date.parse(spec['renewTime'] ?? '')).toBeGreaterThan(Date.parse(spec['acquireTime'] ?? ''))
  })

  it('lets the other take over after the lease when the leader is cut off, and never has two', async () => {
    for (const cut of ['refused', 'silence'] as const) {
      const world = new World()
      const [a, b] = [world.candidate('a'), world.candidate('b')]
      a.election.start()
      await world.watch(5000)
      b.election.start()
      await world.watch(20_000)
      expect(a.election.isLeader).toBe(true)
      a.reach = cut
      const cutAt = world.time.now
      await world.watch(10_000)
      expect(a.election.isLeader).toBe(false)
      expect(a.terms[0]?.aborted).toBe(true)
      expect(b.election.isLeader).toBe(false)
      while (!b.election.isLeader && world.time.now < cutAt + 30_000) await world.watch(50)
      expect(b.election.isLeader).toBe(true)
      expect(world.time.now - cutAt).toBeGreaterThan(TIMING.leaseDurationMs - TIMING.retryPeriodMs)
      expect(world.time.now - cutAt).toBeLessThan(TIMING.leaseDurationMs + 3 * TIMING.retryPeriodMs)
      a.reach = 'through'
      await world.watch(30_000)
      expect(b.election.isLeader).toBe(true)
      expect(world.api.leases.get(LEASE)).toMatchObject({ spec: { holderIdentity: 'b', leaseTransitions: 1 } })
    }
  })

  it('does not care about the calendar of either side', async () => {
    for (const jump of [-365 * 86_400_000, 365 * 86_400_000]) {
      const world = new World()
      const [a, b] = [world.candidate('a'), world.candidate('b')]
      a.election.start()
      await world.watch(3000)
      b.election.start()
      await world.watch(5000)
      b.clock.skewMs = jump
      await world.watch(40_000)
      a.clock.skewMs = jump
      await world.watch(40_000)
      b.clock.skewMs = -jump
      await world.watch(40_000)
      expect(a.election.isLeader).toBe(true)
      expect(a.terms).toHaveLength(1)
      expect(b.terms).toHaveLength(0)
    }
  })

  it('hands over within one retry when the leader stops', async () => {
    const world = new World()
    const [a, b] = [world.candidate('a'), world.candidate('b', 1)]
    a.election.start()
    await world.watch(3000)
    b.election.start()
    await world.watch(3000)
    await Promise.all([a.election.stop(), world.time.advance(1)])
    expect(world.api.holder).toBe('')
    expect(a.election.isLeader).toBe(false)
    expect(a.terms[0]?.aborted).toBe(true)
    const took = await world.time.until(() => b.election.isLeader, 5000)
    expect(took).toBeLessThanOrEqual(TIMING.retryPeriodMs * 2.2)
  })

  it('stops within a second when the API server does not answer', async () => {
    const world = new World()
    const a = world.candidate('a')
    a.election.start()
    await world.watch(3000)
    a.reach = 'silence'
    let stopped = false
    void a.election.stop().then(() => {
      stopped = true
    })
    await world.time.until(() => stopped, 1000)
    expect(a.terms[0]?.aborted).toBe(true)
  })

  it('leaves a lease alone that it does not hold when it stops', async () => {
    const world = new World()
    const [a, b] = [world.candidate('a'), world.candidate('b')]
    a.election.start()
    await world.watch(3000)
    b.election.start()
    await world.watch(3000)
    await Promise.all([b.election.stop(), world.time.advance(10)])
    expect(world.api.holder).toBe('a')
    expect(a.election.isLeader).toBe(true)
  })

  it('gives way when somebody else wrote the Lease, and keeps it when only a label changed', async () => {
    const world = new World()
    const a = world.candidate('a')
    a.election.start()
    await world.watch(3000)
    const lease = world.api.leases.get(LEASE) as { metadata: object; spec: object }
    world.api.leases.set(LEASE, { ...lease, metadata: { ...lease.metadata, resourceVersion: 'x', labels: { l: 'v' } } })
    await world.watch(5000)
    expect(a.election.isLeader).toBe(true)
    expect(world.api.leases.get(LEASE)).toMatchObject({ metadata: { labels: { l: 'v' } } })
    const held = world.api.leases.get(LEASE) as { metadata: object; spec: object }
    world.api.leases.set(LEASE, {
      ...held,
      metadata: { ...held.metadata, resourceVersion: 'y' },
      spec: { ...held.spec, holderIdentity: 'thief' },
    })
    await world.watch(2500)
    expect(a.election.isLeader).toBe(false)
    expect(a.holders.at(-1)).toBe('thief')
  })

  it('takes a deleted Lease again', async () => {
    const world = new World()
    const a = world.candidate('a')
    a.election.start()
    await world.watch(3000)
    world.api.leases.clear()
    await world.watch(5000)
    expect(a.election.isLeader).toBe(true)
    expect(world.api.holder).toBe('a')
    expect(a.terms).toHaveLength(1)
  })

  it('waits for as long as the record says, not as long as its own setting', async () => {
    const world = new World()
    world.api.leases.set(LEASE, {
      metadata: { name: 'waypost-default', resourceVersion: 'z' },
      spec: { holderIdentity: 'other', leaseDurationSeconds: 60, leaseTransitions: 7 },
    })
    const a = world.candidate('a')
    a.election.start()
    await world.watch(58_000)
    expect(a.election.isLeader).toBe(false)
    await world.watch(10_000)
    expect(a.election.isLeader).toBe(true)
    expect(world.api.leases.get(LEASE)).toMatchObject({ spec: { leaseTransitions: 8 } })
  })

  it('says that it cannot reach the Lease, and that it can again', async () => {
    const world = new World()
    const a = world.candidate('a')
    world.api.fault = () => status(403, 'leases.coordination.k8s.io "waypost-default" is forbidden')
    a.election.start()
    await world.watch(10_000)
    expect(a.troubles[0]).toContain('is forbidden')
    expect(a.election.isLeader).toBe(false)
    world.api.fault = () => null
    await world.watch(10_000)
    expect(a.troubles.at(-1)).toBeNull()
    expect(a.election.isLeader).toBe(true)
  })

  it('acts no more once the fence has passed, also before anything could tell it so', async () => {
    const world = new World()
    const a = world.candidate('a')
    a.election.start()
    await world.watch(3000)
    expect(a.election.remainingMs).toBeGreaterThan(0)
    // The process was stopped: time passed and no timer of it has run yet.
    world.time.now += TIMING.renewDeadlineMs
    expect(a.election.isLeader).toBe(false)
    expect(a.election.remainingMs).toBe(0)
  })
})
