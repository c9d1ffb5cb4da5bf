/**
 * SvcParams of SVCB and HTTPS records (RFC 9460): `alpn=h2,h3 port=8443` in a master file; key, length and value in
 * ascending order of keys on the wire.
 */
import { latin1Text, quoteOctets } from './character-string.ts'
import {
  type FieldCodec,
  formatIPv4,
  formatIPv6,
  parseIPv4Word,
  parseIPv6Word,
  parseNumber,
  parseText,
  type Word,
  WordError,
} from './fields.ts'
import { OctetReader, OctetsError, OctetWriter } from './octets.ts'
import { joinValueList, splitValueList } from './value-list.ts'

/** SvcParamKeys (IANA "Service Parameter Keys (SvcParamKeys)"). */
const KEY = { mandatory: 0, alpn: 1, noDefaultAlpn: 2, port: 3, ipv4hint: 4, ech: 5, ipv6hint: 6, dohpath: 7, ohttp: 8 }

/** How the value of a key is read, checked and written. */
interface ParamCodec {
  readonly name: string
  /** A flag has no value, every other parameter has one. */
  readonly isFlag?: true
  parse(value: Uint8Array): Uint8Array
  /** @throws OctetsError when the wire value does not have its form. */
  format(value: OctetReader): string
}

type Params = ReadonlyMap<number, Uint8Array>

const CODECS: ReadonlyMap<number, ParamCodec> = new Map<number, ParamCodec>([
  [KEY.mandatory, { name: 'mandatory', parse: parseKeys, format: formatKeys }],
  [KEY.alpn, { name: 'alpn', parse: parseAlpn, format: formatAlpn }],
  [KEY.noDefaultAlpn, flag('no-default-alpn')],
  [KEY.port, { name: 'port', parse: parsePort, format: octets => String(octets.uint16()) }],
  [KEY.ipv4hint, addresses('ipv4hint', 4, parseIPv4Word, formatIPv4)],
  [KEY.ech, { name: 'ech', parse: parseBase64, format: octets => octets.octets(octets.remaining).toBase64() }],
  [KEY.ipv6hint, addresses('ipv6hint', 16, parseIPv6Word, formatIPv6)],
  [
    KEY.dohpath,
    { name: 'dohpath', parse: value => value, format: octets => latin1Text(octets.octets(octets.remaining)) },
  ],
  [KEY.ohttp, flag('ohttp')],
])

const KEY_NUMBERS: ReadonlyMap<string, number> = new Map([...CODECS].map(([key, codec]) => [codec.name, key]))

/** All parameters of a record, up to its end. */
export const svcParamsField: FieldCodec = {
  parse: (words, out) => {
    const params = new Map<number, Uint8Array>()
    while (!words.isAtEnd) {
      const [key, value] = parseParam(words.next('parameter'))
      if (params.has(key)) throw new WordError(`the parameter ${keyName(key)} is there twice`)
      params.set(key, value)
    }
    const fault = faultOf(params)
    if (fault !== null) throw new WordError(fault)
    for (const [key, value] of [...params].sort(([a], [b]) => a - b)) {
      out.uint16(key)
      out.uint16(value.length)
      out.octets(value)
    }
  },
  format: octets => {
    const params = readParams(octets)
    const texts = [...params].map(([key, value]) => formatParam(key, value))
    const fault = faultOf(params)
    if (fault !== null) throw new OctetsError(fault)
    return texts.join(' ')
  },
}

function readParams(octets: OctetReader): Params {
  const params = new Map<number, Uint8Array>()
  let last = -1
  while (octets.remaining > 0) {
    const key = octets.uint16()
    if (key <= last) throw new OctetsError('its parameters must be in ascending order')
    params.set(key, octets.octets(octets.uint16()))
    last = key
  }
  return params
}

/** What makes the parameters contradict each other (RFC 9460 section 2.4.3), or null. */
function faultOf(params: Params): string | null {
  if (params.has(KEY.noDefaultAlpn) && !params.has(KEY.alpn)) {
    return 'no-default-alpn needs the parameter alpn'
  }
  const mandatory = new OctetReader(params.get(KEY.mandatory) ?? new Uint8Array(0))
  while (mandatory.remaining > 0) {
    const key = mandatory.uint16()
    if (!params.has(key)) return `the parameter ${keyName(key)} is mandatory, but it is missing`
  }
  return null
}

function parseParam(word: Word): [key: number, value: Uint8Array] {
  if (word.kind === 'quoted') throw new WordError('a parameter must be written as key=value or key="value"')
  const { text } = word
  const equals = text.indexOf('=')
  const name = equals < 0 ? text : text.slice(0, equals)
  const key = parseKey(name)
  const raw = equals < 0 ? '' : text.slice(equals + 1)
  const value: Word = word.kind === 'pair' ? { text: raw.slice(1, -1), kind: 'quoted' } : { text: raw, kind: 'plain' }
  const octets = parseText(value, `value of ${name}`)
  return [key, parseValue(key, name, octets)]
}

function parseValue(key: number, name: string, octets: Uint8Array): Uint8Array {
  const codec = CODECS.get(key)
  if (codec === undefined) return octets
  // keyNNNNN holds the wire form, also of a key that has a name (RFC 9460 section 2.1).
  const value = name === codec.name ? codec.parse(octets) : octets
  try {
    formatValue(codec, value)
  } catch (error) {
    if (error instanceof OctetsError) throw new WordError(`the value of ${name} is wrong: ${error.message}`)
    throw error
  }
  return value
}

function formatParam(key: number, value: Uint8Array): string {
  const codec = CODECS.get(key)
  if (codec === undefined) return value.length === 0 ? keyName(key) : `${keyName(key)}=${quoteOctets(value)}`
  const text = formatValue(codec, value)
  return text === '' ? codec.name : `${codec.name}=${text}`
}

function formatValue(codec: ParamCodec, value: Uint8Array): string {
  const octets = new OctetReader(value)
  if (codec.isFlag && value.length > 0) throw new OctetsError('it must be empty')
  if (!codec.isFlag && value.length === 0) throw new OctetsError('it must not be empty')
  const text = codec.format(octets)
  if (octets.remaining > 0) throw new OctetsError('it is too long')
  return /^[\w.:/+=,-]*$/.test(text) ? text : quoteOctets(Uint8Array.from(text, character => character.charCodeAt(0)))
}

function parseKey(name: string): number {
  const known = KEY_NUMBERS.get(name)
  if (known !== undefined) return known
  const digits = /^key(0|[1-9][0-9]{0,4})$/.exec(name)?.[1]
  // 65535 is reserved as "invalid key" (RFC 9460 section 14.3.2).
  if (digits === undefined || Number(digits) > 65_534) {
    throw new WordError(`"${name}" is no parameter; it must be ${[...KEY_NUMBERS.keys()].join(', ')} or key<number>`)
  }
  return Number(digits)
}

function keyName(key: number): string {
  return CODECS.get(key)?.name ?? `key${key}`
}

function flag(name: string): ParamCodec {
  return { name, isFlag: true, parse: value => value, format: () => '' }
}

function addresses(
  name: string,
  size: number,
  parse: (text: string) => Uint8Array,
  format: (octets: Uint8Array) => string,
): ParamCodec {
  return {
    name,
    parse: value => {
      const out = new OctetWriter()
      for (const text of latin1Text(value).split(',')) out.octets(parse(text))
      return out.finish()
    },
    format: octets => {
      const texts: string[] = []
      while (octets.remaining > 0) texts.push(format(octets.octets(size)))
      return texts.join(',')
    },
  }
}

function parseKeys(value: Uint8Array): Uint8Array {
  const out = new OctetWriter()
  if (value.length === 0) return value
  const keys = latin1Text(value).split(',').map(parseKey)
  for (const key of keys.sort((a, b) => a - b)) out.uint16(key)
  return out.finish()
}

function formatKeys(octets: OctetReader): string {
  const names: string[] = []
  let last: number = KEY.mandatory
  while (octets.remaining > 0) {
    const key = octets.uint16()
    if (key === KEY.mandatory) throw new OctetsError('mandatory cannot be mandatory itself')
    if (key <= last) throw new OctetsError('each key can be there once, in ascending order')
    names.push(keyName(key))
    last = key
  }
  return names.join(',')
}

function parsePort(value: Uint8Array): Uint8Array {
  const port = parseNumber(latin1Text(value), 0xffff, 'port')
  return Uint8Array.of(port >> 8, port & 0xff)
}

function parseAlpn(value: Uint8Array): Uint8Array {
  const out = new OctetWriter()
  if (value.length === 0) return value
  for (const id of splitValueList(value)) {
    if (id.length > 255) throw new WordError('an ALPN identifier must have 1 to 255 octets')
    out.uint8(id.length)
    out.octets(id)
  }
  return out.finish()
}

function formatAlpn(octets: OctetReader): string {
  const ids: Uint8Array[] = []
  while (octets.remaining > 0) {
    const id = octets.characterString()
    if (id.length === 0) throw new OctetsError('an ALPN identifier must have 1 to 255 octets')
    ids.push(id)
  }
  return joinValueList(ids)
}

function parseBase64(value: Uint8Array): Uint8Array {
  try {
    return Uint8Array.fromBase64(latin1Text(value))
  } catch {
    throw new WordError('the value of ech must be base64')
  }
}
