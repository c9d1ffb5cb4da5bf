/** The wall clock of Waypost's machine jumps, a day ahead and half an hour back. Needs libfaketime (package faketime). */
import { globSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '#support/apiserver/cluster.ts'
import { type ServiceObject, service, slice } from '#support/apiserver/objects.ts'
import { aaaaOf, addressesOf, backendsOf, routesOf } from '#support/apiserver/served.ts'
import { freePort, grantRights, Replica } from '#support/apiserver/waypost.ts'
import { ALLOCATOR, installWebhook, webhookWorks } from '#support/apiserver/webhook.ts'
import { type RunningWaypost, until } from '#support/waypost.ts'

const [FAKETIME] = globSync('/usr/lib/*/faketime/libfaketimeMT.so.1')
const SYNC_VERSION = 'service.fly.io/sync-version'
const POD = (i: number): string => `fdaa:0:48c8:a7b::${i.toString(16)}`

describe.skipIf(inject('apiServer') === null || FAKETIME === undefined)('a clock that jumps', () => {
  let cluster: TestCluster
  let server: RunningWaypost
  let offsetFile: string
  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    await grantRights(cluster)
    await cluster.apply(service('kuard'), slice('kuard-1', 'kuard', [POD(1)]))
    offsetFile = join(cluster.newFolder('clock'), 'offset')
    writeFileSync(offsetFile, '+0')
    const env = {
      LD_PRELOAD: FAKETIME ?? '',
      FAKETIME_TIMESTAMP_FILE: offsetFile,
      FAKETIME_CACHE_DURATION: '1',
      // As when somebody sets the date: only the wall clock moves.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    }
    const port = await freePort()
    await installWebhook(cluster, port)
    const admission = { listen: `[::1]:${port}`, tls: 'auto', names: ['::1'] }
    server = await (await Replica.create(cluster, { env, config: { admission } })).start()
    await webhookWorks(cluster)
  })
  afterAll(async () => {
    await server?.end()
    await cluster?.stop()
  })

  /** Milliseconds by which Waypost's clock is ahead of ours. */
  const ahead = async (): Promise<number> => {
    const { headers } = await fetch(`${server.api}/health`)
    return Date.parse(headers.get('date') ?? '') - Date.now()
  }
  const create = async (name: string) =>
    await cluster.api.send<ServiceObject>('POST', '/api/v1/namespaces/default/services', service(name))

  it.each([
    ['a day ahead', 24 * 60, 'ahead'],
    ['half an hour back', -30, 'back'],
  ])('%s changes no answer, no address and no route, and Waypost goes on', async (_, minutes, name) => {
    const state = async () => [await aaaaOf(server, 'kuard'), await routesOf(server)]
    const before = await state()
    const held = (await addressesOf(server)).filter(({ state: is }) => is === 'bound')
    writeFileSync(offsetFile, `${minutes < 0 ? '' : '+'}${minutes}m`)
    await until(async () => Math.abs((await ahead()) - minutes * 60_000) < 60_000, 30_000)
    const { status, body } = await create(name)
    expect(status).toBe(201)
    expect(body.metadata.annotations?.[ALLOCATOR]).toBe('configured')
    await until(async () => String(await aaaaOf(server, body.metadata.name)) === body.spec.clusterIP, 30_000)
    expect((await state())[0]).toEqual(before[0])
    expect(await backendsOf(server, 'default/kuard')).toEqual([POD(1)])
    const now = new Map((await addressesOf(server)).map(claim => [claim.address, claim]))
    expect(held.filter(({ address, owner }) => now.get(address)?.owner.name !== owner.name)).toEqual([])
    // The leader still leads, or leads again.
    await until(async () => {
      const { metadata } = await cluster.get<ServiceObject>('service', body.metadata.name)
      return metadata.annotations?.[SYNC_VERSION] !== undefined
    }, 60_000)
  })
})
