/** A DNS response as text, in the manner of dig, and as JSON. */
import type { Packet } from 'dns2'
import { formatRdata } from '../wire/rdata-text.ts'
import { RCODE, TYPE, typeName } from '../wire/record-type.ts'
import type { Reply } from './dns-client.ts'

type Resource = Packet['answers'][number]

/** One record in words. */
interface RecordText {
  readonly name: string
  readonly ttl: number
  readonly type: string
  readonly data: string
}

const OPCODES: Readonly<Record<number, string>> = { 0: 'QUERY', 4: 'NOTIFY', 5: 'UPDATE' }

/** The sections as dig prints them. `server` is what was asked. */
export function formatReply(reply: Reply, server: string): string {
  const { message, transport, octets, milliseconds } = reply
  const { header } = message
  const flags = flagsOf(message).join(' ')
  const opcode = OPCODES[header.opcode] ?? String(header.opcode)
  const lines = [`;; opcode: ${opcode}, status: ${statusOf(message)}, id: ${header.id}; flags: ${flags}`]
  for (const { name, type } of message.questions)
    lines.push('', ';; QUESTION SECTION:', `;${absolute(name)} IN ${typeName(type)}`)
  for (const [title, records] of sectionsOf(message)) {
    if (records.length === 0) continue
    lines.push(
      '',
      `;; ${title} SECTION:`,
      ...records.map(({ name, ttl, type, data }) => `${name} ${ttl} IN ${type} ${data}`),
    )
  }
  for (const error of message.errors) lines.push('', `;; record left out: ${error.message}`)
  const time = milliseconds.toFixed(milliseconds < 10 ? 1 : 0)
  return `${lines.join('\n')}\n\n;; ${octets} octets over ${transport} from ${server} in ${time} ms\n`
}

/** The same as one JSON object. */
export function replyJson({ message, transport, octets, milliseconds }: Reply): unknown {
  const [answer, authority, additional] = sectionsOf(message).map(([, records]) => records)
  return {
    status: statusOf(message),
    flags: flagsOf(message),
    question: message.questions.map(({ name, type }) => ({ name: absolute(name), type: typeName(type) })),
    answer,
    authority,
    additional,
    transport,
    octets,
    milliseconds: Math.round(milliseconds * 10) / 10,
  }
}

function sectionsOf(message: Packet): readonly (readonly [string, readonly RecordText[]])[] {
  const texts = (records: readonly Resource[]): RecordText[] =>
    records.filter(record => record.type !== TYPE.OPT).map(recordText)
  return [
    ['ANSWER', texts(message.answers)],
    ['AUTHORITY', texts(message.authorities)],
    ['ADDITIONAL', texts(message.additionals)],
  ]
}

function statusOf({ header }: Packet): string {
  return Object.entries(RCODE).find(([, code]) => code === header.rcode)?.[0] ?? `RCODE${header.rcode}`
}

function flagsOf({ header }: Packet): string[] {
  const flags = { qr: header.qr, aa: header.aa, tc: header.tc, rd: header.rd, ra: header.ra }
  return Object.entries(flags).flatMap(([flag, set]) => (set ? [flag] : []))
}

function recordText(record: Resource): RecordText {
  return { name: absolute(record.name), ttl: record.ttl, type: typeName(record.type), data: dataText(record) }
}

function dataText(record: Resource): string {
  switch (record.type) {
    case TYPE.A:
    case TYPE.AAAA:
      return String(record.address)
    case TYPE.NS:
      return absolute(record.ns)
    case TYPE.CNAME:
    case TYPE.PTR:
      return absolute(record.domain)
    case TYPE.MX:
      return `${record.priority} ${absolute(record.exchange)}`
    case TYPE.SRV:
      return `${record.priority} ${record.weight} ${record.port} ${absolute(record.target)}`
    case TYPE.TXT:
      return [record.data].flat().map(quote).join(' ')
    case TYPE.CAA:
      return `${record.flags} ${record.tag} ${quote(record.value)}`
    case TYPE.SOA:
      return [absolute(record.primary), absolute(record.admin), ...soaNumbers(record)].join(' ')
    default:
      return formatRdata(record.type, Buffer.isBuffer(record.data) ? record.data : Buffer.alloc(0))
  }
}

function soaNumbers({ serial, refresh, retry, expiration, minimum }: Resource): unknown[] {
  return [serial, refresh, retry, expiration, minimum]
}

function quote(text: unknown): string {
  return `"${String(text).replace(/["\\]/g, '\\$&')}"`
}

function absolute(name: unknown): string {
  return `${name ?? ''}.`
}
