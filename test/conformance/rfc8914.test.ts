/** RFC 8914: Extended DNS Errors. */
import { describe, expect, it } from 'vitest'
import { CONTROL, STATE } from '#src/index/layout.ts'
import { Answering, type Ask, makeQuery } from '#support/answering.ts'
import { type DecodedMessage, decodeMessage } from '#support/message-decoder.ts'

const EXTENDED_ERROR = 15

/** `code text` of the extended error; null: there is none. */
function errorOf(message: DecodedMessage): string | null {
  const options = message.opt?.options.filter(({ code }) => code === EXTENDED_ERROR) ?? []
  const [option] = options
  if (option === undefined) return null
  expect(options).toHaveLength(1)
  const [high = 0, low = 0, ...text] = option.data
  return `${high * 256 + low} ${new TextDecoder('utf-8', { fatal: true }).decode(Uint8Array.from(text))}`
}

function world(): Answering {
  return new Answering({ nsid: Uint8Array.of(7, 7) })
    .zone('zone')
    .zone('dark', { unsynced: true })
    .node('a.zone', ['A 192.0.2.1'])
    .node('many.zone', [...Array.from({ length: 50 }, (_, i) => `AAAA fdaa::${i}`)])
}

/** Sends a query with something changed. */
function askChanged(answering: Answering, change: (query: Uint8Array) => Uint8Array, ask: Ask = {}): DecodedMessage {
  return decodeMessage(answering.send(change(makeQuery('a.zone', 'A', ask)), ask) ?? new Uint8Array())
}

describe('section 2: the reason is said wherever we refuse or fail', () => {
  it('a name outside of our zones is not authoritative', () => {
    const reply = world().ask('www.example', 'A')
    expect(reply.rcode).toBe(5)
    expect(errorOf(reply)).toBe('20 not a zone of this server')
  })

  it('a source in no network is prohibited, and hears the same whatever it asks', () => {
    for (const name of ['a.zone', 'missing.zone', 'www.example']) {
      const reply = world().ask(name, 'A', { view: -1 })
      expect(reply.rcode).toBe(5)
      expect(errorOf(reply)).toBe('18 source is in no network')
    }
  })

  it('a name of another network is as foreign as any other', () => {
    const other = world().ask('a.zone', 'A', { view: 1 })
    const foreign = world().ask('a.nowhere', 'A', { view: 1 })
    expect(errorOf(other)).toBe(errorOf(foreign))
  })

  it('zone transfers and other classes are not supported', () => {
    expect(errorOf(world().ask('zone', 'AXFR'))).toBe('21 no zone transfer')
    expect(errorOf(world().ask('zone', 'IXFR'))).toBe('21 no zone transfer')
    expect(errorOf(world().ask('a.zone', 'A', { class: 3 }))).toBe('21 only class IN is served')
  })

  it('another operation is not supported', () => {
    const reply = askChanged(world(), query => query.with(2, 0x20))
    expect(reply.rcode).toBe(4)
    expect(errorOf(reply)).toBe('21 only queries are answered')
  })

  it('a malformed message is an error of no other kind', () => {
    const reply = askChanged(world(), query => query.with(5, 2))
    expect(reply.rcode).toBe(1)
    const trailing = askChanged(world(), query => Uint8Array.of(...query, 0))
    expect(trailing.rcode).toBe(1)
    expect(errorOf(trailing)).toBe('0 malformed message')
  })

  it('a server or a zone without a state is not ready', () => {
    const answering = world()
    expect(errorOf(answering.ask('x.dark', 'A'))).toBe('14 zone has no state yet')
    answering.control[CONTROL.state] = STATE.starting
    const reply = answering.ask('a.zone', 'A')
    expect(reply.rcode).toBe(2)
    expect(errorOf(reply)).toBe('14 server is starting')
  })
})

describe('section 3: the option', () => {
  it('is in no good answer, no negative answer and no BADVERS', () => {
    const answering = world()
    for (const name of ['a.zone', 'missing.zone', 'zone', 'many.zone']) {
      expect(errorOf(answering.ask(name, 'AAAA'))).toBeNull()
    }
    const badVersion = askChanged(answering, query => query.with(query.length - 11 + 6, 1))
    expect(badVersion.rcode).toBe(16)
    expect(errorOf(badVersion)).toBeNull()
  })

  it('is sent to nobody without EDNS', () => {
    expect(world().ask('www.example', 'A', { udpSize: null })).toMatchObject({ rcode: 5, opt: null })
  })

  it('does not outlive its reply', () => {
    const answering = world()
    answering.ask('www.example', 'A')
    expect(errorOf(answering.ask('a.zone', 'A'))).toBeNull()
  })

  it('stands behind the other options', () => {
    const reply = world().ask('www.example', 'A', { options: [[3, []]] })
    expect(reply.opt?.options.map(({ code }) => code)).toEqual([3, EXTENDED_ERROR])
  })

  it('loses its text, and then goes, where there is no room', () => {
    const answering = world()
    const query = makeQuery('www.example', 'A')
    const bare = query.length
    const sizes = Array.from({ length: 60 }, (_, more) => bare + more)
    const replies = sizes.map(capacity => decodeMessage(answering.send(query, { capacity }) ?? new Uint8Array()))
    expect(replies.map(errorOf)).toEqual(
      sizes.map(size => {
        const room = size - bare
        return room < 6 ? null : room < 6 + 'not a zone of this server'.length ? '20 ' : '20 not a zone of this server'
      }),
    )
  })
})

describe('metrics', () => {
  it('count the reasons, also of those who cannot read them', () => {
    const answering = world()
    answering.ask('www.example', 'A', { udpSize: null })
    answering.ask('www.example', 'A')
    answering.ask('x.dark', 'A')
    answering.ask('a.zone', 'A')
    const counted = answering.counters().extendedErrors.filter(({ value }) => value > 0)
    expect(counted).toEqual([
      { labels: ['not_ready'], value: 1 },
      { labels: ['not_authoritative'], value: 2 },
    ])
  })
})
