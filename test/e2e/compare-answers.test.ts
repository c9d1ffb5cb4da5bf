/** deploy/compare-answers.sh, with which docs/migrate-from-coredns.md lets people compare two servers. Needs dig. */
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningWaypost, startWaypost, temporaryFolder } from '../support/waypost.ts'

const SCRIPT = fileURLToPath(new URL('../../deploy/compare-answers.sh', import.meta.url))
const EXAMPLE = fileURLToPath(new URL('../../examples/kuard', import.meta.url))

const folder = temporaryFolder()
const servers: RunningWaypost[] = []

/** A server of the example after a change to its text; the same change in every file. */
async function start(name: string, change: (text: string) => string): Promise<RunningWaypost> {
  const manifests = join(folder.path, name)
  cpSync(EXAMPLE, manifests, { recursive: true })
  for (const file of ['kuard.yaml', 'dual-stack.yaml']) {
    const path = join(manifests, file)
    writeFileSync(path, change(readFileSync(path, 'utf8')))
  }
  const server = await startWaypost({ args: ['--manifests', manifests, '--data', join(folder.path, `${name}-data`)] })
  servers.push(server)
  return server
}

async function servicesOf(server: RunningWaypost): Promise<string> {
  const { services } = (await (await fetch(`${server.api}/v1/services`)).json()) as {
    services: { service: string; addresses: string[] }[]
  }
  return services.map(({ service, addresses }) => `${service.replace('/', ' ')}   ${addresses.join(',')}\n`).join('')
}

function compare(old: RunningWaypost, now: RunningWaypost, input: string) {
  return spawnSync(SCRIPT, [`::1#${old.dnsPort}`, `::1#${now.dnsPort}`], { input, encoding: 'utf8', timeout: 60_000 })
}

describe.skipIf(spawnSync('which', ['dig']).status !== 0)('deploy/compare-answers.sh', () => {
  let old: RunningWaypost
  beforeAll(async () => {
    old = await start('old', text => text)
  })
  afterAll(async () => {
    await Promise.all(servers.map(server => server.end()))
    folder.dispose()
  })

  it('finds no difference between servers of the same Services', async () => {
    const same = await start('same', text => text)
    const ran = compare(old, same, await servicesOf(old))
    expect(ran.stderr).toBe('')
    expect(ran.stdout).toMatch(/^\d\d questions, 0 answered differently\n$/)
    expect(ran.status).toBe(0)
  })

  it('shows each question that is answered differently, with both answers', async () => {
    const other = await start('other', text => text.replace('10.43.0.80', '10.43.0.81'))
    const ran = compare(old, other, await servicesOf(old))
    expect(ran.status).toBe(1)
    expect(ran.stdout).toContain('kuard-dual.default.svc.cluster.local A\n')
    expect(ran.stdout).toMatch(/^< kuard-dual\.default\.svc\.cluster\.local\..*10\.43\.0\.80$/m)
    expect(ran.stdout).toMatch(/^> kuard-dual\.default\.svc\.cluster\.local\..*10\.43\.0\.81$/m)
    // The address that only the old one has is a name there and none here.
    expect(ran.stdout).toContain('-x 10.43.0.80\n')
    expect(ran.stdout).toMatch(/questions, 2 answered differently\n$/)
  })

  it('says how it is called', () => {
    const ran = spawnSync(SCRIPT, ['::1'], { encoding: 'utf8' })
    expect(ran.status).toBe(2)
    expect(ran.stderr).toContain('deploy/compare-answers.sh OLD NEW [DOMAIN] < SERVICES')
    expect(ran.stderr).not.toContain('set -euo')
  })
})
