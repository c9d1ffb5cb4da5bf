/** A name server whose every answer a test decides: UDP and TCP on one port of loopback. */
import type { Socket as UdpSocket } from 'node:dgram'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { parseAddress } from '#src/ip/address.ts'
import { formatName, parseName } from '#src/wire/name.ts'
import { TYPE, typeName, typeNumber } from '#src/wire/record-type.ts'
import { u16 } from './answering.ts'
import { bindOnePort } from './one-port.ts'

const NXDOMAIN = 3

/** A question as it came in. */
export interface UpstreamQuery {
  readonly bytes: Uint8Array
  /** As it was written, with the final dot. */
  readonly name: string
  readonly type: string
  readonly overTcp: boolean
  /** The port that it came from. */
  readonly from: number
  readonly flags: number
  readonly hasEdns: boolean
  readonly isDnssecOk: boolean
}

/** What a test answers with; records are `NAME TTL TYPE DATA`. */
export interface MadeAnswer {
  readonly rcode?: number
  readonly answers?: readonly string[]
  readonly authorities?: readonly string[]
  readonly additionals?: readonly string[]
  readonly isTruncated?: boolean
  readonly isAuthentic?: boolean
  readonly isRecursive?: boolean
  /** Extended error: code and text. */
  readonly error?: readonly [code: number, text: string]
  readonly id?: number
  /** In place of the question's name. */
  readonly name?: string
}

/** null: nothing is answered. Octets go out as they are. */
export type Behaviour = (
  query: UpstreamQuery,
) => MadeAnswer | Uint8Array | null | Promise<MadeAnswer | Uint8Array | null>

/** See the top of the file. */
export class FakeUpstream {
  readonly port: number
  readonly queries: UpstreamQuery[] = []
  behave: Behaviour
  /** Questions by which a forwarder looks for loops are answered without the test. */
  deniesProbes = true
  /** What a new TCP connection meets. */
  acceptTcp: (socket: Socket) => void = () => {}
  readonly #udp: UdpSocket
  readonly #tcp: Server
  readonly #connections: Set<Socket> = new Set()

  static async start(behave: Behaviour, address = '::1'): Promise<FakeUpstream> {
    const tcp = createServer()
    return new FakeUpstream(await bindOnePort(tcp, address), tcp, behave)
  }

  private constructor(udp: UdpSocket, tcp: Server, behave: Behaviour) {
    this.#udp = udp
    this.#tcp = tcp
    this.behave = behave
    this.port = (tcp.address() as AddressInfo).port
    udp.on('message', (message, source) => {
      void this.#answer(message, false, source.port, reply => udp.send(reply, source.port, source.address))
    })
    tcp.on('connection', socket => this.#serve(socket))
  }

  /** TCP connections that are open. */
  get connections(): number {
    return this.#connections.size
  }

  /** Sends octets over UDP from its own address. */
  send(bytes: Uint8Array, port: number, address = '::1'): void {
    this.#udp.send(bytes, port, address)
  }

  /** Cuts every TCP connection. */
  cutTcp(): void {
    for (const socket of this.#connections) socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.cutTcp()
    await Promise.all([
      new Promise<void>(done => this.#udp.close(() => done())),
      new Promise(done => this.#tcp.close(done)),
    ])
  }

  #serve(socket: Socket): void {
    this.#connections.add(socket)
    let received = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('close', () => this.#connections.delete(socket))
    socket.on('data', (segment: Buffer) => {
      received = Buffer.concat([received, segment])
      while (received.length >= 2 && received.length >= 2 + received.readUInt16BE()) {
        const end = 2 + received.readUInt16BE()
        const message = received.subarray(2, end)
        received = received.subarray(end)
        void this.#answer(message, true, socket.remotePort ?? 0, reply =>
          socket.write(Buffer.concat([Buffer.from(u16(reply.length)), reply])),
        )
      }
    })
    this.acceptTcp(socket)
  }

  async #answer(bytes: Uint8Array, overTcp: boolean, from: number, send: (reply: Uint8Array) => void): Promise<void> {
    const query = readQuery(bytes, overTcp, from)
    if (this.deniesProbes && query.name.startsWith('waypost-')) {
      send(makeReply(query, { rcode: NXDOMAIN }))
      return
    }
    this.queries.push(query)
    const made = await this.behave(query)
    if (made !== null) send(made instanceof Uint8Array ? made : makeReply(query, made))
  }
}

/** Reads what our own code has written. */
export function readQuery(bytes: Uint8Array, overTcp: boolean, from: number): UpstreamQuery {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let end = 12
  while (bytes[end] !== 0) end += 1 + (bytes[end] as number)
  const opt = end + 5
  const hasEdns = view.getUint16(10) === 1
  return {
    bytes,
    name: formatName(bytes, 12),
    type: typeName(view.getUint16(end + 1)),
    overTcp,
    from,
    flags: view.getUint16(2),
    hasEdns,
    isDnssecOk: hasEdns && ((bytes[opt + 7] as number) & 0x80) !== 0,
  }
}

/** The reply to a query as a server would send it; the question is repeated as it was written. */
export function makeReply(query: UpstreamQuery, made: MadeAnswer): Uint8Array {
  const { rcode = 0, answers = [], authorities = [], additionals = [], isRecursive = true, error } = made
  const id = made.id ?? ((query.bytes[0] as number) << 8) | (query.bytes[1] as number)
  const flags =
    0x8000 |
    (query.flags & 0x0110) |
    (made.isTruncated === true ? 0x200 : 0) |
    (isRecursive ? 0x80 : 0) |
    (made.isAuthentic === true ? 0x20 : 0) |
    (rcode & 15)
  const nameEnd = 12 + parseName(query.name).length
  const name = made.name === undefined ? query.bytes.subarray(12, nameEnd) : parseName(made.name)
  const text = error === undefined ? [] : [...u16(error[0]), ...new TextEncoder().encode(error[1])]
  const option = error === undefined ? [] : [...u16(15), ...u16(text.length), ...text]
  const opt = query.hasEdns ? [0, 0, 41, ...u16(1232), rcode >> 4, 0, 0, 0, ...u16(option.length), ...option] : []
  return Uint8Array.from([
    ...u16(id),
    ...u16(flags),
    ...u16(1),
    ...u16(answers.length),
    ...u16(authorities.length),
    ...u16(additionals.length + (query.hasEdns ? 1 : 0)),
    ...name,
    ...query.bytes.subarray(nameEnd, nameEnd + 4),
    ...[...answers, ...authorities, ...additionals].flatMap(makeRecord),
    ...opt,
  ])
}

/** `NAME TTL TYPE DATA` in wire form; without compression. */
export function makeRecord(line: string): number[] {
  const [name = '', ttl = '', type = '', ...data] = line.split(' ')
  const rdata = makeRdata(type, data)
  return [
    ...parseName(name),
    ...u16(typeNumber(type) ?? 0),
    0,
    1,
    0,
    0,
    ...u16(Number(ttl)),
    ...u16(rdata.length),
    ...rdata,
  ]
}

function makeRdata(type: string, [first = '', ...rest]: readonly string[]): readonly number[] {
  if (type === 'A') return [...(parseAddress(first)?.slice(12) ?? [])]
  if (type === 'AAAA') return [...(parseAddress(first) ?? [])]
  if (type === 'TXT') return [first.length, ...new TextEncoder().encode(first)]
  if (type === 'MX') return [...u16(Number(first)), ...parseName(rest[0] ?? '')]
  if (type === 'SOA')
    return [...parseName(first), ...parseName(rest[0] ?? ''), ...[1, 2, 3, 4, 60].flatMap(n => [0, 0, 0, n])]
  if (type === 'TYPE46')
    return [...u16(typeNumber(first) ?? 0), 8, 2, ...Array<number>(14).fill(0), ...parseName(rest[0] ?? '.'), 1]
  if (typeNumber(type) === TYPE.CNAME || type === 'NS' || type === 'DNAME' || type === 'PTR')
    return [...parseName(first)]
  return [...new TextEncoder().encode(first)]
}
