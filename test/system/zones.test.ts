/** Zone files of the real process: what is served, what a change on disk does, and how faults are reported. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, resolve } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const ZONE = `$ORIGIN example.test.
$TTL 300
@ SOA ns hostmaster ( 1 7200 1800 86400 60 )
  NS ns
ns AAAA 2001:db8::53
www A 192.0.2.80
*.w CNAME www
sub NS ns.sub
ns.sub A 192.0.2.53
old DNAME new
a.new A 192.0.2.9
`

const folder = temporaryFolder()
const zones = join(folder.path, 'zones')
const manifests = join(folder.path, 'manifests')
let server: RunningWaypost

beforeAll(async () => {
  mkdirSync(manifests)
  mkdirSync(zones)
  writeFileSync(join(zones, 'example.zone'), ZONE)
  const alias = { type: 'ExternalName', externalName: 'q.w.example.test' }
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'alias' }, spec: alias }
  writeFileSync(join(manifests, 'all.json'), JSON.stringify(service))
  const args = ['--manifests', manifests, '--zones', zones, '--data', join(folder.path, 'data')]
  server = await startWaypost({ args })
})

afterAll(async () => {
  await server.end('SIGKILL')
  folder.dispose()
})

const addresses = (name: string): Promise<string[]> => resolve({ port: server.dnsPort, name, type: 'A' })

interface Problem {
  readonly code: string
  readonly file: string
  readonly line: number
  readonly message: string
}

async function problems(): Promise<Problem[]> {
  const ready = (await (await fetch(`${server.api}/ready`)).json()) as { details: { zones: { problems: Problem[] } } }
  return ready.details.zones.problems
}

describe('zone files', () => {
  it('answer wildcards, delegations with glue and DNAME, also behind an alias of the cluster', async () => {
    expect(await addresses('q.w.example.test')).toEqual(['A 192.0.2.80', 'CNAME www.example.test'])
    expect(await addresses('alias.default.svc.cluster.local')).toEqual([
      'A 192.0.2.80',
      'CNAME q.w.example.test',
      'CNAME www.example.test',
    ])
    const referral = await ask({ port: server.dnsPort, name: 'x.sub.example.test', type: 'A' })
    expect(referral).toMatchObject({ aa: false, answers: [], authorities: ['NS ns.sub.example.test'] })
    expect(referral.additionals).toEqual(['A 192.0.2.53'])
    expect(await addresses('a.old.example.test')).toContain('A 192.0.2.9')
  })

  it('are read again when they change; a wrong one changes nothing and is reported with its line', async () => {
    writeFileSync(join(zones, 'example.zone'), ZONE.replace('192.0.2.80', '192.0.2.81'))
    await until(async () => (await addresses('www.example.test'))[0] === 'A 192.0.2.81')
    writeFileSync(join(zones, 'example.zone'), ZONE.replace('192.0.2.80', '192.0.2.800'))
    const [problem] = await until(async () => {
      const found = await problems()
      return found.length > 0 ? found : null
    })
    expect(problem).toMatchObject({ code: 'WAY_ZONE_PARSE', file: join(zones, 'example.zone'), line: 6 })
    expect(await addresses('www.example.test')).toEqual(['A 192.0.2.81'])
    writeFileSync(join(zones, 'example.zone'), ZONE)
    await until(async () => (await problems()).length === 0)
  })

  it('come and go with their file', async () => {
    const file = join(zones, 'b.zone')
    writeFileSync(file, '$ORIGIN b.test.\n@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 A 192.0.2.7\n')
    await until(async () => (await addresses('ns.b.test'))[0] === 'A 192.0.2.7')
    rmSync(file)
    await until(async () => (await ask({ port: server.dnsPort, name: 'ns.b.test', type: 'A' })).rcode === 5)
  })

  it('of a zone that the cluster itself fills are refused and reported', async () => {
    const file = join(zones, 'cluster.zone')
    writeFileSync(file, '$ORIGIN cluster.local.\n@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 A 192.0.2.7\n')
    const [problem] = await until(async () => {
      const found = await problems()
      return found.length > 0 ? found : null
    })
    expect(problem).toMatchObject({ code: 'WAY_NAME_TAKEN', file })
    expect((await ask({ port: server.dnsPort, name: 'ns.cluster.local', type: 'A' })).rcode).toBe(3)
    rmSync(file)
    await until(async () => (await problems()).length === 0)
  })
})
