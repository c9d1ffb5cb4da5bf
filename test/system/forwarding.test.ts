/** Names outside of our zones, with the real process: answers, walls against bad upstreams, loops. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ask, makeQuery, readReply, resolve } from '../support/dns-client.ts'
import { type Behaviour, FakeUpstream } from '../support/fake-upstream.ts'
import { UdpClient } from '../support/udp-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder, until } from '../support/waypost.ts'

const SERVFAIL = 2
const REFUSED = 5
const LOCAL = 'web.default.svc.cluster.local'
const GOOD: Behaviour = ({ name, type }) => ({ answers: type === 'A' ? [`${name} 30 A 192.0.2.1`] : [] })

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

describe('a server with upstreams', () => {
  it('sends names to the upstreams of the longest zone, and follows ExternalName Services', async () => {
    const everything = await startUpstream(GOOD)
    const corp = await startUpstream(({ name }) => ({ answers: [`${name} 30 A 192.0.2.2`] }))
    const { dnsPort: port } = await start({
      upstreams: [place(everything)],
      zones: [{ zone: 'corp.example', upstreams: [place(corp)] }],
    })
    expect(await resolve({ name: 'www.example', type: 'A', port })).toEqual(['A 192.0.2.1'])
    expect(await resolve({ name: 'www.corp.example', type: 'A', port, tcp: true })).toEqual(['A 192.0.2.2'])
    const { answers, aa, rcode } = await ask({ name: 'ext.default.svc.cluster.local', type: 'A', port })
    expect({ answers, aa, rcode }).toEqual({ answers: ['CNAME www.corp.example', 'A 192.0.2.2'], aa: true, rcode: 0 })
    corp.behave = () => ({ rcode: REFUSED })
    expect(await ask({ name: 'ext.default.svc.cluster.local', type: 'AAAA', port })).toMatchObject({
      rcode: SERVFAIL,
      answers: [],
    })
    expect(await resolve({ name: LOCAL, type: 'AAAA', port })).toEqual(['AAAA fdaa:0:48c8:0:1::50'])
  })

  it('counts what it asks', async () => {
    const upstream = await startUpstream(GOOD)
    const { dnsPort: port, api } = await start({ upstreams: [place(upstream)] })
    await ask({ name: 'www.example', type: 'A', port })
    const page = await (await fetch(`${api}/metrics`)).text()
    expect(page).toContain('waypost_forward_questions_total{result="answered"} 1\n')
    expect(page).toContain(`waypost_forward_results_total{upstream="${place(upstream)}",result="answer"} 1\n`)
    expect(page).toContain(`waypost_forward_upstream_state{upstream="${place(upstream)}",state="good"} 1\n`)
    expect(page).toContain('waypost_dns_answers_total{kind="forwarded"} 1\n')
  })

  it('asks over TCP what does not fit, and cuts it for clients that take less', async () => {
    const answers = (name: string): string[] => Array.from({ length: 200 }, (_, i) => `${name} 30 A 192.0.2.${i + 1}`)
    const upstream = await startUpstream(({ name, overTcp }) =>
      overTcp ? { answers: answers(name) } : { isTruncated: true },
    )
    const { dnsPort: port } = await start({ upstreams: [place(upstream)] })
    const cut = await ask({ name: 'big.example', type: 'A', port })
    expect(cut.tc).toBe(true)
    expect(cut.raw.length).toBeLessThanOrEqual(512)
    expect((await ask({ name: 'big.example', type: 'A', port, tcp: true })).answers).toHaveLength(200)
  })

  it('takes its upstreams from a file, and leaves out what is itself', async () => {
    const { path } = folder()
    writeFileSync(join(path, 'resolv.conf'), 'search x\nnameserver ::1\noptions ndots:5\n')
    const { dnsPort: port, logs } = await start({ upstreams: [join(path, 'resolv.conf')] }, '[::1]:53').catch(
      async () => await start({ upstreams: [join(path, 'resolv.conf')] }),
    )
    if (port === 53) {
      await until(() => logs.find(line => line['event'] === 'upstream_self'))
      expect(await ask({ name: 'www.example', type: 'A', port })).toMatchObject({ rcode: SERVFAIL })
    }
    expect(await resolve({ name: LOCAL, type: 'AAAA', port })).toHaveLength(1)
  })
})

describe('names of ours', () => {
  it('are answered as ever while every upstream says nothing and foreign names pour in', async () => {
    const hole = await startUpstream(() => null)
    const { dnsPort: port } = await start({ upstreams: [place(hole)], maxInFlight: 200, deadline: '2s' })
    const flood = await UdpClient.open('::1')
    const client = await UdpClient.open('::1')
    cleanUps.push(() => flood.close())
    cleanUps.push(() => client.close())
    const server = { address: '::1', port }
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 25; i++) flood.send(makeQuery({ name: `r${round}-${i}.example`, type: 'A' }), server)
      const { bytes } = await client.ask(makeQuery({ name: LOCAL, type: 'AAAA' }), server)
      expect(readReply(Buffer.from(bytes)).answers).toEqual(['AAAA fdaa:0:48c8:0:1::50'])
    }
    // 200 wait, the others are told at once that there are too many.
    const { bytes } = await flood.receive()
    expect(readReply(Buffer.from(bytes))).toMatchObject({ rcode: SERVFAIL, answers: [] })
    hole.behave = GOOD
    const works = async (): Promise<boolean> => (await ask({ name: 'late.example', type: 'A', port })).rcode === 0
    await until(() => works().catch(() => false), 15_000)
  })
})

describe('a forwarding loop', () => {
  it('is found by our own question, said aloud, and ends with that upstream out', async () => {
    const port = await freePort()
    // It sends every question back to where it came from, as a forwarder with us as its upstream does.
    const loop = await startUpstream(async query => {
      const client = await UdpClient.open('::1')
      try {
        const { bytes } = await client.ask(query.bytes, { address: '::1', port })
        return Uint8Array.from(bytes)
      } catch {
        return null
      } finally {
        client.close()
      }
    })
    loop.deniesProbes = false
    const { logs, api } = await start({ upstreams: [place(loop)] }, `[::1]:${port}`)
    await until(() => logs.find(line => line['event'] === 'upstream_looping' && line['level'] === 'error'), 60_000)
    expect(await ask({ name: 'www.example', type: 'A', port })).toMatchObject({ rcode: SERVFAIL })
    const page = await (await fetch(`${api}/metrics`)).text()
    expect(page).toContain(`waypost_forward_upstream_state{upstream="${place(loop)}",state="looping"} 1\n`)
    expect(await resolve({ name: LOCAL, type: 'AAAA', port })).toHaveLength(1)
  })
})

/** A port that is free for UDP and, most likely, TCP. */
async function freePort(): Promise<number> {
  const upstream = await FakeUpstream.start(() => null)
  await upstream.close()
  return upstream.port
}

function folder(): { path: string } {
  const made = temporaryFolder()
  cleanUps.push(made.dispose)
  return made
}

async function startUpstream(behave: Behaviour): Promise<FakeUpstream> {
  const upstream = await FakeUpstream.start(behave)
  cleanUps.push(() => upstream.close())
  return upstream
}

function place({ port }: FakeUpstream): string {
  return `[::1]:${port}`
}

async function start(forward: object, listen = '[::1]:0'): Promise<RunningWaypost> {
  const { path } = folder()
  mkdirSync(join(path, 'manifests'))
  const service = (name: string, spec: object): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name },
    spec,
  })
  const items = [
    service('web', { clusterIP: 'fdaa:0:48c8:0:1::50', ports: [{ port: 80 }] }),
    service('ext', { type: 'ExternalName', externalName: 'www.corp.example' }),
  ]
  writeFileSync(join(path, 'manifests/all.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  const config = {
    networks: [{ name: 'default', cluster: { source: { manifests: join(path, 'manifests') } } }],
    dns: { listen: [listen], forward },
    http: { listen: '[::1]:0' },
    data: join(path, 'data'),
  }
  writeFileSync(join(path, 'waypost.yaml'), JSON.stringify(config))
  const server = await startWaypost({ args: ['--config', join(path, 'waypost.yaml')] })
  cleanUps.push(() => server.end('SIGKILL'))
  return server
}
