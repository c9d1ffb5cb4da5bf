import { once } from 'node:events'
import { connect } from 'node:http2'
import { describe, expect, it } from 'vitest'
import { type DohRefusal, decodeBase64Url, readHead } from '#src/dns/secure/doh-message.ts'
import { FrameReader } from '#src/dns/tcp/framing.ts'
import { Answering } from '#support/answering.ts'
import { decodeMessage } from '#support/message-decoder.ts'
import { startStreams } from '#support/stream-service.ts'
import { PacketMaker } from './packets.ts'
import { joined, mutateOctets, Random, seedOf } from './random.ts'

const SEED = seedOf(process.env)

describe(`streams (seed ${SEED})`, () => {
  it('messages are the same however the stream is cut, and nothing else is', () => {
    const random = new Random(SEED)
    for (let run = 0; run < 300; run++) {
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
      expect(got).toEqual(messages)
      expect(reader.held).toBe(0)
    }
  })

  it('garbage makes messages of whatever length it says, and holds no more than came', () => {
    const random = new Random(SEED)
    for (let run = 0; run < 300; run++) {
      const reader = new FrameReader()
      let came = 0
      let taken = 0
      for (let i = 0; i < 20; i++) {
        const segment = random.octets(random.below(3000))
        came += segment.length
        reader.push(segment)
        while (reader.next()) {
          expect(reader.start + reader.length).toBeLessThanOrEqual(reader.bytes.length)
          taken += 2 + reader.length
        }
        reader.settle()
        expect(reader.held).toBe(came - taken)
        expect(reader.bytes.length).toBeLessThanOrEqual(Math.max(512, 2 * came))
      }
    }
  })
})

describe(`HTTP (seed ${SEED})`, () => {
  it('any head is a query, a body or a refusal', () => {
    const random = new Random(SEED)
    const text = (length: number): string => Buffer.from(random.octets(random.below(length))).toString('latin1')
    const targets = [
      '/dns-query',
      '/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB',
      '/',
      '/dns-query?',
      '?dns=',
    ]
    for (let run = 0; run < 5000; run++) {
      const base = Buffer.from(random.pick(targets), 'latin1')
      const target = Buffer.from(mutateOctets(base, random)).toString('latin1')
      const result = readHead(
        {
          method: random.pick(['GET', 'POST', 'HEAD', 'PUT', '', text(6)]),
          target,
          contentType: random.pick([undefined, 'application/dns-message', text(30)]),
          contentLength: random.pick([undefined, '10', '-1', '1e9', text(5)]),
          accept: random.pick([undefined, '*/*', 'application/dns-message;q=0', ',;q=,', text(30)]),
        },
        '/dns-query',
      )
      if (result === 'body' || result instanceof Uint8Array) continue
      expect([400, 404, 405, 406, 413, 415]).toContain((result as DohRefusal).status)
    }
  })

  it('what is base64url comes back as it was, and nothing else is taken', () => {
    const random = new Random(SEED)
    for (let run = 0; run < 2000; run++) {
      const octets = random.octets(1 + random.below(60))
      const text = Buffer.from(octets).toString('base64url')
      expect(Buffer.from(decodeBase64Url(text) ?? []).equals(octets)).toBe(true)
      const other = Buffer.from(mutateOctets(Buffer.from(text), random)).toString('latin1')
      const decoded = decodeBase64Url(other)
      if (decoded !== null) expect(Buffer.from(decoded).toString('base64url')).toBe(other)
    }
  })

  it('any body is answered with a status, and with its id where there is a reply', { timeout: 60_000 }, async () => {
    const answering = new Answering().zone('zone', {}, 3).node('one.zone', ['A 192.0.2.1'], 'plain', 3)
    const server = await startStreams({ kind: 'https', context: { answerer: answering.responder } })
    const session = connect(`https://[::1]:${server.listen.port}`, {
      ca: server.certificate.cert,
      servername: 'localhost',
    })
    session.on('error', () => {})
    const maker = new PacketMaker(new Random(SEED))
    const counts = { 200: 0, 400: 0 }
    try {
      for (let run = 0; run < 400; run++) {
        const packet = maker.make()
        const stream = session.request({
          ':method': 'POST',
          ':path': '/dns-query',
          'content-type': 'application/dns-message',
        })
        stream.end(packet)
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        const [headers] = await once(stream, 'response')
        const status = headers[':status'] as keyof typeof counts
        await once(stream, 'end')
        expect([200, 400]).toContain(status)
        counts[status]++
        if (status !== 200) continue
        expect(decodeMessage(Buffer.concat(chunks)).id).toBe((packet[0] ?? 0) * 256 + (packet[1] ?? 0))
      }
    } finally {
      session.destroy()
      await server.stop(0)
    }
    expect(counts[200]).toBeGreaterThan(200)
    expect(counts[400]).toBeGreaterThan(0)
  })
})
