/** Gives packets to a real server over UDP and TCP, and looks whether it still answers. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeQuery } from '#support/answering.ts'
import { startWaypost, temporaryFolder } from '#support/waypost.ts'
import { PacketMaker } from '../packets.ts'
import { Random } from '../random.ts'

const EXAMPLE = fileURLToPath(new URL('../../../examples/kuard', import.meta.url))
/** Packets between two good queries. */
const ROUND = 500
/** A long run is one of low priority: on a busy machine the server gets little of a processor, too. Milliseconds. */
const PATIENCE = 60_000
const START_DEADLINE = 180_000

/** What came of it. */
export interface SocketRun {
  readonly sent: number
  readonly replies: number
}

/** @throws Error when the server ends, stops answering, or gives a reply with an id that nobody asked with. */
export async function fuzzSockets(packets: number, seed: number): Promise<SocketRun> {
  const folder = temporaryFolder()
  const args = ['--manifests', EXAMPLE, '--data', join(folder.path, 'data')]
  const server = await startWaypost({ args, deadlineMs: START_DEADLINE })
  try {
    return await flood(server.dnsPort, packets, new PacketMaker(new Random(seed)))
  } finally {
    await server.end()
    folder.dispose()
  }
}

async function flood(port: number, packets: number, maker: PacketMaker): Promise<SocketRun> {
  const udp = createSocket('udp6')
  udp.on('error', () => {})
  /** Ids of this round, and of the one before: its replies may still be on their way. */
  let asked = new Set<number>()
  let before = asked
  let replies = 0
  let strange = 0
  udp.on('message', reply => {
    replies++
    const id = reply.length < 12 ? -1 : reply.readUInt16BE(0)
    if (!asked.has(id) && !before.has(id)) strange++
  })
  for (let sent = 0; sent < packets; sent += ROUND) {
    before = asked
    asked = new Set()
    const tcp = connect(port, '::1')
    tcp.on('error', () => {})
    tcp.resume()
    for (let i = 0; i < ROUND; i++) {
      const packet = maker.make()
      if (packet.length >= 2) asked.add(((packet[0] as number) << 8) | (packet[1] as number))
      if (packet.length > 0) udp.send(packet, port, '::1')
      if (i % 10 === 0) tcp.write(Buffer.concat([Buffer.from([packet.length >> 8, packet.length & 255]), packet]))
    }
    asked.add(0x1234)
    await stillAnswers(udp, port)
    tcp.destroy()
  }
  udp.close()
  if (strange > 0) throw new Error(`${strange} replies have an id that nobody asked with`)
  return { sent: packets, replies }
}

/** Asks until the answer to a good query comes: packets may be lost when buffers are full. */
async function stillAnswers(udp: ReturnType<typeof createSocket>, port: number): Promise<void> {
  const query = makeQuery('kuard.default.svc.cluster.local', 'AAAA', { udpSize: null })
  const end = performance.now() + PATIENCE
  for (;;) {
    udp.send(query, port, '::1')
    const retry = AbortSignal.timeout(200)
    try {
      for (;;) {
        const [reply] = (await once(udp, 'message', { signal: retry })) as [Buffer]
        const isAnswer = reply.readUInt16BE(0) === 0x1234 && reply.length > query.length && reply[7] === 1
        if (isAnswer) return
      }
    } catch (error) {
      if (performance.now() > end) throw new Error('the server answers no more', { cause: error })
    }
  }
}
