/**
 * RDATA between presentation format (RFC 1035 section 5.1) and wire form. Each type is a list of fields; every type, with
 * or without such a list, can be written as `\# length hex` (RFC 3597 section 5).
 */
import { latin1Text, quoteOctets } from './character-string.ts'
import {
  type FieldCodec,
  hexField,
  ipv4Field,
  ipv6Field,
  nameField,
  numberField,
  parseHex,
  parseNumber,
  parseText,
  stringField,
  stringsField,
  timeField,
  type Word,
  WordError,
  WordReader,
} from './fields.ts'
import { type Name, NameError } from './name.ts'
import { OctetReader, OctetsError, OctetWriter } from './octets.ts'
import { MAX_RDATA } from './rdata.ts'
import { TYPE, typeName } from './record-type.ts'
import { svcParamsField } from './svc-params.ts'

/** A text that is no RDATA of its type: `message` is a whole sentence. */
export class RdataError extends Error {
  override readonly name: string = 'RdataError'
  /** The word at fault, counted from the beginning of the list that was given; the last one when a word is missing. */
  readonly word: number

  constructor(message: string, word: number) {
    super(message)
    this.word = word
  }
}

/** DNSSEC algorithms (IANA "Domain Name System Security (DNSSEC) Algorithm Numbers"; RFC 4034 section 5.3, A.1). */
const ALGORITHMS: ReadonlyMap<string, number> = new Map([
  ['RSAMD5', 1],
  ['DH', 2],
  ['DSA', 3],
  ['RSASHA1', 5],
  ['DSA-NSEC3-SHA1', 6],
  ['RSASHA1-NSEC3-SHA1', 7],
  ['RSASHA256', 8],
  ['RSASHA512', 10],
  ['ECC-GOST', 12],
  ['ECDSAP256SHA256', 13],
  ['ECDSAP384SHA384', 14],
  ['ED25519', 15],
  ['ED448', 16],
  ['INDIRECT', 252],
  ['PRIVATEDNS', 253],
  ['PRIVATEOID', 254],
])

/** Octets of a digest by its type: SHA-1 (RFC 4034), SHA-256 (RFC 4509), GOST (RFC 5933), SHA-384 (RFC 6605). */
const DIGEST_LENGTHS: ReadonlyMap<number, number> = new Map([
  [1, 20],
  [2, 32],
  [3, 32],
  [4, 48],
])

const CAA_TAG = /^[a-z0-9]{1,255}$/i

const digestType = numberField(8, 'digest type')
const digestHex = hexField('digest')

/** Digest type and digest of DS (RFC 4034 section 5.1.3). */
const digestField: FieldCodec = {
  parse: (words, out) => {
    const type = parseNumber(words.plain('digest type'), 255, 'digest type')
    out.uint8(type)
    const start = out.length
    digestHex.parse(words, out)
    const wanted = DIGEST_LENGTHS.get(type) ?? out.length - start
    if (out.length - start !== wanted) throw new WordError(`a digest of type ${type} must have ${wanted} octets`)
  },
  format: octets => {
    const type = digestType.format(octets)
    const wanted = DIGEST_LENGTHS.get(Number(type)) ?? octets.remaining
    if (octets.remaining !== wanted) throw new OctetsError(`a digest of type ${type} must have ${wanted} octets`)
    return `${type} ${digestHex.format(octets)}`
  },
}

/** Tag and value of CAA (RFC 8659 section 4.1); the value has no length of its own. */
const propertyField: FieldCodec = {
  parse: (words, out) => {
    const tag = words.plain('tag')
    if (!CAA_TAG.test(tag)) throw new WordError(`the tag "${tag}" must be letters and digits, at most 255`)
    out.uint8(tag.length)
    out.octets(parseText({ text: tag, kind: 'plain' }, 'tag'))
    out.octets(parseText(words.next('value'), 'value'))
  },
  format: octets => {
    const tag = latin1Text(octets.characterString())
    if (!CAA_TAG.test(tag)) throw new OctetsError('its tag must be letters and digits')
    return `${tag} ${quoteOctets(octets.octets(octets.remaining))}`
  },
}

const SOA = [
  nameField('primary server'),
  nameField('mailbox'),
  numberField(32, 'serial'),
  timeField('refresh time'),
  timeField('retry time'),
  timeField('expire time'),
  timeField('negative TTL'),
]
const SRV = [numberField(16, 'priority'), numberField(16, 'weight'), numberField(16, 'port'), nameField('target')]
const NAPTR = [
  numberField(16, 'order'),
  numberField(16, 'preference'),
  stringField('flags'),
  stringField('services'),
  stringField('regular expression'),
  nameField('replacement'),
]
const SVCB = [numberField(16, 'priority'), nameField('target'), svcParamsField]

const FIELDS: ReadonlyMap<number, readonly FieldCodec[]> = new Map<number, readonly FieldCodec[]>([
  [TYPE.A, [ipv4Field]],
  [TYPE.NS, [nameField('name server')]],
  [TYPE.CNAME, [nameField('target')]],
  [TYPE.SOA, SOA],
  [TYPE.PTR, [nameField('target')]],
  [TYPE.HINFO, [stringField('CPU'), stringField('operating system')]],
  [TYPE.MX, [numberField(16, 'preference'), nameField('mail server')]],
  [TYPE.TXT, [stringsField]],
  [TYPE.AAAA, [ipv6Field]],
  [TYPE.SRV, SRV],
  [TYPE.NAPTR, NAPTR],
  [TYPE.DNAME, [nameField('target')]],
  [TYPE.DS, [numberField(16, 'key tag'), numberField(8, 'algorithm', ALGORITHMS), digestField]],
  [TYPE.SSHFP, [numberField(8, 'algorithm'), numberField(8, 'fingerprint type'), hexField('fingerprint')]],
  [TYPE.TLSA, [numberField(8, 'usage'), numberField(8, 'selector'), numberField(8, 'matching type'), hexField('data')]],
  [TYPE.SVCB, SVCB],
  [TYPE.HTTPS, SVCB],
  [TYPE.CAA, [numberField(8, 'flags'), propertyField]],
])

const scratch = new OctetWriter()

/**
 * Parses the RDATA of a record. `words` are those of its line, `start` is the first behind the type; names are completed
 * with `origin`. What is returned always has the wire form of its type.
 *
 * @throws RdataError
 */
export function parseRdata(type: number, words: readonly Word[], start: number, origin: Name): Uint8Array {
  const reader = new WordReader(words, start, origin)
  try {
    const first = words[start]
    const isGeneric = first?.kind === 'plain' && first.text === '\\#'
    return isGeneric ? parseGeneric(type, reader) : parseFields(type, reader)
  } catch (error) {
    const word = Math.max(0, reader.at - 1)
    if (error instanceof WordError || error instanceof OctetsError) {
      throw new RdataError(`Cannot parse ${typeName(type)} record: ${error.message}`, word)
    }
    if (error instanceof NameError) throw new RdataError(error.message, word)
    throw error
  }
}

/** The presentation format of RDATA; `\# …` when the type has none or the octets do not have its form. */
export function formatRdata(type: number, rdata: Uint8Array): string {
  try {
    return formatFields(type, rdata) ?? formatGeneric(rdata)
  } catch (error) {
    if (error instanceof OctetsError) return formatGeneric(rdata)
    throw error
  }
}

function parseFields(type: number, reader: WordReader): Uint8Array {
  const fields = FIELDS.get(type)
  if (fields === undefined) throw new WordError('a type without a form of its own must be written as \\# length hex')
  scratch.reset()
  for (const field of fields) field.parse(reader, scratch)
  return finish(reader, scratch.finish())
}

function parseGeneric(type: number, reader: WordReader): Uint8Array {
  reader.next('\\#')
  const length = parseNumber(reader.plain('length'), MAX_RDATA, 'length')
  let digits = ''
  while (!reader.isAtEnd) digits += reader.plain('data')
  const rdata = parseHex(digits, 'data')
  if (rdata.length !== length) throw new WordError(`it has ${rdata.length} octets, but its length says ${length}`)
  formatFields(type, rdata)
  return rdata
}

function finish(reader: WordReader, rdata: Uint8Array): Uint8Array {
  if (!reader.isAtEnd) throw new WordError(`there is more than it can have: "${reader.next('end').text}"`)
  if (rdata.length > MAX_RDATA) throw new WordError(`it has ${rdata.length} octets, more than ${MAX_RDATA}`)
  return rdata
}

/** The words of known types; throws when the octets are not of the type's form. */
function formatFields(type: number, rdata: Uint8Array): string | null {
  const fields = FIELDS.get(type)
  if (fields === undefined) return null
  const octets = new OctetReader(rdata)
  const texts = fields.map(field => field.format(octets)).filter(text => text !== '')
  if (octets.remaining > 0) throw new OctetsError('it is longer than its type allows')
  return texts.join(' ')
}

function formatGeneric(rdata: Uint8Array): string {
  return rdata.length === 0 ? '\\# 0' : `\\# ${rdata.length} ${rdata.toHex().toUpperCase()}`
}
