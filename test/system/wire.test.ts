/** Odd packets, EDNS and long answers against the real process, over both UDP transports and TCP. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ask, makeQuery } from '../support/dns-client.ts'
import { type RunningWaypost, startWaypost, temporaryFolder } from '../support/waypost.ts'

const ENDPOINTS = 300
const WEB = 'web.default.svc.cluster.local'
const BIG = 'big.default.svc.cluster.local'

const folder = temporaryFolder()
const manifests = join(folder.path, 'manifests')

beforeAll(() => {
  mkdirSync(manifests)
  const service = (name: string, clusterIP: string): object => {
    return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { clusterIP, ports: [{ port: 80 }] } }
  }
  const slices = [0, 1, 2].map(k => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: `big-${k}`, labels: { 'kubernetes.io/service-name': 'big' } },
    addressType: 'IPv6',
    ports: [{ name: '', port: 80 }],
    endpoints: Array.from({ length: ENDPOINTS / 3 }, (_, i) => ({ addresses: [`fdaa::${k + 1}:${i.toString(16)}`] })),
  }))
  const items = [service('web', 'fdaa:0:48c8:0:1::7'), service('big', 'None'), ...slices]
  writeFileSync(join(manifests, 'all.json'), JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
})

afterAll(() => folder.dispose())

const web = makeQuery({ name: WEB, type: 'AAAA' })
const name = web.subarray(12, -4)
/** Header with id 7 and RD; the counts are of questions, answers, authorities and additionals. */
const header = (flags: number, ...counts: number[]): Buffer =>
  Buffer.from([0, 7, flags >> 8, flags & 255, ...counts.flatMap(count => [0, count])])
const question = Buffer.concat([name, Buffer.of(0, 28, 0, 1)])
/** OPT with a UDP size of 1232. */
const opt = (version: number, options: readonly number[] = []): Buffer =>
  Buffer.from([0, 0, 41, 4, 208, 0, version, 0, 0, 0, options.length, ...options])
const withOpt = (...options: Parameters<typeof opt>): Buffer =>
  Buffer.concat([header(0x100, 1, 0, 0, 1), question, opt(...options)])
const asked = (qname: readonly number[]): Buffer =>
  Buffer.concat([header(0x100, 1, 0, 0, 0), Buffer.from([...qname, 0, 28, 0, 1])])

const FORMERR = 1
const NOTIMP = 4

/** A packet and the response code that it gets; null: no response at all. */
const packets: readonly (readonly [string, Buffer, number | null])[] = [
  ['a response', Buffer.concat([header(0x8100, 1, 0, 0, 0), question]), null],
  ['11 octets', web.subarray(0, 11), null],
  ['a bare header', header(0x100, 0, 0, 0, 0), FORMERR],
  ['no question', Buffer.concat([header(0x100, 0, 0, 0, 1), opt(0)]), FORMERR],
  ['two questions', Buffer.concat([header(0x100, 2, 0, 0, 0), question, question]), FORMERR],
  ['a question without its class', web.subarray(0, -2), FORMERR],
  ['octets behind the message', Buffer.concat([header(0x100, 1, 0, 0, 0), question, Buffer.of(1)]), FORMERR],
  ['a name that points at itself', asked([0xc0, 12]), FORMERR],
  [
    'a name of 256 octets',
    asked([...new Array(3).fill([63, ...new Array(63).fill(97)]).flat(), 62, ...new Array(62).fill(97), 0]),
    FORMERR,
  ],
  ['two OPT records', Buffer.concat([header(0x100, 1, 0, 0, 2), question, opt(0), opt(0)]), FORMERR],
  ['NOTIFY', Buffer.concat([header(0x2000, 1, 0, 0, 0), question]), NOTIMP],
  ['UPDATE', Buffer.concat([header(0x2800, 1, 0, 0, 0), question]), NOTIMP],
  ['class CH', Buffer.concat([header(0x100, 1, 0, 0, 0), name, Buffer.of(0, 16, 0, 3)]), 5],
  ['a name outside', asked([3, 111, 114, 103, 0]), 5],
]

/** One socket to the server; `exchange` gives what comes back before the reply to a good query that is sent behind. */
class Client {
  readonly #socket: Socket
  readonly #port: number

  constructor(socket: Socket, port: number) {
    this.#socket = socket
    this.#port = port
  }

  static async open(port: number): Promise<Client> {
    const socket = createSocket('udp6')
    socket.bind(0, '::1')
    await once(socket, 'listening')
    return new Client(socket, port)
  }

  async exchange(packet: Buffer): Promise<Buffer | null> {
    const replies: Buffer[] = []
    const last = Buffer.from(web)
    last.writeUInt16BE(0xffff, 0)
    const done = new Promise<void>(resolve => {
      this.#socket.on('message', reply => {
        if (reply.readUInt16BE(0) === 0xffff) resolve()
        else replies.push(reply)
      })
    })
    this.#socket.send(packet, this.#port, '::1')
    this.#socket.send(last, this.#port, '::1')
    await done
    this.#socket.removeAllListeners('message')
    expect(replies.length).toBeLessThan(2)
    return replies[0] ?? null
  }

  close(): void {
    this.#socket.close()
  }
}

describe.each(['batched', 'portable'])('the %s transport', transport => {
  let server: RunningWaypost
  let client: Client

  beforeAll(async () => {
    const args = ['--manifests', manifests, '--data', join(folder.path, transport), '--transport', transport]
    server = await startWaypost({ args: [...args, '--workers', '1'] })
    client = await Client.open(server.dnsPort)
  })

  afterAll(async () => {
    client.close()
    await server.end('SIGKILL')
  })

  it.each(packets)('answers %s as it must', async (_, packet, rcode) => {
    const reply = await client.exchange(packet)
    expect(reply === null ? null : (reply[3] as number) & 15).toBe(rcode)
    if (reply === null) return
    expect(reply.readUInt16BE(0)).toBe(packet.readUInt16BE(0))
    expect((reply[2] as number) & 0xfa).toBe(0x80 | ((packet[2] as number) & 0x78))
    expect(reply.readUInt16BE(6)).toBe(0)
  })

  it('knows EDNS version 0 only, and ignores options that it does not know', async () => {
    const bad = await client.exchange(withOpt(1))
    // BADVERS is 16: 1 in the OPT record, which is last, and 0 in the header.
    expect([(bad?.[3] as number) & 15, bad?.at(-6)]).toEqual([0, 1])
    const good = await client.exchange(withOpt(0, [0xff, 0xfe, 0, 1, 9]))
    expect([(good?.[3] as number) & 15, good?.readUInt16BE(6)]).toEqual([0, 1])
    expect(good?.subarray(-11)).toEqual(opt(0))
  })

  it('tells its name to who asks for it (NSID)', async () => {
    const reply = await client.exchange(withOpt(0, [0, 3, 0, 0]))
    const option = reply?.indexOf(Buffer.of(0, 0, 41, 4, 208)) ?? -1
    expect(reply?.readUInt16BE(option + 11)).toBe(3)
    expect(reply?.readUInt16BE(option + 13)).toBeGreaterThan(0)
  })

  it('cuts a long answer at a whole record, from another start each time; TCP has all of it', async () => {
    const first = await ask({ port: server.dnsPort, name: BIG, type: 'AAAA' })
    expect(first.tc).toBe(true)
    expect(first.raw.length).toBeLessThanOrEqual(512)
    expect(first.answers.length).toBe(Math.floor((512 - 12 - BIG.length - 2 - 4) / 28))
    const second = await ask({ port: server.dnsPort, name: BIG, type: 'AAAA' })
    expect(second.answers[0]).not.toBe(first.answers[0])
    const whole = await ask({ port: server.dnsPort, name: BIG, type: 'AAAA', tcp: true })
    expect([whole.tc, new Set(whole.answers).size]).toEqual([false, ENDPOINTS])
  })
})
