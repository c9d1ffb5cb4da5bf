/** RFC 7828: edns-tcp-keepalive. RFC 7830 and RFC 8467: padding. */
import { describe, expect, it } from 'vitest'
import { Answering, type Ask, makeQuery } from '#support/answering.ts'
import { decodeMessage } from '#support/message-decoder.ts'

const [UDP, TCP, TLS, HTTPS] = [0, 1, 2, 3]
const KEEPALIVE = 11
const PADDING = 12
const BLOCK = 468

function serve(): Answering {
  const many = Array.from({ length: 4000 }, (_, i) => `A 10.0.${i >> 8}.${i & 255}`)
  return new Answering({ idleMs: 12_345, nsid: Uint8Array.of(1) })
    .zone('zone')
    .node('a.zone', ['A 192.0.2.1'])
    .node('many.zone', many.slice(0, 40))
    .node('huge.zone', many)
}

function optionsOf(name: string, ask: Ask): { length: number; options: Map<number, Uint8Array> } {
  const reply = serve().send(makeQuery(name, 'A', ask), ask) ?? new Uint8Array()
  const options = decodeMessage(reply).opt?.options ?? []
  return { length: reply.length, options: new Map(options.map(({ code, data }) => [code, data])) }
}

describe('RFC 7828', () => {
  const options: Ask['options'] = [[KEEPALIVE, []]]

  it('the idle time is said over TCP and TLS to those who ask, in units of 100 ms', () => {
    for (const transport of [TCP, TLS]) {
      const data = optionsOf('a.zone', { transport, options }).options.get(KEEPALIVE)
      expect([...(data ?? [])]).toEqual([0, 123])
    }
  })

  it('and not over UDP or HTTPS, nor unasked', () => {
    for (const transport of [UDP, HTTPS]) {
      expect(optionsOf('a.zone', { transport, options }).options.has(KEEPALIVE)).toBe(false)
    }
    expect(optionsOf('a.zone', { transport: TCP }).options.has(KEEPALIVE)).toBe(false)
  })
})

describe('RFC 8467', () => {
  const options: Ask['options'] = [[PADDING, [0, 0, 0]]]

  it('replies are whole blocks of 468 octets over TLS and HTTPS to those who pad', () => {
    for (const transport of [TLS, HTTPS]) {
      for (const name of ['a.zone', 'many.zone', 'missing.zone', 'elsewhere', 'x'.repeat(60)]) {
        const { length, options: sent } = optionsOf(name, { transport, options })
        expect(length % BLOCK).toBe(0)
        expect(sent.get(PADDING)?.every(octet => octet === 0)).toBe(true)
      }
    }
  })

  it('are never padded where everybody can read them, nor for those who do not pad', () => {
    for (const transport of [UDP, TCP]) {
      expect(optionsOf('a.zone', { transport, options }).options.has(PADDING)).toBe(false)
    }
    expect(optionsOf('a.zone', { transport: TLS }).options.has(PADDING)).toBe(false)
  })

  it('every length of a reply becomes a whole block', () => {
    const answering = serve()
    for (let octets = 1; octets < 120; octets++) {
      const labels = [`${'a'.repeat(Math.min(octets, 60))}`, ...(octets > 60 ? ['b'.repeat(octets - 60)] : []), 'zone']
      const query = makeQuery(labels.join('.'), 'A', { options })
      expect((answering.send(query, { transport: TLS })?.length ?? 1) % BLOCK).toBe(0)
    }
  })

  it('padding stays inside of what a message can hold', () => {
    const { length, options: sent } = optionsOf('huge.zone', { transport: TLS, options })
    expect(length).toBeLessThanOrEqual(65_535)
    expect(sent.has(PADDING)).toBe(true)
    const reply = serve().send(makeQuery('huge.zone', 'A', { options }), { transport: TLS, capacity: 64_300 })
    expect(reply?.length).toBeLessThanOrEqual(64_300)
  })

  it('stands last, behind the extended error', () => {
    const codes = [...optionsOf('elsewhere', { transport: TLS, options: [...options, [3, []]] }).options.keys()]
    expect(codes).toEqual([3, 15, PADDING])
  })
})
