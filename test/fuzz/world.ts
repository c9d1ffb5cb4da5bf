/** A server that has a little of everything, twice, and what must hold for every packet that it is given. */
import { allocateRateTable, packExempt } from '#src/dns/limits/rate-limiter.ts'
import type { ResponderOptions } from '#src/dns/responder.ts'
import { Answering } from '#support/answering.ts'
import { type DecodedMessage, decodeMessage } from '#support/message-decoder.ts'

const UDP_LIMIT = 1232
const ROOM = 65_535
/** Octets around the packet and the reply. */
const MARGIN = 64
const MARK = 0xa5
const OPTION_COOKIE = 10

/** How a packet comes. */
export interface Arrival {
  readonly view: number
  /** 0 UDP, 1 TCP, 2 TLS, 3 HTTPS. */
  readonly transport: number
  readonly capacity: number
  /** 16 octets. */
  readonly source: Uint8Array
}

function serve(): Answering {
  const options: ResponderOptions = {
    udpLimit: UDP_LIMIT,
    nsid: Uint8Array.of(1, 2, 3),
    chaos: { version: 'v', id: 'i' },
    cookies: { secrets: [new Uint8Array(16).fill(7), new Uint8Array(16).fill(8)], isRequired: false },
    rateLimit: {
      responsesPerSecond: 1000,
      slip: 2,
      ipv4Bits: 24,
      ipv6Bits: 56,
      exempt: packExempt([]),
      table: allocateRateTable([3, 5]),
    },
  }
  return new Answering(options)
    .zone('zone')
    .zone('dark', { unsynced: true })
    .zone('8.4.ip6.arpa', { kind: 'reverse' })
    .node('one.zone', ['AAAA fdaa::1', 'A 192.0.2.1', 'TXT one', 'MX 10 many.zone'])
    .node('many.zone', [...Array.from({ length: 100 }, (_, i) => `AAAA fdaa::${i}`), ...many('TXT', 40)])
    .node('*.wild.zone', ['TXT wild', 'CNAME many.zone'])
    .node('loop.zone', ['CNAME pool.zone'])
    .node('pool.zone', ['CNAME loop.zone'])
    .node('old.zone', ['DNAME new.zone'], 'dname')
    .node('x.new.zone', ['CNAME many.zone'])
    .node('srv.zone', ['SRV 0 0 80 many.zone', '+ AAAA many.zone fdaa::1', 'SRV 0 0 81 one.zone'])
    .node('cut.zone', ['NS ns.cut.zone', '+ AAAA ns.cut.zone fdaa::1'], 'cut')
    .node('pod.zone', [], 'dashed-addresses')
}

function many(type: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${type} text-${i}`)
}

/**
 * Asks two servers that are alike, with other octets around the packet: what lies outside of it must not change a
 * reply, and what lies outside of the room must not change at all.
 */
export class World {
  readonly #servers: readonly [Answering, Answering] = [serve(), serve()]
  readonly #inputs: readonly [Uint8Array, Uint8Array] = [new Uint8Array(1 << 17), new Uint8Array(1 << 17)]
  readonly #outputs: readonly [Uint8Array, Uint8Array]
  readonly #dirty: [number, number] = [0, 0]

  constructor() {
    const output = (): Uint8Array => new Uint8Array(ROOM + 2 * MARGIN).fill(MARK)
    this.#outputs = [output(), output()]
  }

  /** Lets both clocks go on. */
  advance(milliseconds: number): void {
    for (const server of this.#servers) server.advance(milliseconds)
  }

  /**
   * Gives a packet to both servers.
   *
   * @param isDecoded whether every record of the reply is read; else its header is.
   * @returns the cookie of the reply, or null.
   * @throws Error that says which property does not hold.
   */
  check(packet: Uint8Array, arrival: Arrival, isDecoded = true): Uint8Array | null {
    const first = this.#respond(0, packet, arrival, 0x00)
    const second = this.#respond(1, packet, arrival, 0xff)
    if (first !== second) throw new Error(`the replies have ${first} and ${second} octets`)
    const [reply, other] = this.#outputs.map(output => output.subarray(MARGIN, MARGIN + first)) as [
      Uint8Array,
      Uint8Array,
    ]
    if (Buffer.compare(reply, other) !== 0) throw new Error('the reply depends on what lies outside of the packet')
    if (first === 0) {
      checkDrop(packet, arrival)
      return null
    }
    checkHeader(packet, reply, arrival)
    return isDecoded ? checkReply(packet, reply, arrival) : null
  }

  #respond(which: 0 | 1, packet: Uint8Array, arrival: Arrival, around: number): number {
    const input = this.#inputs[which]
    const output = this.#outputs[which]
    const { view, transport, capacity, source } = arrival
    // What the last reply left must not be taken for something that was written now.
    output.fill(MARK, MARGIN, MARGIN + this.#dirty[which])
    input.fill(around, 0, MARGIN)
    input.set(packet, MARGIN)
    input.fill(around, MARGIN + packet.length, 2 * MARGIN + packet.length)
    const { responder } = this.#servers[which]
    const length = responder.respond(input, MARGIN, packet.length, output, MARGIN, capacity, view, transport, source, 0)
    if (length > capacity) throw new Error(`the reply has ${length} octets and there was room for ${capacity}`)
    for (let i = 0; i < MARGIN; i++) {
      if (output[i] !== MARK || output[MARGIN + capacity + i] !== MARK) throw new Error('octets outside were written')
    }
    this.#dirty[which] = length
    return length
  }
}

/** Only what is no query, or above the rate, gets no reply. */
function checkDrop(packet: Uint8Array, { transport }: Arrival): void {
  if (packet.length < 12 || (packet[2] as number) >= 0x80 || transport === 0) return
  throw new Error('a query got no reply')
}

function checkHeader(packet: Uint8Array, reply: Uint8Array, { transport }: Arrival): void {
  if (reply[0] !== packet[0] || reply[1] !== packet[1]) throw new Error('the reply has another id')
  const [asked, flags] = [packet[2] as number, reply[2] as number]
  if (flags < 0x80) throw new Error('the reply is no reply')
  if ((flags & 0x78) !== (asked & 0x78)) throw new Error('the reply has another opcode')
  if (transport === 0 && reply.length > UDP_LIMIT) throw new Error(`the reply has ${reply.length} octets`)
}

function checkReply(packet: Uint8Array, reply: Uint8Array, { transport }: Arrival): Uint8Array | null {
  const message = decodeMessage(reply)
  if (transport === 0 && reply.length > udpLimit(message)) throw new Error(`the reply has ${reply.length} octets`)
  if (transport === 0 && message.tc && message.answers.length === 0 && reply.length > Math.max(512, packet.length)) {
    throw new Error('a cut reply is longer than what was asked')
  }
  return checkQuestion(packet, message)
}

function checkQuestion(packet: Uint8Array, message: DecodedMessage): Uint8Array | null {
  if (message.question !== null) {
    const end = 12 + message.question.name.length + (message.question.name === '.' ? 0 : 1) + 4
    if (end > packet.length + 1) throw new Error('the question is longer than the packet')
  }
  return message.opt?.options.find(({ code }) => code === OPTION_COOKIE)?.data ?? null
}

function udpLimit(message: DecodedMessage): number {
  return message.opt === null ? 512 : UDP_LIMIT
}
