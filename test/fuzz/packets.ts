/**
 * Makes packets: queries by the grammar of RFC 1035 section 4.1 with options by those of their RFCs, each part now and
 * then as no sender writes it; packets of the corpus; and all of them with something changed.
 */
import { readFileSync } from 'node:fs'
import { parseName } from '#src/wire/name.ts'
import { joined, mutateOctets, type Octets, type Random } from './random.ts'

/** Names of the world that is asked, see `world.ts`, and others. */
const NAMES: readonly string[] = [
  'many.zone',
  'one.zone',
  'x.wild.zone',
  'a.b.wild.zone',
  'loop.zone',
  'x.old.zone',
  'srv.zone',
  'www.cut.zone',
  '10-0-0-1.pod.zone',
  'fdaa--1.pod.zone',
  'zone',
  'x.zone',
  '1.0.8.4.ip6.arpa',
  '.',
  'elsewhere.example',
  'version.bind',
  'dark',
]
const NAME_OCTETS: readonly Octets[] = NAMES.map(name => Uint8Array.from(parseName(name)))
const TYPES: readonly number[] = [1, 2, 5, 6, 12, 15, 16, 28, 33, 39, 41, 43, 64, 65, 251, 252, 255, 257, 0, 65_535]
const CLASSES: readonly number[] = [1, 1, 1, 1, 1, 3, 254, 255, 0]
const OPTION_CODES: readonly number[] = [3, 8, 10, 10, 10, 11, 12, 15, 20, 65_001]
const SIZES: readonly number[] = [0, 100, 511, 512, 513, 1232, 1452, 4096, 65_535]
/** Queries that are kept to be changed. */
const MADE = 4096
const COOKIE_LENGTHS: readonly number[] = [0, 1, 7, 8, 9, 15, 16, 24, 24, 24, 32, 40, 41]

/** Lines of hexadecimal octets; what stands behind `#` says what a packet is. */
export function readCorpus(): readonly Octets[] {
  const text = readFileSync(new URL('./corpus/packets.hex', import.meta.url), 'utf8')
  const lines = text.split('\n').map(line => line.replace(/#.*/, '').replace(/\s/g, ''))
  return lines.filter(line => line !== '').map(line => Uint8Array.from(Buffer.from(line, 'hex')))
}

/** See the top of the file. */
export class PacketMaker {
  readonly #random: Random
  readonly #corpus: readonly Octets[]
  readonly #made: Octets[] = []
  /** Cookies that replies brought. */
  readonly #cookies: Uint8Array[] = []

  constructor(random: Random, corpus: readonly Octets[] = readCorpus()) {
    this.#random = random
    this.#corpus = corpus
  }

  /** Another packet. */
  make(): Octets {
    const random = this.#random
    if (random.once(20)) return random.octets(random.below(80))
    const base = random.once(8) ? random.pick(this.#corpus) : this.#grown()
    return random.once(2) ? mutateOctets(base, random) : base
  }

  /** A query by the grammar: one in eight is new, the others were made before. */
  #grown(): Octets {
    const random = this.#random
    if (this.#made.length === MADE && !random.once(8)) return random.pick(this.#made)
    const query = this.#query()
    if (this.#made.length < MADE) this.#made.push(query)
    else this.#made[random.below(MADE)] = query
    return query
  }

  /** Takes a cookie that a client got, to show it again. */
  learn(cookie: Uint8Array): void {
    if (this.#cookies.length < 64) this.#cookies.push(cookie)
    else this.#cookies[this.#random.below(64)] = cookie
  }

  #query(): Octets {
    const random = this.#random
    const questions = random.once(30) ? random.below(4) : 1
    const answers = random.once(30) ? random.below(3) : 0
    const authorities = random.once(30) ? random.below(3) : 0
    const opts = random.once(30) ? 2 : random.below(4) === 0 ? 0 : 1
    const others = random.once(30) ? random.below(3) : 0
    const flags = [random.once(10) ? random.below(256) : 1, random.once(10) ? random.below(256) : 0]
    const count = (true_: number): number[] => [0, random.once(100) ? random.below(256) : true_]
    const header = Uint8Array.of(
      random.below(256),
      random.below(256),
      ...flags,
      ...count(questions),
      ...count(answers),
      ...count(authorities),
      ...count(opts + others),
    )
    const parts = [header]
    for (let i = 0; i < questions; i++) parts.push(this.#question())
    for (let i = 0; i < answers + authorities; i++) parts.push(this.#record())
    for (let i = 0; i < opts; i++) parts.push(this.#opt())
    for (let i = 0; i < others; i++) parts.push(this.#record())
    if (random.once(50)) parts.push(random.octets(1 + random.below(3)))
    return joined(...parts)
  }

  #question(): Octets {
    const random = this.#random
    const type = random.once(20) ? random.below(65_536) : random.pick(TYPES)
    const recordClass = random.pick(CLASSES)
    return Uint8Array.of(...this.#name(), type >> 8, type & 255, recordClass >> 8, recordClass & 255)
  }

  #name(): Octets {
    const random = this.#random
    const base = random.pick(NAME_OCTETS)
    switch (random.below(12)) {
      case 0: // In another case (0x20).
        return base.map(octet => (octet > 0x40 && octet < 0x7b && random.once(2) ? octet ^ 0x20 : octet))
      case 1: // With labels before it, now and then too many.
        return joined(...Array.from({ length: 1 + random.below(6) }, () => this.#label()), base)
      case 2: // Compressed.
        return Uint8Array.of(0xc0, random.once(2) ? 12 : random.below(64))
      case 3: // Of an unknown form, too long, or without an end.
        return Uint8Array.of(random.pick([0x40, 0x80, 0x3f, 0xff]), ...random.octets(random.below(70)))
      default:
        return base
    }
  }

  #label(): Octets {
    const random = this.#random
    const length = random.once(5) ? 63 : 1 + random.below(12)
    const isText = !random.once(4)
    return Uint8Array.of(length, ...Array.from({ length }, () => (isText ? 97 + random.below(26) : random.below(256))))
  }

  #record(): Octets {
    const random = this.#random
    const length = random.below(20)
    const said = random.once(10) ? random.below(300) : length
    const type = random.pick(TYPES)
    const fixed = [type >> 8, type & 255, 0, 1, 0, 0, 0, 9, said >> 8, said & 255]
    return Uint8Array.of(...this.#name(), ...fixed, ...random.octets(length))
  }

  #opt(): Octets {
    const random = this.#random
    const size = random.pick(SIZES)
    const options = joined(...Array.from({ length: random.pick([0, 0, 1, 1, 2, 5]) }, () => this.#option()))
    const length = random.once(30) ? random.below(300) : options.length
    const version = random.once(20) ? random.below(256) : 0
    const owner = random.once(50) ? this.#name() : Uint8Array.of(0)
    const fixed = [0, 41, size >> 8, size & 255, 0, version, random.once(3) ? 0x80 : 0, 0, length >> 8, length & 255]
    return Uint8Array.of(...owner, ...fixed, ...options)
  }

  #option(): Octets {
    const random = this.#random
    const code = random.pick(OPTION_CODES)
    const isShown = code === 10 && this.#cookies.length > 0 && !random.once(3)
    const data = isShown
      ? random.pick(this.#cookies)
      : random.octets(code === 10 ? random.pick(COOKIE_LENGTHS) : random.below(20))
    const length = random.once(30) ? random.below(300) : data.length
    return Uint8Array.of(code >> 8, code & 255, length >> 8, length & 255, ...data)
  }
}
