import { describe, expect, it } from 'vitest'
import type { Answer } from '#src/status/answer.ts'
import { type Complaint, complaintsOf } from '#src/status/complaints.ts'
import { EventWriter } from '#src/status/events.ts'
import { address } from '#support/ip.ts'
import { FakeApi, status } from './fake-api.ts'
import { FakeTime } from './fake-time.ts'

const FULL: Complaint = { reason: 'ServiceCIDRFull', action: 'ClusterIPAllocation', note: 'range is full' }
const TAKEN: Complaint = { reason: 'ClusterIPAlreadyAllocated', action: 'ClusterIPAllocation', note: 'taken' }

class World {
  readonly time = new FakeTime()
  readonly api = new FakeApi()
  readonly complaints = new Map<string, Complaint[]>()
  readonly troubles: (Answer | null)[] = []
  uid: (name: string) => string | null = name => `uid-${name}`
  readonly term = new AbortController()
  readonly writer: EventWriter
  remainingMs = 10_000

  constructor() {
    this.writer = new EventWriter({
      client: this.api.client(),
      view: {
        subject: key => {
          const [namespace = '', name = ''] = key.split('/')
          return this.complaints.has(key) ? { kind: 'Service', namespace, name, uid: this.uid(name) } : null
        },
        complaints: key => this.complaints.get(key) ?? [],
        troubled: () => this.complaints.keys(),
      },
      clock: this.time.clock(),
      random: () => 0.5,
      identity: 'host_1234',
      remainingMs: () => this.remainingMs,
      onTrouble: (_key, answer) => this.troubles.push(answer),
    })
  }

  lead(): void {
    this.writer.lead(this.term.signal)
  }

  say(key: string, ...complaints: Complaint[]): void {
    if (complaints.length === 0) this.complaints.delete(key)
    else this.complaints.set(key, complaints)
    this.writer.changed(key)
  }

  /** Of the only Event. */
  get series(): { readonly count: number; readonly lastObservedTime: string } {
    return { count: 0, lastObservedTime: '', ...(this.events[0]?.['series'] as object | undefined) }
  }

  get events(): Record<string, unknown>[] {
    return [...this.api.events.values()]
  }
}

describe('EventWriter', () => {
  it('makes an Event that the API server takes and kubectl describe shows', async () => {
    const world = new World()
    world.lead()
    world.say('default/kuard', FULL)
    await world.time.advance(1000)
    expect(world.events).toHaveLength(1)
    const [event] = world.events
    expect(event).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { namespace: 'default' },
      type: 'Warning',
      reason: 'ServiceCIDRFull',
      action: 'ClusterIPAllocation',
      note: 'range is full',
      reportingController: 'waypost.fly.io/status',
      reportingInstance: 'host_1234',
      regarding: { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'kuard', uid: 'uid-kuard' },
    })
    expect([...world.api.events.keys()][0]).toMatch(/^default\/kuard\.[0-9a-f]+$/)
    expect(event?.['eventTime']).toMatch(/\.\d{6}Z$/)
  })

  it('counts a complaint that lasts in one series, more and more seldom', async () => {
    const world = new World()
    world.lead()
    world.say('default/kuard', FULL)
    for (let minute = 0; minute < 180; minute += 5) {
      await world.time.advance(5 * 60_000)
      world.writer.compare()
    }
    await world.time.advance(1000)
    expect(world.events).toHaveLength(1)
    const { count, lastObservedTime } = world.series
    expect(count).toBeGreaterThan(6)
    expect(count).toBeLessThan(20)
    expect(lastObservedTime).toMatch(/\.\d{6}Z$/)
  })

  it('counts what comes and goes quickly without a request each time', async () => {
    const world = new World()
    world.lead()
    for (let i = 0; i < 200; i++) {
      world.say('default/kuard', FULL)
      await world.time.advance(50)
      world.say('default/kuard')
      await world.time.advance(50)
    }
    world.say('default/kuard', FULL)
    await world.time.advance(1000)
    expect(world.api.requests.length).toBeLessThan(6)
    expect(world.series.count).toBeGreaterThan(90)
  })

  it('says every complaint of an object, each as its own Event', async () => {
    const world = new World()
    world.lead()
    world.say('default/kuard', FULL, TAKEN)
    await world.time.advance(1000)
    expect(world.events.map(event => event['reason'])).toEqual(['ServiceCIDRFull', 'ClusterIPAlreadyAllocated'])
  })

  it('makes a new Event when the API server has forgotten the old one', async () => {
    const world = new World()
    world.lead()
    world.say('default/kuard', FULL)
    await world.time.advance(1000)
    world.api.events.clear()
    await world.time.advance(60_000)
    world.writer.compare()
    await world.time.advance(1000)
    expect(world.events).toHaveLength(1)
    expect(world.events[0]?.['series']).toBeUndefined()
  })

  it('says nothing while it does not lead, and everything that is wrong when it begins to', async () => {
    const world = new World()
    world.say('default/kuard', FULL)
    await world.time.advance(60_000)
    expect(world.api.requests).toEqual([])
    world.lead()
    await world.time.advance(1000)
    expect(world.events).toHaveLength(1)
    world.term.abort()
    world.say('default/other', FULL)
    await world.time.advance(60_000)
    expect(world.events).toHaveLength(1)
  })

  it('says nothing of an object that is gone or well again when its turn comes', async () => {
    const world = new World()
    world.lead()
    for (let i = 0; i < 100; i++) world.say(`default/s${i}`, FULL)
    for (let i = 0; i < 100; i++) world.say(`default/s${i}`)
    await world.time.advance(60_000)
    // Only those whose Event was under way at once.
    expect(world.events.length).toBeLessThanOrEqual(4)
  })

  it('limits the rate and the number of those that wait, and counts what it drops', async () => {
    const world = new World()
    for (let i = 0; i < 12_000; i++) world.complaints.set(`default/s${i}`, [FULL])
    world.lead()
    expect(world.writer.waiting).toBe(10_000)
    await world.time.advance(60_000)
    expect(world.events.length).toBeGreaterThan(300)
    expect(world.events.length).toBeLessThanOrEqual(25 + 5 * 60 + 1)
    const counts = [...world.writer.counts]
    expect(counts.find(entry => entry.result === 'dropped')).toEqual({
      reason: 'ServiceCIDRFull',
      result: 'dropped',
      count: 2000,
    })
    expect(counts.find(entry => entry.result === 'created')?.count).toBe(world.events.length)
  })

  it('gives up an Event that a namespace in its end refuses, and says so once', async () => {
    const world = new World()
    world.lead()
    world.api.fault = () => status(403, 'namespace default is being terminated')
    world.say('default/kuard', FULL)
    world.say('default/other', FULL)
    await world.time.advance(120_000)
    expect(world.writer.waiting).toBe(0)
    expect(world.api.requests).toHaveLength(2)
    expect(world.troubles).toHaveLength(1)
  })

  it('waits while the API server is away', async () => {
    const world = new World()
    world.lead()
    world.api.fault = () => status(500, 'etcd')
    world.say('default/kuard', FULL)
    await world.time.advance(120_000)
    expect(world.api.requests.length).toBeLessThan(12)
    world.api.fault = () => null
    await world.time.advance(60_000)
    expect(world.events).toHaveLength(1)
    expect(world.troubles.at(-1)).toBeNull()
  })

  it('asks the API server for the uid of an object that was refused', async () => {
    const world = new World()
    world.uid = () => null
    world.lead()
    world.api.services.set('default/kuard', { uid: 'from-the-server', annotations: {} })
    world.say('default/kuard', FULL)
    world.say('default/gone', FULL)
    await world.time.advance(1000)
    expect(world.events.map(event => event['regarding'])).toEqual([
      { apiVersion: 'v1', kind: 'Service', namespace: 'default', name: 'kuard', uid: 'from-the-server' },
    ])
    expect(world.writer.waiting).toBe(0)
  })

  it('cuts a note that is longer than the API server takes', async () => {
    const world = new World()
    world.lead()
    world.say('default/kuard', { ...FULL, note: 'x'.repeat(3000) })
    await world.time.advance(1000)
    expect(world.events[0]).toMatchObject({ note: `${'x'.repeat(1023)}…` })
  })
})

describe('complaintsOf', () => {
  const pool = 'fdaa:0:48c8:0:1::/112'
  const well = { clusterIPs: [], problem: null, outside: [] }

  it('has nothing to say of a Service that is served', () => {
    expect(complaintsOf(well, pool)).toEqual([])
  })

  it('uses the words of kube-apiserver for addresses', () => {
    const clusterIPs = [address('fdaa:0:48c8:0:1::7'), address('10.43.0.80')]
    const problem = {
      code: 'WAY_ADDRESS_TAKEN',
      message: 'Cannot give fdaa:0:48c8:0:1::7 to Service default/b: it belongs to Service default/a',
    }
    expect(complaintsOf({ ...well, clusterIPs, problem }, pool)).toEqual([
      {
        reason: 'ClusterIPAlreadyAllocated',
        action: 'ClusterIPAllocation',
        note: 'Cluster IP [IPv6]:fdaa:0:48c8:0:1::7 was assigned to multiple services; please recreate service',
      },
    ])
    expect(complaintsOf({ ...well, outside: [address('fd00::1')] }, pool)).toEqual([
      {
        reason: 'ClusterIPOutOfRange',
        action: 'ClusterIPAllocation',
        note: 'Cluster IP [IPv6]:fd00::1 is not within any configured Service CIDR; please recreate service',
      },
    ])
  })

  it('has the same note for a full pool each time, whatever the message counts down', () => {
    const notes = ['… until 10:00', '… until 10:01'].map(message =>
      complaintsOf({ ...well, problem: { code: 'WAY_POOL_EXHAUSTED', message } }, pool),
    )
    expect(notes[0]).toEqual(notes[1])
    expect(notes[0]?.[0]?.note).toMatch(/^failed to allocate a serviceIP: range is full; the service CIDR fdaa:0:48c8/)
  })

  it('passes on what Kubernetes has no words for', () => {
    const problem = { code: 'WAY_LEDGER_WRITE', message: 'Cannot write the ledger: disk full' }
    expect(complaintsOf({ ...well, problem }, pool)[0]).toMatchObject({
      reason: 'ClusterIPNotAllocated',
      note: problem.message,
    })
  })
})
