/**
 * Gives answers of upstreams to what reads them: good ones, with lies in them, and with something changed. Whatever is
 * kept must belong to the chain of the question, and make a reply that a strict reader takes.
 */
import assert from 'node:assert/strict'
import type { ForeignAnswer } from '#src/dns/forward/answer.ts'
import { IncomingReader } from '#src/dns/forward/message/incoming.ts'
import { writeQuery } from '#src/dns/forward/message/outgoing.ts'
import type { ForeignQuestion } from '#src/dns/forward/question.ts'
import { parseName } from '#src/wire/name.ts'
import { typeNumber } from '#src/wire/record-type.ts'
import { type MadeAnswer, makeReply, readQuery } from '#support/fake-upstream.ts'
import { replyWith } from '#support/foreign-answer.ts'
import type { DecodedMessage, DecodedRecord } from '#support/message-decoder.ts'
import { mutateOctets, type Octets, Random } from '../random.ts'

const TYPES: readonly string[] = ['A', 'AAAA', 'CNAME', 'MX', 'TXT', 'SOA', 'PTR', 'DNAME', 'NS', 'ANY', 'TYPE731']
const NAMES: readonly string[] = ['www.example.', 'a.example.', 'b.other.', 'example.', 'other.', 'bank.example.']
const RCODES: readonly number[] = [0, 0, 0, 0, 3, 3, 2, 5, 6, 1, 4, 16, 23]
const TYPE_CNAME = 5
const TYPE_DNAME = 39
const TYPE_RRSIG = 46
const PROOFS: readonly number[] = [6, 46, 47, 50]

/** What came of it: how many were taken as answers, as failures … */
export type AnswerRun = Readonly<Record<'stranger' | 'cut' | 'answer' | 'failed', number>>

/** @throws Error with the message, the seed and the property that does not hold. */
export function fuzzAnswers(messages: number, seed: number): AnswerRun {
  const random = new Random(seed)
  const reader = new IncomingReader()
  const counts = { stranger: 0, cut: 0, answer: 0, failed: 0 }
  for (let i = 0; i < messages; i++) {
    const type = random.pick(TYPES)
    const name = parseName(random.pick(NAMES))
    const isDnssecOk = random.once(3)
    const question: ForeignQuestion = {
      name,
      type: type === 'ANY' ? 255 : (typeNumber(type) ?? 0),
      isDnssecOk,
      isCheckingDisabled: random.once(5),
      zone: 0,
    }
    const { bytes, asked } = writeQuery(question, !random.once(5), null)
    const message = messageTo(bytes, random)
    try {
      const incoming = reader.read(message, question, asked, random.once(2))
      counts[incoming.kind]++
      if (incoming.kind === 'answer') checkAnswer(incoming.answer, question)
    } catch (error) {
      const hex = Buffer.from(message).toString('hex')
      throw new Error(`Answer ${i} of seed ${seed} to ${Buffer.from(bytes).toString('hex')}: ${hex}`, { cause: error })
    }
  }
  return counts
}

function messageTo(query: Uint8Array, random: Random): Octets {
  const list = (most: number): string[] => Array.from({ length: random.below(most) }, () => recordLine(random))
  const made: MadeAnswer = {
    rcode: random.pick(RCODES),
    answers: list(6),
    authorities: list(3),
    additionals: list(3),
    isTruncated: random.once(20),
    isAuthentic: random.once(3),
    isRecursive: !random.once(8),
    ...(random.once(4) ? { error: [random.below(30), 'text'] as const } : {}),
  }
  const message = Uint8Array.from(makeReply(readQuery(query, false, 0), made))
  return random.once(2) ? mutateOctets(message, random) : message
}

function recordLine(random: Random): string {
  const type = random.pick([
    'A',
    'AAAA',
    'CNAME',
    'CNAME',
    'MX',
    'TXT',
    'SOA',
    'DNAME',
    'NS',
    'TYPE46',
    'TYPE47',
    'TYPE731',
  ])
  const name = random.pick(NAMES)
  const other = random.pick(NAMES)
  const data: Readonly<Record<string, string>> = {
    A: '192.0.2.1',
    AAAA: '2001:db8::1',
    MX: `10 ${other}`,
    TXT: 'text',
    SOA: `${other} ${name}`,
    TYPE46: `${random.pick(['A', 'AAAA', 'SOA', 'CNAME', 'DNAME', 'TXT'])} ${other}`,
    TYPE47: 'xyz',
    TYPE731: 'xyz',
  }
  return `${name} ${random.below(4000)} ${type} ${data[type] ?? other}`
}

/** Makes a reply of what was kept, and follows the chain in it. */
function checkAnswer(answer: ForeignAnswer, question: ForeignQuestion): void {
  const message = replyWith(answer, question.name, question.type)
  assert.equal(message.answers.length, answer.answers)
  assert.equal(message.authorities.length, answer.authorities)
  const chain = chainOf(message)
  for (const { name, type } of message.answers) {
    const isAbove = [...chain].some(link => link.endsWith(`.${name.toLowerCase()}`) || name === '.')
    const isDname = type === TYPE_DNAME || type === TYPE_RRSIG
    assert.ok(chain.has(name.toLowerCase()) || (isDname && isAbove), `${name} is not in the chain`)
  }
  for (const { type } of message.authorities) assert.ok(PROOFS.includes(type), `type ${type} proves nothing`)
}

function chainOf({ question, answers }: DecodedMessage): Set<string> {
  const chain = new Set([question?.name.toLowerCase() ?? ''])
  const isLink = ({ name, type }: DecodedRecord): boolean => type === TYPE_CNAME && chain.has(name.toLowerCase())
  for (let size = 0; size !== chain.size; ) {
    size = chain.size
    for (const record of answers) if (isLink(record)) chain.add(record.data.toLowerCase())
  }
  return chain
}
