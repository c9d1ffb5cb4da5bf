/** A DNS server on a free loopback port whose answers a test writes octet by octet. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { bindOnePort } from './one-port.ts'

/** What the server does with a query; null: nothing. */
export type Answer = (query: Buffer, transport: 'UDP' | 'TCP') => Buffer | null

export interface FakeDnsServer {
  readonly port: number
  close(): Promise<void>
}

/** Starts it on `[::1]`, UDP and TCP. */
export async function startFakeDnsServer(answer: Answer): Promise<FakeDnsServer> {
  const sockets = new Set<Socket>()
  const tcp = createServer(socket => {
    sockets.add(socket)
    socket.on('data', (data: Buffer) => {
      const reply = answer(data.subarray(2), 'TCP')
      if (reply !== null) socket.write(Buffer.concat([Buffer.of(reply.length >> 8, reply.length & 255), reply]))
    })
  })
  const udp = await bindOnePort(tcp, '::1')
  udp.on('message', (query, from) => {
    const reply = answer(query, 'UDP')
    if (reply !== null) udp.send(reply, from.port, from.address)
  })
  return {
    port: udp.address().port,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      udp.close()
      tcp.close()
      await once(tcp, 'close')
    },
  }
}

/** A response to the query: its question, these flags in octet 2 (QR is added), and answer records as octets. */
export function respond(
  query: Buffer,
  options: { flags?: number; rcode?: number; answers?: readonly Buffer[] },
): Buffer {
  const { flags = 0, rcode = 0, answers = [] } = options
  const end = query.indexOf(0, 12) + 5
  const header = Buffer.from(query.subarray(0, 12))
  header[2] = 0x80 | flags
  header[3] = rcode
  header.writeUInt16BE(answers.length, 6)
  header.writeUInt16BE(0, 10)
  return Buffer.concat([header, query.subarray(12, end), ...answers])
}

/** A record owned by the question's name, TTL 5, class IN. */
export function record(type: number, rdata: Uint8Array): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(0xc00c, 0)
  head.writeUInt16BE(type, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt32BE(5, 6)
  head.writeUInt16BE(rdata.length, 10)
  return Buffer.concat([head, rdata])
}
