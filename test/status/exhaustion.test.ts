import { describe, expect, it } from 'vitest'
import { Exhaustion } from '#src/status/exhaustion.ts'
import { FakeApi } from './fake-api.ts'
import { FakeTime } from './fake-time.ts'

const REASON = 'ClusterIPPoolExhausted'
const NOTE = 'failed to allocate a serviceIP: range is full'

function world() {
  const time = new FakeTime()
  const api = new FakeApi()
  const present = new Set<string>()
  const exhaustion = new Exhaustion({
    client: api.client(),
    identity: 'host_1234',
    clock: time.clock(),
    random: () => 0.5,
    subject: key => {
      const [namespace = '', name = ''] = key.split('/')
      return present.has(key) ? { kind: 'Service', namespace, name, uid: `uid-${name}` } : null
    },
    onTrouble: () => undefined,
  })
  return { time, api, present, exhaustion }
}

describe('a Service that found the pool full', () => {
  it('has an Event as soon as it is there, and only one', async () => {
    const { api, exhaustion, present, time } = world()
    exhaustion.note('default/kuard', REASON, NOTE)
    await time.advance(5000)
    expect(api.events.size).toBe(0)
    present.add('default/kuard')
    await time.advance(5000)
    expect([...api.events.values()]).toMatchObject([{ reason: REASON, note: NOTE, regarding: { name: 'kuard' } }])
    const written = api.requests.length
    await time.advance(600_000)
    expect(api.requests.length).toBe(written)
    expect([...exhaustion.counts]).toEqual([{ reason: REASON, result: 'created', count: 1 }])
  })

  it('is forgotten when it does not come within a minute', async () => {
    const { api, exhaustion, present, time } = world()
    exhaustion.note('default/late', REASON, NOTE)
    await time.advance(61_000)
    present.add('default/late')
    await time.advance(10_000)
    expect(api.events.size).toBe(0)
  })

  it('is told about when the API server is back', async () => {
    const { api, exhaustion, present, time } = world()
    api.fault = () => ({ status: 503, body: {}, retryAfterMs: null })
    present.add('default/kuard')
    exhaustion.note('default/kuard', REASON, NOTE)
    await time.advance(3000)
    api.fault = () => null
    await time.advance(50_000)
    expect(api.events.size).toBe(1)
  })

  it('pushes out the oldest of a thousand that wait', async () => {
    const { api, exhaustion, present, time } = world()
    for (let i = 0; i < 1001; i++) exhaustion.note(`default/s${i}`, REASON, NOTE)
    present.add('default/s0').add('default/s1000')
    await time.advance(10_000)
    expect([...api.events.values()]).toMatchObject([{ regarding: { name: 's1000' } }])
  })
})
