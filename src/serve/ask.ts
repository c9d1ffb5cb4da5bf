/** Asks the name index as a DNS thread would, and reads the reply as text. */
import { allocateCounters, Counters } from '../dns/counters.ts'
import { Responder, type ResponderOptions } from '../dns/responder.ts'
import type { IndexBuffers } from '../index/layout.ts'
import { IndexReader } from '../index/reader.ts'
import { readMessage } from '../wire/message.ts'
import { formatName, type Name } from '../wire/name.ts'
import { formatRdata } from '../wire/rdata-text.ts'
import { CLASS, RCODE, typeName } from '../wire/record-type.ts'
import type { Ask } from './explain.ts'

/** Longest message over TCP. */
const CAPACITY = 65_535
/** The responder's number of TCP: its limit is what a message can hold. */
const TCP = 1

/** Makes the function; it reads whatever generation of the index is the present one. */
export function makeAsk(buffers: () => IndexBuffers, control: SharedArrayBuffer, options: ResponderOptions): Ask {
  const reader = new IndexReader(buffers(), control)
  const responder = new Responder(reader, new Counters(allocateCounters(1), 0), options)
  const out = new Uint8Array(CAPACITY)
  return (view, name, type) => {
    reader.adopt(buffers())
    const query = questionOf(name, type)
    const length = responder.respond(query, 0, query.length, out, 0, CAPACITY, view, TCP)
    const message = readMessage(out.subarray(0, length))
    const rcode = Object.entries(RCODE).find(([, code]) => code === message.rcode)?.[0] ?? String(message.rcode)
    const records = message.answers.map(
      record =>
        `${formatName(record.name)} ${record.ttl} ${typeName(record.type)} ${formatRdata(record.type, record.rdata)}`,
    )
    return { rcode, records }
  }
}

function questionOf(name: Name, type: number): Uint8Array {
  return Uint8Array.of(0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, type >> 8, type & 255, 0, CLASS.IN)
}
