/** A watch whose packets are dropped: neither end is told, and only silence shows it. Needs root and iproute2. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '#support/apiserver/cluster.ts'
import { canMakeNamespaces, NetworkNamespace } from '#support/apiserver/namespace.ts'
import { service, slice } from '#support/apiserver/objects.ts'
import { aaaaOf } from '#support/apiserver/served.ts'
import { grantRights, Replica } from '#support/apiserver/waypost.ts'
import { type LogLine, type RunningWaypost, until } from '#support/waypost.ts'

const POD = (i: number): string => `fdaa:0:48c8:a7b::${i.toString(16)}`
/** TCP's keep-alive gives up after 40 s; the watchdog would after 120 s, and the next connection finds nobody. */
const NOTICED = 240_000
/** A back-off of 30 s, with room. */
const BACK = 90_000

describe.skipIf(inject('apiServer') === null || !canMakeNamespaces())('a half-open watch', () => {
  let cluster: TestCluster
  let namespace: NetworkNamespace
  let server: RunningWaypost
  beforeAll(async () => {
    namespace = new NetworkNamespace()
    cluster = await TestCluster.start(inject('apiServer'), { bind: '::', names: [namespace.hostAddress] })
    await grantRights(cluster)
    await cluster.apply(service('headless', { clusterIP: 'None' }), slice('headless-1', 'headless', [POD(1)]))
    const url = new URL(cluster.server)
    const account = await cluster.serviceAccount(
      'kube-system',
      'waypost',
      `https://[${namespace.hostAddress}]:${url.port}`,
    )
    const at = `[${namespace.controlAddress}]:0`
    const config = { dns: { listen: [at], workers: 1, zones: null }, http: { listen: at } }
    const inside = namespace.command.bind(namespace)
    server = await (await Replica.create(cluster, { account, config, inside })).start()
  })
  afterAll(async () => {
    await server?.end()
    await cluster?.stop()
    namespace?.delete()
  })
  const headless = async () => String(await aaaaOf(server, 'headless', namespace.controlAddress))

  it(
    'is noticed while nothing arrives, answers go on, and changes come when the network is back',
    async () => {
      await cluster.apply(slice('headless-1', 'headless', [POD(2)]))
      await until(async () => (await headless()) === POD(2), 10_000)
      namespace.drop()
      await cluster.apply(slice('headless-1', 'headless', [POD(3)]))
      const isLost = ({ event, resource }: LogLine): boolean =>
        event === 'kubernetes_watch_failed' && resource === 'endpointslices'
      await until(async () => {
        expect(await headless()).toBe(POD(2))
        return server.logs.some(isLost)
      }, NOTICED)
      namespace.pass()
      await until(async () => (await headless()) === POD(3), BACK)
    },
    NOTICED + BACK,
  )
})
