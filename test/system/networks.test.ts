/** Networks are walls: what a source sees is decided by its address alone. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, resolve } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder } from '../support/waypost.ts'

const REFUSED = 5
const NXDOMAIN = 3

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** Two networks that loopback sources 127.0.0.2 and 127.0.0.3 see; 127.0.0.4 belongs to neither. */
async function startTwoNetworks(): Promise<RunningWaypost> {
  const { path, dispose } = temporaryFolder()
  cleanUps.push(dispose)
  const networks = [
    { name: 'red', prefix: 'fdaa:0:1::/48', source: '127.0.0.2/32', clusterIP: 'fdaa:0:1:0:1::50' },
    { name: 'blue', prefix: 'fdaa:0:2::/48', source: '127.0.0.3/32', clusterIP: 'fdaa:0:2:0:1::50' },
  ]
  for (const { name, clusterIP } of networks) {
    mkdirSync(join(path, name))
    const service = (service: string, ip: string): object => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: service },
      spec: { clusterIP: ip, ports: [{ port: 80 }] },
    })
    const items = [service('shared', clusterIP), service(`only-${name}`, clusterIP.replace('::50', '::51'))]
    writeFileSync(join(path, name, 'all.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  }
  const config = {
    networks: networks.map(({ name, prefix, source }) => ({
      name,
      prefix,
      sources: [source],
      cluster: {
        name,
        domain: 'cluster.local',
        serviceCidr: prefix.replace('::/48', ':0:1::/112'),
        source: { manifests: join(path, name) },
      },
    })),
    dns: { listen: ['127.0.0.1:0'] },
    http: { listen: '[::1]:0' },
    data: join(path, 'data'),
  }
  writeFileSync(join(path, 'waypost.yaml'), JSON.stringify(config))
  const server = await startWaypost({ args: ['--config', join(path, 'waypost.yaml')] })
  cleanUps.push(() => server.end('SIGKILL'))
  return server
}

describe('several networks', () => {
  it('answer the same name differently, and neither the name nor the reverse name of the other', async () => {
    const { dnsPort: port } = await startTwoNetworks()
    const base = { port, server: '127.0.0.1' }
    for (const tcp of [false, true]) {
      const red = { ...base, from: '127.0.0.2', tcp }
      const blue = { ...base, from: '127.0.0.3', tcp }
      const shared = { name: 'shared.default.svc.cluster.local', type: 'AAAA' } as const
      expect(await resolve({ ...red, ...shared })).toEqual(['AAAA fdaa:0:1:0:1::50'])
      expect(await resolve({ ...blue, ...shared })).toEqual(['AAAA fdaa:0:2:0:1::50'])
      const own = { name: 'only-red.default.svc.cluster.local', type: 'AAAA' } as const
      expect(await resolve({ ...red, ...own })).toEqual(['AAAA fdaa:0:1:0:1::51'])
      expect((await ask({ ...blue, ...own })).rcode).toBe(NXDOMAIN)
      const reverse = {
        name: '1.5.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.a.a.d.f.ip6.arpa',
        type: 'PTR',
      } as const
      expect(await resolve({ ...red, ...reverse })).toEqual(['PTR only-red.default.svc.cluster.local'])
      expect((await ask({ ...blue, ...reverse })).answers).toEqual([])
    }
  })

  it('refuse a source of neither', async () => {
    const { dnsPort: port } = await startTwoNetworks()
    const question = { port, server: '127.0.0.1', from: '127.0.0.4', name: 'shared.default.svc.cluster.local' }
    const reply = await ask({ ...question, type: 'AAAA' })
    expect(reply.rcode).toBe(REFUSED)
    expect(reply.aa).toBe(false)
    expect((await ask({ ...question, type: 'AAAA', tcp: true })).rcode).toBe(REFUSED)
  })

  it('mark every route with its network', async () => {
    const server = await startTwoNetworks()
    const { routes } = (await (await fetch(`${server.api}/v1/routes`)).json()) as {
      routes: { network: string; service: string; address: string }[]
    }
    expect(routes.map(route => `${route.network} ${route.service} ${route.address}`).sort()).toEqual([
      'blue default/only-blue fdaa:0:2:0:1::51',
      'blue default/shared fdaa:0:2:0:1::50',
      'red default/only-red fdaa:0:1:0:1::51',
      'red default/shared fdaa:0:1:0:1::50',
    ])
    const one = (await (await fetch(`${server.api}/v1/routes?network=red`)).json()) as { routes: { service: string }[] }
    expect(one.routes.map(route => route.service).sort()).toEqual(['default/only-red', 'default/shared'])
  })
})
