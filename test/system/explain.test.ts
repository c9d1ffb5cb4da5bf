/** `GET /v1/explain` of the real process: the object behind every kind of name, and its answer. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningWaypost, startWaypost, temporaryFolder } from '../support/waypost.ts'

const folder = temporaryFolder()
const manifests = join(folder.path, 'manifests')
const zones = join(folder.path, 'zones')
let server: RunningWaypost

beforeAll(async () => {
  mkdirSync(manifests)
  mkdirSync(zones)
  const spec = { clusterIP: 'fdaa:0:48c8:0:1::7', ports: [{ port: 80 }] }
  const items = [
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec },
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default', labels: { 'fly.io/app': 'shop' } } },
  ]
  writeFileSync(join(manifests, 'all.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  writeFileSync(join(zones, 'o.zone'), '$ORIGIN example.org.\n@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 A 192.0.2.1\n')
  const args = ['--manifests', manifests, '--zones', zones, '--data', join(folder.path, 'data')]
  server = await startWaypost({ args })
})

afterAll(async () => {
  await server.end('SIGKILL')
  folder.dispose()
})

async function explain(query: string): Promise<string> {
  const response = await fetch(`${server.api}/v1/explain?${query}`)
  expect(response.status).toBe(200)
  return ((await response.json()) as { lines: string[] }).lines.join('\n')
}

describe('explain', () => {
  it('names the view, the zone, the Service and the answer', async () => {
    const text = await explain('name=web.svc.shop.flycast&type=AAAA&from=::1')
    expect(text).toContain('The source ::1 sees network "default" (prefix ::/0).')
    expect(text).toContain('The name lies in zone flycast., made from the cluster.')
    expect(text).toContain(`web.svc.shop.flycast. is Service "default/web" (ClusterIP) of ${manifests}/all.json:1.`)
    expect(text).toContain('  web.svc.shop.flycast. 5 AAAA fdaa:0:48c8:0:1::7')
  })

  it('names the app behind a name and behind a pointer', async () => {
    const headers = { 'content-type': 'application/json' }
    const reply = await fetch(`${server.api}/v1/addresses`, { method: 'POST', headers, body: '{"app":"shop"}' })
    const { address } = (await reply.json()) as { address: string }
    const text = await explain('name=shop.flycast&type=AAAA')
    expect(text).toContain(`App "shop" has the address ${address}.`)
    expect(text).toContain(`Namespace "default" of ${manifests}/all.json:1 belongs to app "shop".`)
    const nibbles = [...(address.split('::')[1] ?? '').padStart(4, '0')].reverse().join('.')
    const pointer = `${nibbles}.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.8.c.8.4.0.0.0.0.a.a.d.f.ip6.arpa`
    expect(await explain(`name=${pointer}&type=PTR`)).toContain(`App "shop" has the address ${address}.`)
    expect(await explain('name=none.flycast')).toContain('App "none" has no address of its own.')
  })

  it('says how Pods have their names', async () => {
    expect(await explain('name=10-0-0-1.default.pod.cluster.local&type=A')).toContain(
      'As dns.pods is "insecure", every address has a name in namespace "default", if that exists.',
    )
  })

  it('names the zone file', async () => {
    expect(await explain('name=www.example.org')).toContain(
      `The name lies in zone example.org., which comes from the zone file ${zones}/o.zone.`,
    )
  })

  it('writes the SOA of a zone out', async () => {
    expect(await explain('name=cluster.local&type=SOA')).toMatch(
      / {2}cluster\.local\. 5 SOA ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 5$/,
    )
  })
})
