/**
 * A name server that misbehaves as it is told, in a process of its own: UDP and TCP on one port of loopback. It knows
 * every name and gives it the address that {@link addressOf} computes, for a second.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { addressOf, nameEnd } from './message.ts'

/** What it does with a question. */
export type Behaviour =
  | 'good'
  /** Takes questions and says nothing, over UDP and TCP. */
  | 'silent'
  /** Answers with another id. */
  | 'wrong-id'
  /** Answers another question. */
  | 'wrong-question'
  /** Adds records of names that nobody has asked for. */
  | 'lies'
  /** Cuts every answer over UDP; the whole one is to be had over TCP. */
  | 'cuts'
  /** Cuts every answer over UDP, and takes no connection. */
  | 'cuts-only'
  /** A second good, a second silent. */
  | 'flaps'
  /** Its port is closed. */
  | 'gone'

/** An order; it is answered when it is carried out. */
export interface Order {
  readonly behaviour: Behaviour
  /** How long a good answer takes, milliseconds. */
  readonly delayMs?: number
}

/** What an order is answered with. */
export interface Report {
  readonly port: number
  /** Questions that came since the start. */
  readonly questions: number
}

/** Whom the lies are about, and what they say. */
const LIE = record('bank.example', [203, 0, 113, 66])
const FLAP_MS = 1000
/** Answers that take their time leave together. */
const TICK_MS = 5
const BUFFER = 8 << 20
/** The port of a service that nobody has. */
const DISCARD = 9
/** `waypost-`, by which a forwarder looks for loops: such names do not exist. */
const PROBE = Buffer.from('waypost-')

let order: Order = { behaviour: 'good' }
let port = 0
let questions = 0
let isUp = true
let isGone = false
let udp: UdpSocket | null = null
let tcp: Server | null = null
const connections = new Set<Socket>()
const late: { readonly at: number; readonly send: () => void }[] = []

if (process.send !== undefined) serve()

function serve(): void {
  process.on('message', (next: Order) => void obey(next))
  process.on('disconnect', () => process.exit(0))
  setInterval(() => {
    isUp = order.behaviour !== 'flaps' || !isUp
  }, FLAP_MS)
  setInterval(() => {
    const now = performance.now()
    let due = 0
    while (due < late.length && (late[due]?.at ?? 0) <= now) late[due++]?.send()
    late.splice(0, due)
  }, TICK_MS)
}

async function obey(next: Order): Promise<void> {
  order = next
  isUp = true
  const { behaviour } = next
  udp ??= await openUdp()
  await hide(udp, behaviour === 'gone')
  if (behaviour === 'gone' || behaviour === 'cuts-only') await closeTcp()
  else if (tcp === null) await openTcp()
  process.send?.({ port, questions } satisfies Report)
}

async function openUdp(): Promise<UdpSocket> {
  if (port === 0) port = await freePort()
  const socket = createSocket({ type: 'udp6', recvBufferSize: BUFFER, sendBufferSize: BUFFER })
  socket.on('error', () => {})
  // By its number: a port that the system has chosen would be let go of when the socket is disconnected.
  socket.bind({ address: '::1', port })
  await once(socket, 'listening')
  socket.on('message', (query, source) => {
    if (order.behaviour !== 'gone') answer(query, false, reply => socket.send(reply, source.port, source.address))
  })
  return socket
}

async function freePort(): Promise<number> {
  const socket = createSocket('udp6').bind({ address: '::1', port: 0 })
  await once(socket, 'listening')
  const { port: free } = socket.address()
  await new Promise<void>(done => socket.close(done))
  return free
}

/**
 * Lets the system say that nobody is at the port, and keeps it meanwhile, for forwarders take ports at random: a socket
 * that is connected elsewhere has it, and takes nothing from others.
 */
async function hide(socket: UdpSocket, isHidden: boolean): Promise<void> {
  if (isHidden === isGone) return
  isGone = isHidden
  if (isHidden) {
    socket.connect(DISCARD, '::1')
    await once(socket, 'connect')
  } else {
    socket.disconnect()
  }
}

async function openTcp(): Promise<void> {
  for (;;) {
    const server = createServer(serveConnection)
    server.listen({ host: '::1', port })
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    if (isFree) {
      tcp = server
      return
    }
    // Somebody's own end of a connection, which will not last.
    await delay(TICK_MS)
  }
}

async function closeTcp(): Promise<void> {
  const server = tcp
  tcp = null
  for (const socket of connections) socket.resetAndDestroy()
  if (server !== null) await new Promise<void>(done => server.close(() => done()))
}

function serveConnection(socket: Socket): void {
  connections.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => connections.delete(socket))
  let held = Buffer.alloc(0)
  socket.on('data', (segment: Buffer) => {
    held = Buffer.concat([held, segment])
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE()) {
      const end = 2 + held.readUInt16BE()
      answer(held.subarray(2, end), true, reply => {
        if (socket.writable) socket.write(Buffer.concat([Buffer.from([reply.length >> 8, reply.length & 255]), reply]))
      })
      held = held.subarray(end)
    }
  })
}

function answer(query: Buffer, isOverTcp: boolean, send: (reply: Buffer) => void): void {
  questions++
  const { behaviour, delayMs = 0 } = order
  if (behaviour === 'silent' || !isUp) return
  const reply = replyTo(query, isOverTcp, behaviour)
  if (delayMs === 0) send(reply)
  else late.push({ at: performance.now() + delayMs, send: () => send(reply) })
}

function replyTo(query: Buffer, isOverTcp: boolean, behaviour: Behaviour): Buffer {
  const end = nameEnd(query)
  const question = query.subarray(0, end + 4)
  if (query.subarray(13, 13 + PROBE.length).equals(PROBE)) return headed(question, 0x83, 0, 0)
  const isCut = !isOverTcp && (behaviour === 'cuts' || behaviour === 'cuts-only')
  if (isCut) return headed(question, 0x80, 0, 0, true)
  const isAddress = query.readUInt16BE(end) === 1
  const own = isAddress ? [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...addressOf(query)] : []
  const count = isAddress ? 1 : 0
  if (behaviour !== 'lies') {
    const reply = Buffer.concat([headed(question, 0x80, count, 0), Buffer.from(own)])
    if (behaviour === 'wrong-id') reply.writeUInt16BE(reply.readUInt16BE() ^ 0x5555)
    if (behaviour === 'wrong-question') reply[13] = (reply[13] as number) ^ 1
    return reply
  }
  return Buffer.concat([headed(question, 0x80, count + 1, 1), Buffer.from([...own, ...LIE, ...LIE])])
}

/** A reply without its records; `flags` is the second octet of them. */
function headed(question: Buffer, flags: number, answers: number, additionals: number, isCut = false): Buffer {
  const reply = Buffer.from(question)
  reply[2] = 0x81 | (isCut ? 2 : 0)
  reply[3] = flags
  reply.writeUInt16BE(answers, 6)
  reply.writeUInt16BE(0, 8)
  reply.writeUInt16BE(additionals, 10)
  return reply
}

function record(name: string, address: readonly number[]): number[] {
  const labels = name.split('.').flatMap(label => [label.length, ...Buffer.from(label)])
  return [...labels, 0, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4, ...address]
}
