/** Service CIDRs of other sizes, and two families: the same behaviour, once each. */

import { join } from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '../../support/apiserver/cluster.ts'
import { type ServiceObject, service } from '../../support/apiserver/objects.ts'
import { aaaaOf, addressesOf } from '../../support/apiserver/served.ts'
import { freePort, grantRights, Replica } from '../../support/apiserver/waypost.ts'
import { ALLOCATOR, installWebhook, webhookWorks } from '../../support/apiserver/webhook.ts'
import { resolve } from '../../support/dns-client.ts'
import { ROOT } from '../../support/source-tree.ts'
import { type RunningWaypost, until } from '../../support/waypost.ts'

describe.skipIf(inject('apiServer') === null)('a cluster whose service CIDR is', () => {
  let cluster: TestCluster | null = null
  let server: RunningWaypost | null = null
  afterEach(async () => {
    await server?.end()
    await cluster?.stop()
    server = null
    cluster = null
  })

  async function start(serviceCidr: string, pool: string): Promise<{ cluster: TestCluster; server: RunningWaypost }> {
    cluster = await TestCluster.start(inject('apiServer'), { serviceCidr })
    await grantRights(cluster)
    const port = await freePort()
    await installWebhook(cluster, port)
    const config = { admission: { listen: `[::1]:${port}`, tls: 'auto', names: ['::1'] } }
    server = await (await Replica.create(cluster, { serviceCidr: pool, config })).start()
    await webhookWorks(cluster)
    return { cluster, server }
  }

  it.each(['fdaa:0:48c8:0:1::/108', 'fdaa:0:48c8:1::/64'])('%s has addresses from all of it', async cidr => {
    const running = await start(cidr, cidr)
    const create = async (name: string) =>
      await running.cluster.api.send<ServiceObject>('POST', '/api/v1/namespaces/default/services', service(name))
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => create(`svc-${i}`)))
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 201))
    const addresses = answers.map(({ body }) => body.spec.clusterIP ?? '')
    expect(addresses.filter(address => !address.startsWith(cidr.split('::')[0] ?? ''))).toEqual([])
    expect(answers.every(({ body }) => body.metadata.annotations?.[ALLOCATOR] === 'configured')).toBe(true)
    // More than the low 16 bits are used, which is where Kubernetes' old allocator ended.
    expect(new Set(addresses.map(address => address.split(':').slice(0, -1).join(':'))).size).toBeGreaterThan(10)
    await until(async () => String(await aaaaOf(running.server, 'svc-49')) === addresses[49])
  })

  it('dual-stack, IPv6 first, has our IPv6 address and the API server’s IPv4 one', async () => {
    const running = await start('fdaa:0:48c8:0:1::/112,10.43.0.0/16', 'fdaa:0:48c8:0:1::/112')
    const file = (name: string) => join(ROOT, 'examples/kuard', name)
    // The example names both addresses; another Service leaves them to us and to the API server.
    await running.cluster.kubectl(['apply', '--filename', file('dual-stack.yaml')])
    const both = service('both', { ipFamilyPolicy: 'PreferDualStack' })
    const { status, body } = await running.cluster.api.send<ServiceObject>(
      'POST',
      '/api/v1/namespaces/default/services',
      both,
    )
    expect(status).toBe(201)
    expect(body.spec.ipFamilies).toEqual(['IPv6', 'IPv4'])
    const [six = '', four = ''] = body.spec.clusterIPs ?? []
    expect(six).toMatch(/^fdaa:0:48c8:0:1::/)
    expect(four).toMatch(/^10\.43\./)
    const ask = async (name: string, type: 'A' | 'AAAA') =>
      await resolve({ port: running.server.dnsPort, name: `${name}.default.svc.cluster.local`, type })
    await until(async () => (await ask('both', 'A')).includes(`A ${four}`))
    expect(await ask('both', 'AAAA')).toEqual([`AAAA ${six}`])
    await until(async () => (await ask('kuard-dual', 'A')).includes('A 10.43.0.80'))
    expect(await ask('kuard-dual', 'AAAA')).toEqual(['AAAA fdaa:0:48c8:0:1::50'])
    const held = await addressesOf(running.server)
    expect(
      held
        .filter(({ owner }) => owner.name === 'default/both')
        .map(({ address }) => address)
        .sort(),
    ).toEqual([six, four].sort())
  })

  it('dual-stack, IPv4 first, follows the order of the families that a Service asks for', async () => {
    const running = await start('10.43.0.0/16,fdaa:0:48c8:0:1::/112', 'fdaa:0:48c8:0:1::/112')
    const create = async (name: string, fields: object) =>
      await running.cluster.api.send<ServiceObject>(
        'POST',
        '/api/v1/namespaces/default/services',
        service(name, { ...fields }),
      )
    const families = { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] }
    const mixed = await create('mixed', families)
    expect(mixed.status).toBe(201)
    expect(mixed.body.spec.ipFamilies).toEqual(['IPv4', 'IPv6'])
    const [four = '', six = ''] = mixed.body.spec.clusterIPs ?? []
    expect([four, six]).toEqual([expect.stringMatching(/^10\.43\./), expect.stringMatching(/^fdaa:0:48c8:0:1::/)])
    await until(async () => String(await aaaaOf(running.server, 'mixed')) === six)
    const only = await create('only', { ipFamilies: ['IPv4'] })
    expect([only.status, only.body.spec.ipFamilies]).toEqual([201, ['IPv4']])
  })
})
