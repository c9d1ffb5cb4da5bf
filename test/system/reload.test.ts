/** A changed configuration file and SIGHUP against the real process. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, type Question } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const folder = temporaryFolder()
const file = join(folder.path, 'waypost.yaml')
const zone = join(folder.path, 'zones', 'example.org.zone')
let server: RunningWaypost

/** What the tests change. */
interface Changes {
  readonly ttl: number
  readonly workers?: number
  readonly listen?: string
  readonly pods?: string
}

function writeConfig({ ttl, workers = 1, listen = '[::1]:0', pods = 'insecure' }: Changes): void {
  const config = {
    networks: [{ name: 'one', cluster: { source: { manifests: './manifests' } } }],
    dns: { listen: [listen], ttl, workers, pods, zones: './zones' },
    http: { listen: '[::1]:0' },
    data: './data',
  }
  writeFileSync(file, JSON.stringify(config))
}

function writeZone(address: string): void {
  writeFileSync(zone, `@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 A ${address}\n`)
}

beforeAll(async () => {
  for (const part of ['manifests', 'zones']) mkdirSync(join(folder.path, part))
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { ports: [{ port: 80 }] } }
  writeFileSync(join(folder.path, 'manifests', 'web.json'), JSON.stringify(service))
  writeZone('192.0.2.1')
  writeConfig({ ttl: 5 })
  server = await startWaypost({ args: ['--config', file] })
  const headers = { 'content-type': 'application/json' }
  await fetch(`${server.api}/v1/addresses`, { method: 'POST', headers, body: '{"app":"shop"}' })
})

afterAll(async () => {
  await server.end('SIGKILL')
  folder.dispose()
})

/** The TTL of the one answer, which follows the question, whose name it points to. */
async function ttlOf(name: string, type: Question['type'] = 'AAAA'): Promise<number> {
  const { raw, answers } = await ask({ port: server.dnsPort, name, type })
  expect(answers).toHaveLength(1)
  const question = 12 + name.length + 2 + 4
  return raw.readUInt32BE(question + 6)
}

const events = (event: string): unknown[] => server.logs.filter(line => line['event'] === event)
const WEB = 'web.default.svc.cluster.local'

describe('a changed configuration', () => {
  it('gives every name its new TTL at once', async () => {
    expect(await ttlOf(WEB)).toBe(5)
    writeConfig({ ttl: 17 })
    await until(async () => (await ttlOf(WEB)) === 17)
    for (const name of ['shop.flycast', 'ns.dns.cluster.local']) expect(await ttlOf(name)).toBe(17)
    expect(await ttlOf('cluster.local', 'SOA')).toBe(17)
    expect(await ttlOf('ns.example.org', 'A')).toBe(5)
  })

  it('says what waits for a restart, and leaves that as it is', async () => {
    writeConfig({ ttl: 18, workers: 2, listen: '[::1]:1', pods: 'disabled' })
    await until(async () => (await ttlOf(WEB)) === 18)
    const [warning] = await until(() =>
      events('reload_needs_restart').length > 0 ? events('reload_needs_restart') : null,
    )
    expect(warning).toMatchObject({ settings: ['dns.listen[0].port', 'dns.pods', 'dns.workers'] })
    const pod = await ask({ port: server.dnsPort, name: '10-0-0-1.default.pod.cluster.local', type: 'A' })
    expect(pod.answers).toEqual(['A 10.0.0.1'])
  })

  it('that is wrong changes nothing and is reported', async () => {
    writeFileSync(file, '{"networks": [], "bogus": 1}')
    const [refused] = await until(() => (events('reload_refused').length > 0 ? events('reload_refused') : null))
    expect(refused).toMatchObject({ code: 'WAY_CONFIG_INVALID' })
    expect(String((refused as { msg: unknown }).msg)).toContain('bogus')
    expect(await ttlOf(WEB)).toBe(18)
  })
})

describe('SIGHUP', () => {
  it('reads the configuration and the zone files again', async () => {
    writeConfig({ ttl: 19 })
    writeZone('192.0.2.2')
    server.child.kill('SIGHUP')
    await until(async () => (await ttlOf(WEB)) === 19)
    const question = { port: server.dnsPort, name: 'ns.example.org', type: 'A' } as const
    await until(async () => (await ask(question)).answers[0] === 'A 192.0.2.2')
  })
})
