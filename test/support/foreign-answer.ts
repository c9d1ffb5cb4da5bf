/** Answers from outside as the forwarder hands them on (drawing in `forward/answer.ts`), made from lines of text. */
import { type ForeignAnswer, QUESTION_POINTER, RELATIVE_POINTER } from '#src/dns/forward/answer.ts'
import { Query } from '#src/dns/query.ts'
import { Reply } from '#src/dns/reply.ts'
import { foldName, parseName } from '#src/wire/name.ts'
import { typeNumber } from '#src/wire/record-type.ts'
import { makeRdata, u16 } from './answering.ts'
import { type DecodedMessage, decodeMessage } from './message-decoder.ts'

const ROOM = 65_535

/** What is said about a name. Records are lines `name TTL TYPE data`. */
export interface AnswerText {
  readonly name: string
  readonly type: string
  readonly rcode?: number
  readonly answers?: readonly string[]
  readonly authority?: readonly string[]
  readonly isAuthentic?: boolean
}

/** An SOA line for negative answers of a zone. */
export function soaLine(zone: string, ttl: number, minimum: number): string {
  return `${zone} ${ttl} SOA ns.${zone} hostmaster.${zone} 1 7200 1800 86400 ${minimum}`
}

/** The answer. */
export function makeForeign({ name, rcode = 0, answers = [], authority = [], ...rest }: AnswerText): ForeignAnswer {
  const out: number[] = []
  /** Where names stand in RDATA. */
  const known = new Map<string, number>()
  for (const line of [...answers, ...authority]) {
    const [owner = '', ttl = '', type = '', ...data] = line.split(' ')
    const key = foldName(parseName(owner))
    const relative = known.get(key)
    if (key === foldName(parseName(name))) out.push(...u16(QUESTION_POINTER))
    else if (relative !== undefined) out.push(...u16(RELATIVE_POINTER | relative))
    else out.push(...parseName(owner))
    const rdata = rdataOf(type, data)
    out.push(...u16(typeNumber(type) ?? 0), 0, 1, ...u32(Number(ttl)), ...u16(rdata.length))
    if (type === 'CNAME') known.set(foldName(parseName(data[0] ?? '')), out.length)
    out.push(...rdata)
  }
  const bytes = new DataView(Uint8Array.from(out).buffer)
  return {
    bytes,
    start: 0,
    end: out.length,
    answers: answers.length,
    authorities: authority.length,
    rcode,
    isAuthentic: rest.isAuthentic ?? false,
    infoCode: -1,
    infoText: new Uint8Array(0),
  }
}

/** A reply with the answer, as a strict reader sees it. @param name of the question, wire form. */
export function replyWith(answer: ForeignAnswer, name: Uint8Array, type: number): DecodedMessage {
  const head = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
  const question = Uint8Array.of(...head, ...name, type >> 8, type & 255, 0, 1)
  const out = new DataView(new ArrayBuffer(ROOM))
  const reply = new Reply()
  const parsed = new Query()
  reply.configure({ udpLimit: 1232, nsid: null, cookie: null, keepaliveMs: 0 }, true)
  reply.open(out, 0, ROOM, new DataView(question.buffer), 0, question.length, parsed, 0)
  reply.appendForeign(answer, 12)
  const length = reply.close(parsed)
  return decodeMessage(new Uint8Array(out.buffer, 0, length))
}

function rdataOf(type: string, data: readonly string[]): number[] {
  if (type !== 'SOA') return [...makeRdata(type, data)]
  const names = data.slice(0, 2).flatMap(name => [...parseName(name)])
  return [...names, ...data.slice(2).flatMap(number => u32(Number(number)))]
}

function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)]
}
