/** A small client that is independent of the server's own codec: dns2 writes the questions and reads the replies. */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import dns2 from 'dns2'

/** One record as text: `AAAA fdaa::1`, `SRV 0 100 8080 kuard.default.svc.cluster.local`, `PTR …`, `TXT …`. */
export interface Reply {
  readonly rcode: number
  readonly aa: boolean
  readonly tc: boolean
  readonly answers: readonly string[]
  readonly authorities: readonly string[]
  readonly additionals: readonly string[]
  readonly raw: Buffer
}

export interface Question {
  readonly port: number
  readonly name: string
  readonly type: keyof typeof TYPES
  /** `::1` unless told otherwise. */
  readonly server?: string
  /** The client's own address. */
  readonly from?: string
  readonly tcp?: boolean
  /** How long a reply is waited for, milliseconds; 2,000 unless told otherwise. */
  readonly patience?: number
}

const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, MX: 15, TXT: 16, AAAA: 28, SRV: 33, ANY: 255 } as const
const NAMES = new Map<number, string>(Object.entries(TYPES).map(([name, type]) => [type, name]))

const PATIENCE = 2000

/** Asks once; rejects when there is no reply in time. */
export async function ask(question: Question): Promise<Reply> {
  const query = makeQuery(question)
  const server = question.server ?? '::1'
  const raw = await (question.tcp === true ? overTcp : overUdp)(query, { ...question, server })
  return readReply(raw)
}

/** The answers alone, sorted. */
export async function resolve(question: Question): Promise<string[]> {
  const reply = await ask(question)
  return [...reply.answers].sort()
}

/** A reply as text. */
export function readReply(raw: Buffer): Reply {
  const packet = dns2.Packet.parse(raw)
  const flags = raw.readUInt16BE(2)
  return {
    rcode: flags & 15,
    aa: (flags & 0x400) !== 0,
    tc: (flags & 0x200) !== 0,
    answers: packet.answers.map(formatRecord),
    authorities: packet.authorities.map(formatRecord),
    additionals: packet.additionals.map(formatRecord),
    raw,
  }
}

/** A query with a random id and RD set. */
export function makeQuery({ name, type }: Pick<Question, 'name' | 'type'>): Buffer {
  const labels = name.replace(/\.$/, '').split('.')
  const question = labels.flatMap(label => (label === '' ? [] : [label.length, ...Buffer.from(label, 'latin1')]))
  const id = Math.floor(Math.random() * 0x10000)
  return Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question, 0, 0, TYPES[type], 0, 1])
}

type Way = Question & { readonly server: string }

function overUdp(query: Buffer, { port, server, from, patience = PATIENCE }: Way): Promise<Buffer> {
  const socket = createSocket(server.includes(':') ? 'udp6' : 'udp4')
  return new Promise<Buffer>((resolvePromise, reject) => {
    const timer = setTimeout(() => reject(new Error('No reply over UDP')), patience)
    const done = (finish: () => void): void => {
      clearTimeout(timer)
      socket.close()
      finish()
    }
    socket.on('error', error => done(() => reject(error)))
    socket.on('message', reply => {
      if (reply.readUInt16BE(0) === query.readUInt16BE(0)) done(() => resolvePromise(reply))
    })
    socket.bind({ port: 0, ...(from === undefined ? {} : { address: from }) }, () => socket.send(query, port, server))
  })
}

function overTcp(query: Buffer, { port, server, from, patience = PATIENCE }: Way): Promise<Buffer> {
  return new Promise<Buffer>((resolvePromise, reject) => {
    const socket = connect({ port, host: server, ...(from === undefined ? {} : { localAddress: from }) })
    let received = Buffer.alloc(0)
    socket.setTimeout(patience, () => socket.destroy(new Error('No reply over TCP')))
    socket.on('error', reject)
    socket.on('close', () => reject(new Error('The connection was closed without a reply')))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < received.readUInt16BE(0) + 2) return
      resolvePromise(received.subarray(2, received.readUInt16BE(0) + 2))
      socket.end()
    })
    socket.write(Buffer.concat([Buffer.from([query.length >> 8, query.length & 255]), query]))
  })
}

function formatRecord(record: object): string {
  const { type, address, domain, ns, primary, data, priority, weight, port, target, exchange } = record as Record<
    string,
    string | number | undefined
  >
  const kind = NAMES.get(Number(type)) ?? `TYPE${type}`
  if (kind === 'AAAA') return `AAAA ${shorten(String(address))}`
  if (kind === 'SRV') return `SRV ${priority} ${weight} ${port} ${target}`
  if (kind === 'MX') return `MX ${priority} ${exchange}`
  return `${kind} ${address ?? domain ?? ns ?? primary ?? data ?? ''}`
}

/** dns2 prints eight groups; RFC 5952 by way of the URL parser of the platform. */
function shorten(address: string): string {
  return new URL(`http://[${address}]/`).hostname.slice(1, -1)
}
