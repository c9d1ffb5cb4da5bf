/** The story of the README against the real process: an address, a name and a route, and what a restart keeps. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, resolve } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/kuard', import.meta.url))
const APP = 'fks-default-7zyjm3ovpdxmd0ep'
const KUARD = 'kuard.default.svc.cluster.local'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** A copy of the example in a folder of its own, with a data folder beside it. */
function copyExample(): { manifests: string; args: string[] } {
  const folder = temporaryFolder()
  cleanUps.push(folder.dispose)
  const manifests = join(folder.path, 'manifests')
  cpSync(EXAMPLE, manifests, { recursive: true })
  return { manifests, args: ['--manifests', manifests, '--data', join(folder.path, 'data')] }
}

async function start(args: readonly string[]): Promise<RunningWaypost> {
  const server = await startWaypost({ args })
  cleanUps.push(() => server.end('SIGKILL'))
  return server
}

async function getJson(server: RunningWaypost, path: string): Promise<unknown> {
  return await (await fetch(`${server.api}${path}`)).json()
}

describe('the main job', () => {
  it('gives the example Service one address of the pool under both of its names, with its PTR', async () => {
    const server = await start(copyExample().args)
    const [answer = ''] = await resolve({ port: server.dnsPort, name: KUARD, type: 'AAAA' })
    expect(answer).toMatch(/^AAAA fdaa:0:48c8:0:1::[0-9a-f]+$/)
    expect(await resolve({ port: server.dnsPort, name: `kuard.svc.${APP}.flycast`, type: 'AAAA' })).toEqual([answer])
    expect(await getJson(server, '/v1/services/default/kuard')).toMatchObject({
      addresses: [answer.slice(5)],
      names: [KUARD, `kuard.svc.${APP}.flycast`],
      problem: null,
    })
    const ptr = await ask({ port: server.dnsPort, name: reverseName(answer.slice(5)), type: 'PTR' })
    expect(ptr.answers).toEqual([`PTR ${KUARD}`, `PTR kuard.svc.${APP}.flycast`])
    expect(ptr.aa).toBe(true)
  })

  it('lists the route with its backend', async () => {
    const server = await start(copyExample().args)
    const { routes } = (await getJson(server, '/v1/routes?service=default/kuard')) as { routes: object[] }
    expect(routes).toHaveLength(1)
    expect(routes[0]).toMatchObject({
      service: 'default/kuard',
      protocol: 'TCP',
      number: 8080,
      backends: [{ address: 'fdaa:0:48c8:a7b:228:4b6d:6e20:2', port: 8080, state: 'ready' }],
    })
  })

  it('keeps the address over kill -9 and a restart, and over the loss of every state', async () => {
    const example = copyExample()
    const first = await start(example.args)
    const before = await resolve({ port: first.dnsPort, name: KUARD, type: 'AAAA' })
    await first.end('SIGKILL')
    const second = await start(example.args)
    expect(await resolve({ port: second.dnsPort, name: KUARD, type: 'AAAA' })).toEqual(before)
    expect(await second.end()).toBe(0)
    rmSync(example.args[3] as string, { recursive: true })
    const third = await start(example.args)
    expect(await resolve({ port: third.dnsPort, name: KUARD, type: 'AAAA' })).toEqual(before)
  })

  it('shows a saved manifest in DNS and in the watch stream', async () => {
    const { manifests, args } = copyExample()
    const server = await start(args)
    const lines = watchLines(server, '/v1/routes/watch?service=default/added')
    await until(() => lines.some(line => line.type === 'sync'))
    const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'added' }, spec: { ports: [{ port: 80 }] } }
    writeFileSync(join(manifests, 'added.yaml'), JSON.stringify(manifest))
    const put = await until(() => lines.find(line => line.type === 'put'))
    const question = { port: server.dnsPort, name: 'added.default.svc.cluster.local', type: 'AAAA' } as const
    const [answer] = await until(async () => {
      const found = await resolve(question)
      return found.length > 0 ? found : null
    })
    expect(put.routes?.[0]?.address).toBe(answer?.slice(5))
    rmSync(join(manifests, 'added.yaml'))
    await until(() => lines.find(line => line.type === 'delete' && line.service === 'default/added'))
    await until(async () => (await ask(question)).rcode === 3)
  })

  it('keeps the last good content of a file that no longer parses and says so', async () => {
    const { manifests, args } = copyExample()
    const server = await start(args)
    const before = await resolve({ port: server.dnsPort, name: KUARD, type: 'AAAA' })
    const file = join(manifests, 'kuard.yaml')
    writeFileSync(file, `${readFileSync(file, 'utf8')}\n  broken: [`)
    const problem = await until(async () => {
      const ready = (await getJson(server, '/ready')) as { ready: boolean; details: unknown }
      return JSON.stringify(ready).includes('WAY_MANIFEST_PARSE') ? ready : null
    })
    expect(JSON.stringify(problem)).toContain('kuard.yaml')
    expect(await resolve({ port: server.dnsPort, name: KUARD, type: 'AAAA' })).toEqual(before)
    await server.end('SIGTERM')
    const again = await start(args)
    await until(() => again.logs.some(line => line['event'] === 'manifests_loaded'))
    await until(async () => JSON.stringify(await getJson(again, '/ready')).includes('"synced":true'))
    expect(await resolve({ port: again.dnsPort, name: KUARD, type: 'AAAA' })).toEqual(before)
  })

  it('answers the same over TCP', async () => {
    const server = await start(copyExample().args)
    const udp = await resolve({ port: server.dnsPort, name: KUARD, type: 'AAAA' })
    expect(await resolve({ port: server.dnsPort, name: KUARD, type: 'AAAA', tcp: true })).toEqual(udp)
  })

  it('gives an app its address, resolves it at once and keeps it until it is deleted', async () => {
    const example = copyExample()
    const server = await start(example.args)
    const post = (app: string): Promise<Response> =>
      fetch(`${server.api}/v1/addresses`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ app }),
      })
    const created = await post('web')
    expect(created.status).toBe(201)
    const claim = (await created.json()) as { address: string; names: string[] }
    expect(claim.names).toEqual(['web.flycast'])
    const question = { port: server.dnsPort, name: 'web.flycast', type: 'AAAA' } as const
    expect(await resolve(question)).toEqual([`AAAA ${claim.address}`])
    expect((await post('web')).status).toBe(200)
    await server.end('SIGKILL')
    const again = await start(example.args)
    expect(await resolve({ ...question, port: again.dnsPort })).toEqual([`AAAA ${claim.address}`])
    const remove = (): Promise<Response> =>
      fetch(`${again.api}/v1/addresses/${encodeURIComponent(claim.address)}`, { method: 'DELETE' })
    expect((await remove()).status).toBe(204)
    expect((await remove()).status).toBe(404)
    expect((await ask({ ...question, port: again.dnsPort })).rcode).toBe(3)
  })

  it('ends within two seconds on SIGTERM, with a last sync to its watchers', async () => {
    const server = await start(copyExample().args)
    const lines = watchLines(server, '/v1/routes/watch')
    await until(() => lines.some(line => line.type === 'sync'))
    const started = performance.now()
    expect(await server.end('SIGTERM')).toBe(0)
    expect(performance.now() - started).toBeLessThan(2000)
    expect(lines.at(-1)?.type).toBe('sync')
  })
})

interface WatchLine {
  readonly type: string
  readonly service?: string
  readonly routes?: { address: string }[]
}

/** Collects the lines of a watch stream until the server closes it or the test ends. */
function watchLines(server: RunningWaypost, path: string): WatchLine[] {
  const lines: WatchLine[] = []
  const abort = new AbortController()
  cleanUps.push(() => abort.abort())
  const read = async (): Promise<void> => {
    const response = await fetch(`${server.api}${path}`, { signal: abort.signal })
    let rest = ''
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      const parts = (rest + chunk).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) if (part !== '') lines.push(JSON.parse(part) as WatchLine)
    }
  }
  read().catch(() => undefined)
  return lines
}

/** The reverse name of an IPv6 address, written here without the server's own code. */
function reverseName(address: string): string {
  const [head = '', tail = ''] = address.split('::')
  const left = head.split(':').filter(Boolean)
  const right = tail.split(':').filter(Boolean)
  const middle = new Array<string>(8 - left.length - right.length).fill('0')
  const nibbles = [...left, ...middle, ...right].map(group => group.padStart(4, '0')).join('')
  return `${[...nibbles].reverse().join('.')}.ip6.arpa`
}
