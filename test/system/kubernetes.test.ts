/** The real process behind a fake API server: what it serves while the server is there, and while it is not. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ask, resolve } from '#support/dns-client.ts'
import { resource } from '#support/kubernetes/resources.ts'
import { type FakeKubernetes, startFakeKubernetes } from '#support/kubernetes/server.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '#support/waypost.ts'
import { service, slice } from '../cluster/kubernetes/followed.ts'

let api: FakeKubernetes
let folder: ReturnType<typeof temporaryFolder>
const running: RunningWaypost[] = []

beforeEach(async () => {
  api = await startFakeKubernetes()
  folder = temporaryFolder()
})

afterEach(async () => {
  for (const waypost of running.splice(0)) await waypost.end('SIGKILL')
  await api.stop()
  folder.dispose()
})

async function start(untilListening = false): Promise<RunningWaypost> {
  const kubeconfig = join(folder.path, 'kubeconfig')
  writeFileSync(kubeconfig, api.kubeConfig({ token: 'secret' }))
  const args = ['--kubeconfig', kubeconfig, '--data', join(folder.path, 'data')]
  const waypost = await startWaypost({ args, untilListening })
  running.push(waypost)
  return waypost
}

async function addresses(waypost: RunningWaypost, name: string): Promise<string[]> {
  return await resolve({ port: waypost.dnsPort, name: `${name}.default.svc.cluster.local`, type: 'AAAA' })
}

async function metric(waypost: RunningWaypost, line: string): Promise<number> {
  const text = await (await fetch(`${waypost.api}/metrics`)).text()
  const found = text.split('\n').find(candidate => candidate.startsWith(`${line} `))
  return Number(found?.slice(line.length + 1))
}

async function ready(waypost: RunningWaypost): Promise<{ status: number; text: string }> {
  const response = await fetch(`${waypost.api}/ready`)
  return { status: response.status, text: await response.text() }
}

describe('a cluster behind an API server', () => {
  it('is served as the API server has it, and followed', { timeout: 60_000 }, async () => {
    api.add(service('kuard'))
    api.add(slice('kuard-1', 'kuard', 2))
    const waypost = await start()
    expect(await addresses(waypost, 'kuard')).toEqual(['AAAA fd00::1'])
    const routes = await (await fetch(`${waypost.api}/v1/services/default/kuard`)).json()
    expect(JSON.stringify(routes)).toContain('"address":"fd00::1:2"')
    api.remove(resource('services'), 'default', 'kuard')
    await until(
      async () =>
        (await ask({ port: waypost.dnsPort, name: 'kuard.default.svc.cluster.local', type: 'AAAA' })).rcode === 3,
    )
    expect(await metric(waypost, 'waypost_source_objects{network="default",resource="endpointslices"}')).toBe(1)
    expect(await metric(waypost, 'waypost_source_stale_seconds{network="default"}')).toBe(0)
    expect(api.requests.every(({ headers }) => headers.authorization === 'Bearer secret')).toBe(true)
  })

  it('stays as it was while the API server is away, also over a restart, and its age is shown', {
    timeout: 90_000,
  }, async () => {
    api.add(service('kuard'))
    const first = await start()
    expect(await addresses(first, 'kuard')).toEqual(['AAAA fd00::1'])
    await api.stop()
    await until(async () => (await metric(first, 'waypost_source_stale_seconds{network="default"}')) > 0)
    expect(await addresses(first, 'kuard')).toEqual(['AAAA fd00::1'])
    expect((await ready(first)).status).toBe(200)
    expect(await first.end()).toBe(0)

    const second = await start()
    expect(await addresses(second, 'kuard')).toEqual(['AAAA fd00::1'])
    const problem = (text: string): boolean => text.includes('WAY_KUBERNETES_UNREACHABLE')
    await until(async () => problem((await ready(second)).text), 20_000)
    expect(await metric(second, 'waypost_source_synced{network="default"}')).toBe(0)

    api.remove(resource('services'), 'default', 'kuard')
    api.add(service('other'))
    await api.start()
    await until(async () => (await metric(second, 'waypost_source_synced{network="default"}')) === 1, 40_000)
    expect(await addresses(second, 'other')).toEqual(['AAAA fd00::1'])
    expect(await addresses(second, 'kuard')).toEqual([])
    await until(async () => !problem((await ready(second)).text))
  })

  it('that was never seen is not ready and answers SERVFAIL; the process ends when told', {
    timeout: 60_000,
  }, async () => {
    await api.stop()
    const waypost = await start(true)
    expect((await ready(waypost)).status).toBe(503)
    const { rcode } = await ask({ port: waypost.dnsPort, name: 'kuard.default.svc.cluster.local', type: 'AAAA' })
    expect(rcode).toBe(2)
    expect(await waypost.end()).toBe(0)
  })
})
