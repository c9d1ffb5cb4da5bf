/** Names outside of a cluster and answers to them, as an upstream gives them. */
import type { ForeignAnswer } from '../../src/dns/forward/answer.ts'
import { parseName } from '../../src/wire/name.ts'
import { generator } from './cluster-index.ts'

const HOSTS = ['www', 'api', 'cdn', 'static-assets', 'login', 'img', 'eu-west-1.storage', 'metrics.internal-edge']
const SUFFIXES = ['com', 'net', 'org', 'io', 'co.uk', 'de', 'cloud']

/** The name of a number: 20 to 45 octets, like those that programs ask for. */
export function nameOf(number: number): string {
  const host = HOSTS[number % HOSTS.length]
  return `${host}.site-${number.toString(36)}-example.${SUFFIXES[number % SUFFIXES.length]}`
}

/** The name of a number in wire form, with three octets behind it. */
export function wireOf(number: number): Uint8Array {
  const name = parseName(nameOf(number))
  const bytes = new Uint8Array(name.length + 3)
  bytes.set(name)
  return bytes
}

/** An answer to A, as the forwarder hands it on: one to four addresses, a quarter of them behind a CNAME, an eighth NXDOMAIN. */
export function publicAnswer(number: number): ForeignAnswer {
  const random = generator(number)
  random()
  const kind = random()
  if (kind < 0.125) return foreign([soa(number)], 0, 3)
  const records = addresses(number, kind < 0.375, 1 + Math.floor(random() * 4))
  return foreign(records, records.length, 0)
}

/** An answer with one address. */
export function addressAnswer(): ForeignAnswer {
  return foreign(addresses(0, false, 1), 1, 0)
}

function foreign(records: readonly (readonly number[])[], answers: number, rcode: number): ForeignAnswer {
  const bytes = new DataView(Uint8Array.from(records.flat()).buffer)
  const authorities = records.length - answers
  const end = bytes.byteLength
  return {
    bytes,
    start: 0,
    end,
    answers,
    authorities,
    rcode,
    isAuthentic: false,
    infoCode: -1,
    infoText: new Uint8Array(0),
  }
}

function addresses(number: number, isAlias: boolean, count: number): number[][] {
  const target = [...parseName(`edge-${number % 1000}.distribution.cdn.example`)]
  const alias = [0xc0, 12, 0, 5, 0, 1, 0, 0, 14, 16, 0, target.length, ...target]
  // The owner behind a CNAME is the name that begins with the twelfth octet of the answer.
  const owner = isAlias ? [0xe0, 12] : [0xc0, 12]
  const list = Array.from({ length: count }, (_, i) => [...owner, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 192, 0, 2, i])
  return isAlias ? [alias, ...list] : list
}

function soa(number: number): number[] {
  const rdata = [...parseName(`ns1.dns-${number % 100}.example`), ...parseName('hostmaster.example')]
  const numbers = [0, 0, 0, 1, 0, 0, 28, 32, 0, 0, 14, 16, 0, 18, 117, 0, 0, 0, 14, 16]
  const octets = rdata.length + numbers.length
  return [...parseName(nameOf(number)), 0, 6, 0, 1, 0, 0, 14, 16, 0, octets, ...rdata, ...numbers]
}
