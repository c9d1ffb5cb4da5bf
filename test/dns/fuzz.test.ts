/**
 * Random packets, and good ones with something changed. Nothing may throw, write outside of its room, or answer
 * something else than a reply to the message. Longer runs: `WAYPOST_FUZZ=1000000 npx vitest run test/dns/fuzz`.
 */
import { describe, expect, it } from 'vitest'
import { Answering, makeQuery } from '#support/answering.ts'
import { decodeMessage } from '#support/message-decoder.ts'

const RUNS = Number(process.env['WAYPOST_FUZZ'] ?? 20_000)
const SEED = Number(process.env['WAYPOST_FUZZ_SEED'] ?? 1)

function world(): Answering {
  const many = Array.from({ length: 100 }, (_, i) => `AAAA fdaa::${i}`)
  return new Answering({ nsid: Uint8Array.of(1, 2, 3), chaos: { version: 'v', id: 'i' } })
    .zone('zone')
    .zone('8.4.ip6.arpa', { kind: 'reverse' })
    .node('many.zone', many)
    .node('*.wild.zone', ['TXT wild', 'CNAME many.zone'])
    .node('a.zone', ['CNAME b.zone'])
    .node('b.zone', ['CNAME a.zone'])
    .node('old.zone', ['DNAME new.zone'], 'dname')
    .node('new.zone', ['SRV 0 0 80 many.zone', '+ AAAA many.zone fdaa::1'])
    .node('cut.zone', ['NS ns.cut.zone', '+ AAAA ns.cut.zone fdaa::1'], 'cut')
    .node('pod.zone', [], 'dashed-addresses')
}

const NAMES = [
  'many.zone',
  'x.wild.zone',
  'a.zone',
  'x.old.zone',
  'new.zone',
  'www.cut.zone',
  '10-0-0-1.pod.zone',
  'zone',
  '.',
]
const TYPES = ['A', 'AAAA', 'SRV', 'TXT', 'SOA', 'ANY', 'CNAME', 'DS']

describe('any packet', () => {
  it('is answered or dropped', { timeout: 20_000 + RUNS }, () => {
    const random = generator(SEED)
    const pick = <T>(values: readonly T[]): T => values[random(values.length)] as T
    const bases = NAMES.flatMap(name => TYPES.map(type => makeQuery(name, type, { options: [[3, []]] })))
    const answering = world()
    let answered = 0
    for (let run = 0; run < RUNS; run++) {
      const packet = random(10) === 0 ? randomPacket(random) : mutate(pick(bases), random)
      const ask = { view: random(3) - 1, transport: random(2), capacity: pick([512, 513, 1232, 4096, 65_535]) }
      const reply = answering.send(packet, ask)
      if (reply === null) {
        expect(packet.length < 12 || (packet[2] ?? 0) >= 0x80).toBe(true)
        continue
      }
      answered++
      const message = decodeMessage(reply)
      expect(message).toMatchObject({ id: (packet[0] ?? 0) * 256 + (packet[1] ?? 0), qr: true })
      expect(reply.length).toBeLessThanOrEqual(ask.transport === 1 ? ask.capacity : Math.min(ask.capacity, 1232))
    }
    expect(answered).toBeGreaterThan(RUNS / 4)
  })
})

type Random = (below: number) => number

function generator(seed: number): Random {
  let state = seed >>> 0
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

function randomPacket(random: Random): Uint8Array {
  return Uint8Array.from({ length: random(80) }, () => random(256))
}

/** One to four changes: an octet, a bit, octets taken away, put in or doubled. */
function mutate(base: Uint8Array, random: Random): Uint8Array {
  let octets = [...base]
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(octets.length)
    const kind = random(6)
    if (kind === 0) octets[at] = random(256)
    else if (kind === 1) octets[at] = (octets[at] ?? 0) ^ (1 << random(8))
    else if (kind === 2) octets.splice(at, 1 + random(4))
    else if (kind === 3) octets.splice(at, 0, ...randomPacket(random).subarray(0, 8))
    else if (kind === 4) octets = octets.slice(0, at)
    else octets.splice(at, 0, ...octets.slice(at, at + random(40)))
  }
  return Uint8Array.from(octets)
}
