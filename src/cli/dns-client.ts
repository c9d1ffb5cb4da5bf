/**
 * One question to a DNS server, over UDP with TCP when the answer was cut, or over TCP alone. Messages are made and read
 * by dns2 and not by our own codec, so that what this prints does not share a mistake with the server.
 */
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { Packet } from 'dns2'
import { formatListen } from '../config/values.ts'
import type { ListenAddress } from '../config.ts'
import { WaypostError } from '../errors.ts'
import { CLASS } from '../wire/record-type.ts'

/** What to ask, whom, and how long to wait. */
export interface Question {
  readonly name: string
  readonly type: number
  readonly server: ListenAddress
  readonly tcp: boolean
  /** Milliseconds for each try. UDP is tried three times. */
  readonly timeoutMs: number
}

/** A reply with what is worth knowing about how it came. */
export interface Reply {
  readonly message: Packet
  readonly transport: 'UDP' | 'TCP'
  readonly octets: number
  readonly milliseconds: number
}

const UDP_TRIES = 3
/** The largest response we ask for over UDP (RFC 9715 names 1400; DNS flag day 2020 names 1232). */
const UDP_SIZE = 1232

/**
 * Asks and waits for the reply, whatever its response code.
 *
 * @throws WaypostError WAY_QUERY_FAILED when none comes.
 */
export async function ask(question: Question): Promise<Reply> {
  const started = performance.now()
  const query = encodeQuery(question)
  const reply = (transport: Reply['transport'], octets: Buffer): Reply => {
    const milliseconds = performance.now() - started
    return { message: Packet.parse(octets), transport, octets: octets.length, milliseconds }
  }
  if (question.tcp) return reply('TCP', await overTcp(query, question))
  const first = await overUdp(query, question)
  const truncated = ((first[2] ?? 0) & 0x02) !== 0
  return truncated ? reply('TCP', await overTcp(query, question)) : reply('UDP', first)
}

function encodeQuery({ name, type }: Question): Buffer {
  const query = new Packet()
  query.header.id = Math.floor(Math.random() * 0x1_0000)
  query.header.rd = 1
  query.questions.push(new Packet.Question(name, type, CLASS.IN))
  query.additionals.push(Packet.Resource.EDNS([], { udpPayloadSize: UDP_SIZE }))
  return query.toBuffer()
}

async function overUdp(query: Buffer, { server, timeoutMs }: Question): Promise<Buffer> {
  const socket = createSocket(server.address.includes(':') ? 'udp6' : 'udp4')
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  let timer: NodeJS.Timeout | undefined
  let tries = 0
  const send = (): void => {
    if (tries++ === UDP_TRIES) {
      reject(failure(server, 'UDP', `no answer after ${UDP_TRIES} tries of ${timeoutMs} ms`))
      return
    }
    timer = setTimeout(send, timeoutMs)
    socket.send(query)
  }
  socket.on('message', message => {
    if (answers(message, query)) resolve(message)
  })
  socket.on('error', error => reject(failure(server, 'UDP', error.message)))
  socket.connect(server.port, server.address, send)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    socket.close()
  }
}

async function overTcp(query: Buffer, { server, timeoutMs }: Question): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>()
  const socket = connect({ host: server.address, port: server.port, timeout: timeoutMs })
  let received = Buffer.alloc(0)
  socket.on('connect', () => {
    const length = Buffer.alloc(2)
    length.writeUInt16BE(query.length)
    socket.write(Buffer.concat([length, query]))
  })
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
    const end = received.length < 2 ? Infinity : 2 + received.readUInt16BE(0)
    if (received.length >= end) resolve(received.subarray(2, end))
  })
  socket.on('timeout', () => reject(failure(server, 'TCP', `no answer within ${timeoutMs} ms`)))
  socket.on('close', () => reject(failure(server, 'TCP', 'the server closed the connection without an answer')))
  socket.on('error', error => reject(failure(server, 'TCP', error.message)))
  try {
    const message = await promise
    if (answers(message, query)) return message
    throw failure(server, 'TCP', 'the answer is to another question')
  } finally {
    socket.destroy()
  }
}

/** Whether a message is a response to the query: its identifier, and QR set. */
function answers(message: Buffer, query: Buffer): boolean {
  return message.length >= 12 && message.readUInt16BE(0) === query.readUInt16BE(0) && ((message[2] ?? 0) & 0x80) !== 0
}

function failure(server: ListenAddress, transport: string, reason: string): WaypostError {
  return new WaypostError('WAY_QUERY_FAILED', `Cannot query ${formatListen(server)} over ${transport}: ${reason}`)
}
