/** What the contract promises when a folder, a file or a flag is wrong: one sentence with its code, and nothing lost. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, resolve } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const ENTRY = fileURLToPath(new URL('../../bin/waypost.js', import.meta.url))

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function folder(): { path: string; manifests: string; data: string; args: string[] } {
  const { path, dispose } = temporaryFolder()
  cleanUps.push(dispose)
  const manifests = join(path, 'manifests')
  const data = join(path, 'data')
  mkdirSync(manifests)
  return { path, manifests, data, args: ['--manifests', manifests, '--data', data] }
}

function addService(manifests: string, name: string, spec: object = { ports: [{ port: 80 }] }): void {
  const manifest = { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec }
  writeFileSync(join(manifests, `${name}.json`), JSON.stringify(manifest))
}

async function start(args: readonly string[], untilListening = false): Promise<RunningWaypost> {
  const server = await startWaypost({ args, untilListening })
  cleanUps.push(() => server.end('SIGKILL'))
  return server
}

/** Runs a start that must fail. */
function failedStart(...args: string[]): { status: number | null; stderr: string } {
  const listen = ['--dns', '[::1]:0', '--http', '[::1]:0']
  const { status, stderr } = spawnSync(process.execPath, [ENTRY, 'serve', ...listen, ...args], {
    encoding: 'utf8',
    timeout: 15_000,
  })
  return { status, stderr }
}

/** One sentence with a code, no stack trace. */
function expectSentence(stderr: string, code: string): void {
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toContain(`(${code})`)
  expect(stderr).not.toContain('    at ')
}

describe('a start that cannot work', () => {
  it('says that another process has the data folder', async () => {
    const { args } = folder()
    await start(args)
    const { status, stderr } = failedStart(...args)
    expect(status).toBe(1)
    expectSentence(stderr, 'WAY_DATA_IN_USE')
  })

  it('says that the ledger is damaged and leaves the file as it is', () => {
    const { data, args } = folder()
    mkdirSync(data)
    const path = join(data, 'ledger.db')
    writeFileSync(path, 'this is no database, but it is longer than nothing'.repeat(100))
    const before = readFileSync(path)
    const { status, stderr } = failedStart(...args)
    expect(status).toBe(1)
    expectSentence(stderr, 'WAY_LEDGER_DAMAGED')
    expect(readFileSync(path)).toEqual(before)
  })

  it('says that the data folder cannot be written', () => {
    const { data, args } = folder()
    writeFileSync(data, 'a file, not a folder')
    const { status, stderr } = failedStart(...args)
    expect(status).toBe(1)
    expectSentence(stderr, 'WAY_DATA_UNWRITABLE')
  })

  it('says which address is taken', async () => {
    const first = await start(folder().args)
    const { status, stderr } = failedStart(...folder().args, '--dns', `[::1]:${first.dnsPort}`)
    expect(status).toBe(1)
    expectSentence(stderr, 'WAY_LISTEN')
    expect(stderr).toContain(String(first.dnsPort))
    const http = first.api.replace('http://', '')
    const second = failedStart(...folder().args, '--http', http)
    expect(second.status).toBe(1)
    expectSentence(second.stderr, 'WAY_LISTEN')
    expect(second.stderr).toContain(`Cannot listen on ${http} (TCP)`)
  })

  it.each([
    ['a flag that does not exist', ['--nonsense']],
    ['a service CIDR with host bits', ['--service-cidr', 'fdaa:0:48c8:0:1::5/112']],
    ['a service CIDR that is too large', ['--service-cidr', 'fdaa::/48']],
    ['a rest that is no duration', ['--rest', 'soon']],
    ['a transport that does not exist', ['--transport', 'pigeon']],
  ])('ends with status 2 on %s', (_, flags) => {
    const { status, stderr } = failedStart(...folder().args, ...flags)
    expect(status).toBe(2)
    expectSentence(stderr, 'WAY_USAGE')
  })
})

describe('a start without any state', () => {
  it('answers SERVFAIL, gives no app an address and says why, until the manifests are there', async () => {
    const { path, manifests, args } = folder()
    rmSync(manifests, { recursive: true })
    const zones = join(path, 'zones')
    mkdirSync(zones)
    for (const zone of ['10.in-addr.arpa', '127.in-addr.arpa']) {
      writeFileSync(join(zones, `${zone}.zone`), '@ 5 SOA @ nobody.invalid. 1 2 3 4 5\n@ 5 NS @\n')
    }
    const server = await start([...args, '--zones', zones], true)
    const rcode = async (name: string): Promise<number> =>
      (await ask({ port: server.dnsPort, name, type: 'PTR' })).rcode
    // The last one lies in a zone file, but it may be the address of a Service.
    for (const name of ['web.default.svc.cluster.local', 'cluster.local', 'shop.flycast', '9.0.0.10.in-addr.arpa']) {
      expect(await rcode(name)).toBe(2)
    }
    expect(await rcode('9.0.0.127.in-addr.arpa')).toBe(3)
    const headers = { 'content-type': 'application/json' }
    const post = (): Promise<Response> =>
      fetch(`${server.api}/v1/addresses`, { method: 'POST', headers, body: '{"app":"shop"}' })
    for (const refused of [await post(), await fetch(`${server.api}/v1/routes`), await fetch(`${server.api}/ready`)]) {
      expect(refused.status).toBe(503)
      expect(await refused.json()).toMatchObject({ code: 'WAY_NOT_READY' })
    }
    mkdirSync(manifests)
    addService(manifests, 'web')
    await until(async () => (await fetch(`${server.api}/ready`)).status === 200, 10_000)
    expect(await rcode('9.0.0.10.in-addr.arpa')).toBe(3)
    expect((await post()).status).toBe(201)
    expect(await resolve({ port: server.dnsPort, name: 'shop.flycast', type: 'AAAA' })).toHaveLength(1)
  })
})

describe('a ledger file', () => {
  it('of zero bytes counts as new', async () => {
    const { manifests, data, args } = folder()
    mkdirSync(data)
    writeFileSync(join(data, 'ledger.db'), '')
    addService(manifests, 'web')
    const server = await start(args)
    const answers = await resolve({ port: server.dnsPort, name: 'web.default.svc.cluster.local', type: 'AAAA' })
    expect(answers).toHaveLength(1)
  })
})

describe('an unsynced server', () => {
  it('answers SERVFAIL for its cluster names and is not ready while there is no state at all', async () => {
    const { path, data } = folder()
    const args = ['--manifests', join(path, 'missing'), '--data', data]
    const server = await start(args, true)
    const question = { port: server.dnsPort, name: 'web.default.svc.cluster.local', type: 'AAAA' } as const
    const reply = await ask(question)
    const ready = await fetch(`${server.api}/ready`)
    expect(reply.rcode).toBe(2)
    expect(ready.status).toBe(503)
    expect(((await ready.json()) as { reasons: string[] }).reasons).not.toEqual([])
    expect((await ask({ ...question, name: 'localhost' })).rcode).not.toBe(2)
  })

  it('serves the last state from disk while the source is away, and says how old it is', async () => {
    const { manifests, args } = folder()
    addService(manifests, 'web')
    const question = { name: 'web.default.svc.cluster.local', type: 'AAAA' } as const
    const first = await start(args)
    const before = await resolve({ ...question, port: first.dnsPort })
    await first.end('SIGTERM')
    rmSync(manifests, { recursive: true })
    const second = await start(args)
    expect(await resolve({ ...question, port: second.dnsPort })).toEqual(before)
    expect((await fetch(`${second.api}/ready`)).status).toBe(200)
    const metrics = await (await fetch(`${second.api}/metrics`)).text()
    expect(metrics).toMatch(/^waypost_last_state_age_seconds\{network="default"\} [0-9.]+$/m)
  })
})

const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
const reason = isRoot ? '' : ' (skipped: mounting a small file system needs root on Linux)'

describe.skipIf(!isRoot)(`a disk that is full${reason}`, () => {
  it('refuses new claims, serves what is known, and claims again when there is room', async () => {
    const { path, manifests, args } = folder()
    const disk = join(path, 'disk')
    mkdirSync(disk)
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
    } catch {
      // A container without CAP_SYS_ADMIN; `pool/ledger` tests the same with SQLite's own limit.
      return
    }
    cleanUps.push(() => execFileSync('umount', ['-l', disk]))
    addService(manifests, 'web')
    const server = await start([...args.slice(0, 2), '--data', join(disk, 'data')])
    const known = { port: server.dnsPort, name: 'web.default.svc.cluster.local', type: 'AAAA' } as const
    const before = await resolve(known)
    fill(join(disk, 'ballast'))
    for (let i = 0; i < 300; i++) addService(manifests, `new-${i}`)
    const waiting = await until(async () => {
      const { services } = (await (await fetch(`${server.api}/v1/services`)).json()) as { services: Problem[] }
      return services.find(service => service.problem?.code === 'WAY_LEDGER_WRITE')
    }, 10_000)
    expect(await resolve(known)).toEqual(before)
    const post = await fetch(`${server.api}/v1/addresses`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"app":"late"}',
    })
    expect(post.status).toBe(503)
    expect(await post.json()).toMatchObject({ code: 'WAY_LEDGER_WRITE' })
    rmSync(join(disk, 'ballast'))
    const name = `${waiting.service.slice('default/'.length)}.default.svc.cluster.local`
    await until(async () => (await resolve({ ...known, name })).length === 1, 10_000)
  })
})

interface Problem {
  readonly service: string
  readonly problem: { readonly code: string } | null
}

/** Writes until there is no room. */
function fill(path: string): void {
  for (let size = 1 << 20; size >= 512; size >>= 1) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: 'a' })
    } catch {
      // The disk has no room for a piece of this size; try smaller ones.
    }
  }
}
