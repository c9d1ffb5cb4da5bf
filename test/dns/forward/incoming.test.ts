import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ForeignAnswer } from '#src/dns/forward/answer.ts'
import { RandomSource } from '#src/dns/forward/exchange/random.ts'
import { type Incoming, IncomingReader } from '#src/dns/forward/message/incoming.ts'
import { writeQuery } from '#src/dns/forward/message/outgoing.ts'
import type { ForeignQuestion } from '#src/dns/forward/question.ts'
import { foldName, nameOfKey, parseName } from '#src/wire/name.ts'
import { formatRdata } from '#src/wire/rdata-text.ts'
import { TYPE, typeName, typeNumber } from '#src/wire/record-type.ts'
import { type MadeAnswer, makeRecord, makeReply, readQuery } from '#support/fake-upstream.ts'
import { replyWith } from '#support/foreign-answer.ts'

const SOA = 'example. 60 SOA ns.example. hm.example. 1 2 3 4 60'

describe('an answer of an upstream', () => {
  it('keeps the records of the name that was asked, in their order', () => {
    expect(kept({ answers: ['www.example. 30 A 192.0.2.1', 'www.example. 30 A 192.0.2.2'] })).toEqual([
      'www.example. 30 A 192.0.2.1',
      'www.example. 30 A 192.0.2.2',
    ])
  })

  it('follows CNAME records, in whatever order they come', () => {
    const chain = ['www.example. 30 CNAME a.example.', 'a.example. 20 CNAME b.other.', 'b.other. 10 A 192.0.2.1']
    expect(kept({ answers: chain })).toEqual(chain)
    expect(kept({ answers: chain.toReversed() })).toEqual(chain)
  })

  it('leaves out what belongs to no name of the chain', () => {
    const made: MadeAnswer = {
      answers: ['www.example. 30 A 192.0.2.1', 'bank.example. 30 A 192.0.2.66', 'www.example. 30 TXT x'],
      authorities: ['example. 60 NS ns.evil.', 'other. 60 SOA ns.other. hm.other.'],
      additionals: ['ns.evil. 60 A 192.0.2.66', 'bank.example. 30 A 192.0.2.66'],
    }
    expect(kept(made)).toEqual(['www.example. 30 A 192.0.2.1'])
  })

  it('keeps the SOA that denies, and DNSSEC records only for those who asked for them', () => {
    const made: MadeAnswer = {
      rcode: 3,
      authorities: [SOA, 'example. 60 TYPE46 SOA example.', 'a.example. 60 TYPE47 x', 'example. 60 NS ns.example.'],
    }
    expect(kept(made)).toEqual([SOA])
    expect(kept(made, { isDnssecOk: true }).map(line => line.split(' ').slice(0, 3).join(' '))).toEqual([
      'example. 60 SOA',
      'example. 60 TYPE46',
      'a.example. 60 TYPE47',
    ])
  })

  it('keeps signatures of what is kept', () => {
    const answers = [
      'www.example. 30 A 192.0.2.1',
      'www.example. 30 TYPE46 A example.',
      'www.example. 30 TYPE46 TXT example.',
    ]
    expect(kept({ answers })).toHaveLength(1)
    expect(kept({ answers }, { isDnssecOk: true })).toHaveLength(2)
  })

  it('keeps a DNAME above a name of the chain', () => {
    const answers = ['example. 30 DNAME other.', 'www.example. 30 CNAME www.other.', 'www.other. 30 A 192.0.2.1']
    expect(kept({ answers })).toEqual(answers)
  })

  it('ends with a chain that goes in circles', () => {
    const answers = ['www.example. 30 CNAME a.example.', 'a.example. 30 CNAME www.example.']
    expect(kept({ answers })).toEqual(answers)
  })

  it('spells compressed names out', () => {
    const { bytes, question, asked } = query()
    const pointer = [0xc0, 0x0c, 0, 15, 0, 1, 0, 0, 0, 30, 0, 9, 0, 10, 4, 109, 97, 105, 108, 0xc0, 0x10]
    const message = Uint8Array.of(...bytes.subarray(0, 2), 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, ...asked, ...pointer)
    const incoming = new IncomingReader().read(message, { ...question, type: 15 }, withType(asked, 15), false)
    expect(incoming.kind).toBe('stranger')
    const right = Uint8Array.of(...message.subarray(0, 12), ...withType(asked, 15), ...pointer)
    const read = new IncomingReader().read(right, { ...question, type: 15 }, withType(asked, 15), false)
    expect(recordsOf(answerOf(read), 'www.example.', 'MX')).toEqual(['www.example. 30 MX 10 mail.example.'])
  })

  it('is a stranger when it is for another name, type or class, or no answer at all', () => {
    const { bytes, question, asked } = query()
    const reader = new IncomingReader()
    const good = makeReply(readQuery(bytes, false, 0), { answers: [] })
    for (const change of [
      (message: Uint8Array) => message.set([0], 2),
      (message: Uint8Array) => message.set([message[13] ?? 0, 'x'.charCodeAt(0)], 13),
      (message: Uint8Array) => message.set([28], 12 + asked.length - 3),
      (message: Uint8Array) => message.set([3], 12 + asked.length - 1),
      (message: Uint8Array) => message.set([2], 5),
    ]) {
      const message = Uint8Array.from(good)
      change(message)
      expect(reader.read(message, question, asked, false).kind).toBe('stranger')
    }
    expect(reader.read(good, question, asked, false).kind).toBe('answer')
    expect(reader.read(good.subarray(0, 11), question, asked, false).kind).toBe('stranger')
  })

  it('must repeat the case of the letters when that was made random', () => {
    const question = {
      ...query().question,
      name: nameOfKey(foldName(parseName('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example'))),
    }
    const { bytes, asked } = writeQuery(question, true, new RandomSource())
    const reply = makeReply(readQuery(bytes, false, 0), { answers: [] })
    const reader = new IncomingReader()
    expect(reader.read(reply, question, asked, true).kind).toBe('answer')
    const lower = Uint8Array.from(reply)
    for (let i = 12; i < 45; i++) lower[i] = (lower[i] as number) | 0x20
    expect(reader.read(lower, question, asked, false).kind).toBe('answer')
    expect(reader.read(lower, question, asked, true).kind).toBe('stranger')
  })

  it('that is cut is asked for again', () => {
    expect(read({ isTruncated: true }).kind).toBe('cut')
  })

  it('has failed when its code says so, with the extended error that came', () => {
    const incoming = read({ rcode: 2, error: [22, 'nobody there'] })
    expect(incoming).toMatchObject({
      kind: 'failed',
      answer: { rcode: 2, infoCode: 22, infoText: new TextEncoder().encode('nobody there') },
    })
    expect(read({ rcode: 5 }).kind).toBe('failed')
  })

  it('has failed when it is a referral of a server that does not resolve', () => {
    const authorities = ['example. 60 NS ns.example.']
    expect(read({ authorities, isRecursive: false }).kind).toBe('failed')
    expect(read({ authorities: [SOA], isRecursive: false }).kind).toBe('answer')
  })

  it('with an address of the wrong size has failed', () => {
    const { bytes, question, asked } = query()
    const record = makeRecord('www.example. 30 A 192.0.2.1')
    record.pop()
    record[record.length - 4] = 3
    const message = Uint8Array.of(...makeReply({ ...readQuery(bytes, false, 0), hasEdns: false }, {}), ...record)
    message[7] = 1
    expect(new IncomingReader().read(message, question, asked, false).kind).toBe('failed')
  })

  it('of any octets at all is read without a fault, and nothing that is no record of the chain is kept', () => {
    const { question, asked } = query()
    const reader = new IncomingReader()
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.array(fc.nat(5), { minLength: 3, maxLength: 3 }),
        (tail, counts) => {
          const [answers = 0, authorities = 0, additionals = 0] = counts
          const message = Uint8Array.of(
            0,
            0,
            0x81,
            0x80,
            0,
            1,
            0,
            answers,
            0,
            authorities,
            0,
            additionals,
            ...asked,
            ...tail,
          )
          const incoming = reader.read(message, question, asked, false)
          if (incoming.kind === 'answer') replyWith(incoming.answer, parseName('www.example'), TYPE.A)
        },
      ),
      { numRuns: 5000 },
    )
  })

  it('with octets changed is read without a fault', () => {
    const { bytes, question, asked } = query({ isDnssecOk: true })
    const good = makeReply(readQuery(bytes, false, 0), {
      answers: ['www.example. 30 CNAME a.example.', 'a.example. 30 A 192.0.2.1', 'a.example. 30 TYPE46 A example.'],
      authorities: [SOA],
    })
    const reader = new IncomingReader()
    const change = fc.record({
      at: fc.nat(good.length - 1),
      octet: fc.constantFrom(0, 1, 12, 63, 64, 128, 192, 193, 255),
    })
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), changes => {
        const message = Uint8Array.from(good)
        for (const { at, octet } of changes) message[at] = octet
        const incoming = reader.read(message, question, asked, false)
        if (incoming.kind === 'answer') replyWith(incoming.answer, parseName('www.example'), TYPE.A)
      }),
      { numRuns: 5000 },
    )
  })
})

function query(change: Partial<ForeignQuestion> = {}): {
  bytes: Uint8Array
  asked: Uint8Array
  question: ForeignQuestion
} {
  const name = parseName('www.example')
  const question = { name, type: 1, isDnssecOk: false, isCheckingDisabled: false, zone: 0, ...change }
  return { ...writeQuery(question, true, null), question }
}

function read(made: MadeAnswer, change: Partial<ForeignQuestion> = {}): Incoming {
  const { bytes, asked, question } = query(change)
  return new IncomingReader().read(makeReply(readQuery(bytes, false, 0), made), question, asked, false)
}

function answerOf(incoming: Incoming): ForeignAnswer {
  if (incoming.kind !== 'answer') throw new Error(`it is ${incoming.kind}`)
  return incoming.answer
}

/** The records that are kept, as they arrive in a reply. */
function kept(made: MadeAnswer, change: Partial<ForeignQuestion> = {}): string[] {
  return recordsOf(answerOf(read(made, change)), 'www.example.', 'A')
}

function recordsOf(answer: ForeignAnswer, name: string, type: string): string[] {
  const message = replyWith(answer, parseName(name), typeNumber(type) ?? 0)
  return [...message.answers, ...message.authorities].map(
    ({ name: owner, ttl, type: kind, rdata }) => `${owner} ${ttl} ${typeName(kind)} ${formatRdata(kind, rdata)}`,
  )
}

function withType(asked: Uint8Array, type: number): Uint8Array {
  const changed = Uint8Array.from(asked)
  changed[changed.length - 3] = type
  return changed
}
