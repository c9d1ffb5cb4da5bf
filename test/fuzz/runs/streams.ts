/** Gives streams of messages, heads and bodies of HTTP requests to what reads them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import { type DohRefusal, decodeBase64Url, readHead } from '#src/dns/secure/doh-message.ts'
import { FrameReader } from '#src/dns/tcp/framing.ts'
import { Answering } from '#support/answering.ts'
import { decodeMessage } from '#support/message-decoder.ts'
import { startStreams } from '#support/stream-service.ts'
import { PacketMaker } from '../packets.ts'
import { joined, mutateOctets, Random } from '../random.ts'

const TARGETS: readonly string[] = [
  '/dns-query',
  '/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB',
  '/',
  '/dns-query?',
  '?dns=',
]
const REFUSALS: readonly number[] = [400, 404, 405, 406, 413, 415]

/** Messages in a stream that is cut anywhere. @throws Error when others come out, or something is held. */
export function fuzzFrames(streams: number, seed: number): void {
  const random = new Random(seed)
  for (let run = 0; run < streams; run++) {
    const messages = Array.from({ length: 1 + random.below(8) }, () => random.octets(random.below(700)))
    const stream = joined(...messages.flatMap(one => [Uint8Array.of(one.length >> 8, one.length & 255), one]))
    const reader = new FrameReader()
    const got: Uint8Array[] = []
    for (let at = 0; at < stream.length; ) {
      const segment = stream.slice(at, at + 1 + random.below(random.once(2) ? 3 : 900))
      at += segment.length
      reader.push(segment)
      while (reader.next()) got.push(reader.bytes.slice(reader.start, reader.start + reader.length))
      reader.settle()
      // The caller may use the segment again: nothing that is held may lie in it.
      segment.fill(0xee)
    }
    assert.deepEqual(got, messages, `stream ${run} of seed ${seed}`)
    assert.equal(reader.held, 0, `stream ${run} of seed ${seed}`)
  }
}

/** Octets that are no messages. @throws Error when more is held than came, or a message lies outside of it. */
export function fuzzGarbage(streams: number, seed: number): void {
  const random = new Random(seed)
  for (let run = 0; run < streams; run++) {
    const reader = new FrameReader()
    let came = 0
    let taken = 0
    for (let i = 0; i < 20; i++) {
      const segment = random.octets(random.below(3000))
      came += segment.length
      reader.push(segment)
      while (reader.next()) {
        assert.ok(reader.start + reader.length <= reader.bytes.length, `stream ${run} of seed ${seed}`)
        taken += 2 + reader.length
      }
      reader.settle()
      assert.equal(reader.held, came - taken, `stream ${run} of seed ${seed}`)
      assert.ok(reader.bytes.length <= Math.max(512, 2 * came), `stream ${run} of seed ${seed}`)
    }
  }
}

/** Heads of requests, and base64url. @throws Error when one is no query, no body and no refusal. */
export function fuzzHeads(heads: number, seed: number): void {
  const random = new Random(seed)
  const text = (length: number): string => Buffer.from(random.octets(random.below(length))).toString('latin1')
  for (let run = 0; run < heads; run++) {
    const base = Buffer.from(random.pick(TARGETS), 'latin1')
    const head = {
      method: random.pick(['GET', 'POST', 'HEAD', 'PUT', '', text(6)]),
      target: Buffer.from(mutateOctets(base, random)).toString('latin1'),
      contentType: random.pick([undefined, 'application/dns-message', text(30)]),
      contentLength: random.pick([undefined, '10', '-1', '1e9', text(5)]),
      accept: random.pick([undefined, '*/*', 'application/dns-message;q=0', ',;q=,', text(30)]),
    }
    const result = readHead(head, '/dns-query')
    if (result === 'body' || result instanceof Uint8Array) continue
    assert.ok(REFUSALS.includes((result as DohRefusal).status), `${JSON.stringify(head)} of seed ${seed}`)
  }
  for (let run = 0; run < heads / 2; run++) {
    const octets = random.octets(1 + random.below(60))
    const encoded = Buffer.from(octets).toString('base64url')
    assert.ok(Buffer.from(decodeBase64Url(encoded) ?? []).equals(octets), `${encoded} of seed ${seed}`)
    const other = Buffer.from(mutateOctets(Buffer.from(encoded), random)).toString('latin1')
    const decoded = decodeBase64Url(other)
    if (decoded !== null) assert.equal(Buffer.from(decoded).toString('base64url'), other, `of seed ${seed}`)
  }
}

/** How many bodies got which status. */
export type BodyRun = Readonly<Record<200 | 400, number>>

/** Packets as bodies of HTTP/2 requests to a server in process. @throws Error when a reply is none to its body. */
export async function fuzzBodies(bodies: number, seed: number): Promise<BodyRun> {
  const answering = new Answering().zone('zone', {}, 3).node('one.zone', ['A 192.0.2.1'], 'plain', 3)
  const server = await startStreams({ kind: 'https', context: { answerer: answering.responder } })
  const ca = server.certificate.cert
  const session = connect(`https://[::1]:${server.listen.port}`, { ca, servername: 'localhost' })
  session.on('error', () => {})
  const maker = new PacketMaker(new Random(seed))
  const counts = { 200: 0, 400: 0 }
  try {
    for (let run = 0; run < bodies; run++) {
      const packet = maker.make()
      try {
        counts[await post(session, packet)]++
      } catch (error) {
        const hex = Buffer.from(packet).toString('hex')
        throw new Error(`Body ${run} of seed ${seed}: ${hex}`, { cause: error })
      }
    }
  } finally {
    session.destroy()
    await server.stop(0)
  }
  return counts
}

async function post(session: ClientHttp2Session, packet: Uint8Array): Promise<200 | 400> {
  const stream = session.request({
    ':method': 'POST',
    ':path': '/dns-query',
    'content-type': 'application/dns-message',
  })
  stream.end(packet)
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  const [headers] = await once(stream, 'response')
  await once(stream, 'end')
  const status = headers[':status'] as number
  if (status === 400) return 400
  assert.equal(status, 200)
  assert.equal(decodeMessage(Buffer.concat(chunks)).id, (packet[0] ?? 0) * 256 + (packet[1] ?? 0))
  return 200
}
