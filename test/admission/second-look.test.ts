import { describe, expect, it } from 'vitest'
import { appAddressObject, IP_ADDRESSES } from '#src/admission/cluster/objects.ts'
import { SecondLook } from '#src/admission/cluster/second-look.ts'
import type { Webhook } from '#src/admission/webhook.ts'
import { formatAddress } from '#src/ip/address.ts'
import { address } from '#support/ip.ts'
import { type Fixture, fixture, NETWORK } from '../pool/support.ts'
import { FakeCluster } from './fake-cluster.ts'
import { ask, type Json, review, service, specOf, webhookOf } from './support.ts'

interface World {
  readonly fix: Fixture
  readonly cluster: FakeCluster
  readonly webhook: Webhook
  readonly timers: { callback: () => void; ms: number }[]
}

/** @param said the addresses that the watch has said to be taken. */
function world(said: readonly string[] = []): World {
  const fix = fixture('fdaa:0:48c8:0:1::/112')
  const cluster = new FakeCluster()
  const timers: World['timers'] = []
  const look = new SecondLook({
    network: NETWORK,
    client: async () => cluster,
    allocator: fix.allocator,
    isWatched: held => said.some(text => formatAddress(held) === text),
    later: (callback, ms) => timers.push({ callback, ms }),
  })
  const webhook = webhookOf(fix, undefined, undefined, owner => look.look(owner))
  return { fix, cluster, webhook, timers }
}

/** The address that the answer to a create of this Service has. */
async function create({ webhook }: World, name: string): Promise<string> {
  return String(specOf(await ask(webhook, review(service(name))))['clusterIP'])
}

/** The IPAddress that the API server makes for a Service. */
function serviceAddress(text: string, name: string): Json {
  const reference = { group: '', resource: 'services', namespace: 'default', name }
  return { ...(appAddressObject(NETWORK, 'x', address(text)) as Json), spec: { parentRef: reference } }
}

describe('a create that is asked for again', () => {
  it('gets another address when the API server has the promised one for another Service, whatever the watch says', async () => {
    const all = world()
    const first = await create(all, 'kuard')
    all.cluster.put(`${IP_ADDRESSES}/${first}`, serviceAddress(first, 'other'))
    const second = await create(all, 'kuard')
    expect(second).not.toBe(first)
    expect(await create(all, 'kuard')).toBe(second)
  })

  it('keeps its address when that is free, or its own', async () => {
    const all = world()
    const first = await create(all, 'kuard')
    expect(await create(all, 'kuard')).toBe(first)
    all.cluster.put(`${IP_ADDRESSES}/${first}`, serviceAddress(first, 'kuard'))
    expect(await create(all, 'kuard')).toBe(first)
  })

  it('keeps its address while the API server does not answer', async () => {
    const all = world()
    const first = await create(all, 'kuard')
    all.cluster.put(`${IP_ADDRESSES}/${first}`, serviceAddress(first, 'other'))
    all.cluster.down = true
    expect(await create(all, 'kuard')).toBe(first)
  })

  it('asks nobody for a create that comes for the first time', async () => {
    const all = world()
    await create(all, 'kuard')
    expect(all.cluster.requests).toEqual([])
  })

  it('asks nothing of what the watch has said', async () => {
    const first = await create(world(), 'kuard')
    const all = world([first])
    await create(all, 'kuard')
    await create(all, 'kuard')
    expect(all.cluster.requests).toEqual([])
  })

  it('forgets after a minute what the watch has not confirmed', async () => {
    const all = world()
    const first = await create(all, 'kuard')
    all.cluster.put(`${IP_ADDRESSES}/${first}`, serviceAddress(first, 'other'))
    await create(all, 'kuard')
    expect(all.timers.map(({ ms }) => ms)).toEqual([60_000])
    expect(await create(all, 'kuard')).not.toBe(first)
    all.timers[0]?.callback()
    all.fix.allocator.leases.cancel(NETWORK, { kind: 'Service', name: 'default/kuard' })
    all.cluster.objects.clear()
    expect(await create(all, 'kuard')).toBe(first)
  })
})
