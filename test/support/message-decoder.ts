/** A strict decoder of DNS messages (RFC 1035 section 4.1), independent of the code under test. */

export interface DecodedRecord {
  /** Text with the final dot, in the case of the message. */
  readonly name: string
  readonly type: number
  readonly class: number
  readonly ttl: number
  readonly rdata: Uint8Array
  /** RDATA as text where the type is known: an address in full hexadecimal, names and numbers, else hexadecimal. */
  readonly data: string
}

export interface DecodedOpt {
  readonly udpSize: number
  readonly extendedRcode: number
  readonly version: number
  readonly flags: number
  readonly options: readonly { readonly code: number; readonly data: Uint8Array }[]
}

export interface DecodedMessage {
  readonly id: number
  readonly qr: boolean
  readonly opcode: number
  readonly aa: boolean
  readonly tc: boolean
  readonly rd: boolean
  readonly ra: boolean
  /** Z, AD and CD. */
  readonly rest: number
  /** With the upper bits from OPT. */
  readonly rcode: number
  readonly question: { readonly name: string; readonly type: number; readonly class: number } | null
  readonly answers: readonly DecodedRecord[]
  readonly authorities: readonly DecodedRecord[]
  readonly additionals: readonly DecodedRecord[]
  readonly opt: DecodedOpt | null
}

/** Decodes a whole message. @throws Error when anything in it is malformed or left over. */
export function decodeMessage(bytes: Uint8Array): DecodedMessage {
  const reader = new MessageReader(bytes)
  const [id, flags, questions, ...counts] = Array.from({ length: 6 }, () => reader.u16())
  if (id === undefined || flags === undefined || questions === undefined || questions > 1) throw new Error('bad header')
  const question = questions === 0 ? null : { name: reader.name(), type: reader.u16(), class: reader.u16() }
  const [answers = [], authorities = [], additionals = []] = counts.map(count =>
    Array.from({ length: count }, () => reader.record()),
  )
  if (!reader.isAtEnd) throw new Error('octets are left over')
  const opts = additionals.filter(record => record.type === 41)
  if (opts.length > 1) throw new Error('two OPT records')
  const opt = opts[0] === undefined ? null : decodeOpt(opts[0])
  return {
    id,
    qr: (flags & 0x8000) !== 0,
    opcode: (flags >> 11) & 15,
    aa: (flags & 0x400) !== 0,
    tc: (flags & 0x200) !== 0,
    rd: (flags & 0x100) !== 0,
    ra: (flags & 0x80) !== 0,
    rest: (flags >> 4) & 7,
    rcode: (flags & 15) | ((opt?.extendedRcode ?? 0) << 4),
    question,
    answers,
    authorities,
    additionals: additionals.filter(record => record.type !== 41),
    opt,
  }
}

/** `name type data`, for comparing sections in one line each. */
export function recordLines(records: readonly DecodedRecord[]): string[] {
  return records.map(({ name, type, ttl, data }) => `${name} ${ttl} ${TYPES[type] ?? type} ${data}`)
}

const TYPES: Record<number, string> = {
  1: 'A',
  2: 'NS',
  5: 'CNAME',
  6: 'SOA',
  12: 'PTR',
  13: 'HINFO',
  15: 'MX',
  16: 'TXT',
  28: 'AAAA',
  33: 'SRV',
  39: 'DNAME',
  43: 'DS',
}

function decodeOpt({ name, class: udpSize, ttl, rdata }: DecodedRecord): DecodedOpt {
  if (name !== '.') throw new Error('the owner of OPT is not the root')
  const options: { code: number; data: Uint8Array }[] = []
  const reader = new MessageReader(rdata)
  while (!reader.isAtEnd) options.push({ code: reader.u16(), data: reader.octets(reader.u16()) })
  return { udpSize, extendedRcode: ttl >>> 24, version: (ttl >>> 16) & 255, flags: ttl & 0xffff, options }
}

class MessageReader {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length
  }

  u8(): number {
    const octet = this.#bytes[this.#at++]
    if (octet === undefined) throw new Error('the message is cut off')
    return octet
  }

  u16(): number {
    return this.u8() * 256 + this.u8()
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16()
  }

  octets(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.u8())
  }

  /** A name, compressed or not; every pointer must lead backwards, so that names end. */
  name(): string {
    let text = ''
    let octets = 1
    let resume = -1
    for (;;) {
      const start = this.#at
      const length = this.u8()
      if (length >= 0xc0) {
        const target = (length & 0x3f) * 256 + this.u8()
        if (target >= start) throw new Error('a pointer leads forward')
        if (resume < 0) resume = this.#at
        this.#at = target
        continue
      }
      if (length === 0) break
      if (length > 63) throw new Error('a label is too long')
      octets += length + 1
      text += `${String.fromCharCode(...this.octets(length))}.`
    }
    if (octets > 255) throw new Error('a name is too long')
    if (resume >= 0) this.#at = resume
    return text === '' ? '.' : text
  }

  record(): DecodedRecord {
    const name = this.name()
    const [type, recordClass, ttl, length] = [this.u16(), this.u16(), this.u32(), this.u16()]
    const start = this.#at
    const rdata = this.octets(length)
    this.#at = start
    const data = this.data(type, length)
    if (this.#at !== start + length) throw new Error('RDATA is longer or shorter than it says')
    return { name, type, class: recordClass, ttl, rdata, data }
  }

  data(type: number, length: number): string {
    if (type === 2 || type === 5 || type === 12 || type === 39) return this.name()
    if (type === 6) {
      return [this.name(), this.name(), ...Array.from({ length: 5 }, () => this.u32())].join(' ')
    }
    if (type === 15) return `${this.u16()} ${this.name()}`
    if (type === 33) return `${this.u16()} ${this.u16()} ${this.u16()} ${this.name()}`
    if (type === 1) return Array.from({ length: 4 }, () => this.u8()).join('.')
    return Array.from(this.octets(length), octet => octet.toString(16).padStart(2, '0')).join('')
  }
}
