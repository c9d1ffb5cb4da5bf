/** Who answers: TXT records of class CH at the names that BIND and RFC 4892 made customary. Off unless configured. */
import { foldWord } from '../index/hash.ts'
import { parseName } from '../wire/name.ts'
import { CLASS, TYPE } from '../wire/record-type.ts'
import type { Reply } from './reply.ts'

const QUESTION_NAME = 12
const POINTER = 0xc000
const RR_OCTETS = 12
const MAX_STRING = 255

/** Answers with these texts. */
export class Chaos {
  readonly #reply: Reply
  readonly #answers: readonly { readonly name: Uint8Array; readonly rdata: DataView }[]

  constructor(texts: { readonly version: string; readonly id: string }, reply: Reply) {
    this.#reply = reply
    this.#answers = [
      { name: parseName('version.bind'), rdata: textRecord(texts.version) },
      { name: parseName('version.server'), rdata: textRecord(texts.version) },
      { name: parseName('id.server'), rdata: textRecord(texts.id) },
      { name: parseName('hostname.bind'), rdata: textRecord(texts.id) },
    ]
  }

  /** Answers for the name of `length` octets at `at`; false: it is none of them. */
  answer(bytes: DataView, at: number, length: number): boolean {
    for (const { name, rdata } of this.#answers) {
      if (name.length !== length || !isSame(name, bytes, at)) continue
      this.#reply.isAuthoritative = true
      if (this.#reply.append(rdata, 0, rdata.byteLength, 0)) this.#reply.answers++
      else this.#reply.isTruncated = true
      return true
    }
    return false
  }
}

/** The RR: owner is the question's name, TTL 0, one character string. */
function textRecord(text: string): DataView {
  const string = new TextEncoder().encode(text).subarray(0, MAX_STRING)
  const record = new Uint8Array(RR_OCTETS + 1 + string.length)
  const view = new DataView(record.buffer)
  view.setUint16(0, POINTER | QUESTION_NAME)
  view.setUint16(2, TYPE.TXT)
  view.setUint16(4, CLASS.CH)
  view.setUint16(10, 1 + string.length)
  record[RR_OCTETS] = string.length
  record.set(string, RR_OCTETS + 1)
  return view
}

function isSame(name: Uint8Array, bytes: DataView, at: number): boolean {
  for (let i = 0; i < name.length; i++) if (foldWord(bytes.getUint8(at + i)) !== name[i]) return false
  return true
}
