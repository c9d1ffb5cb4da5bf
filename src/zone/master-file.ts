/** Reads master files (RFC 1035 section 5): directives, records, and files that are included. */
import { parseNameWord } from '../wire/fields.ts'
import { type Name, NameError } from '../wire/name.ts'
import { parseRdata, RdataError } from '../wire/rdata-text.ts'
import { TYPE } from '../wire/record-type.ts'
import { MAX_TTL, parseSeconds } from '../wire/ttl.ts'
import { FaultList, type ZoneFault } from './fault.ts'
import { type Entry, Lexer, type Token } from './lexer.ts'
import { parseRecordHead, ttlFault } from './record-head.ts'

/** One record as its file says, class IN. */
export interface ZoneRecord {
  readonly name: Name
  readonly type: number
  /** Seconds. */
  readonly ttl: number
  /** Uncompressed. */
  readonly rdata: Uint8Array
  readonly file: string
  readonly line: number
}

/** The text of an included file, or why there is none: `reason` continues the sentence "Cannot include …:". */
export type Included = { readonly file: string; readonly text: string } | { readonly reason: string }

/** A master file and how to get at the files that it includes. */
export interface MasterFileOptions {
  /** Names the file in faults and tells `include` where a relative path begins. */
  readonly file: string
  /** One character an octet (Latin-1), so that octets beyond ASCII keep their value. */
  readonly text: string
  /** What relative names are completed with until the first `$ORIGIN`. */
  readonly origin: Name
  /** Resolves the path of an `$INCLUDE` in the file `from`; `file` of its answer is the same for the same file. */
  include(path: string, from: string): Included
}

/** What a master file says; with faults, `records` holds those that could be read. */
export interface MasterFile {
  readonly records: readonly ZoneRecord[]
  readonly faults: readonly ZoneFault[]
}

/** How deep files may include each other, and how often a zone may include a file. */
const MAX_INCLUDE_DEPTH = 10
const MAX_INCLUDES = 1000

/** What is restored behind an `$INCLUDE` (RFC 1035 section 5.1): the origin, and with it the last owner. */
interface Scope {
  readonly file: string
  /** Files that are open above this one. */
  readonly parents: readonly string[]
  origin: Name
  /** What a record without an owner belongs to: null before the first one, 'unknown' behind one that cannot be read. */
  owner: Name | 'unknown' | null
}

/**
 * Reads a master file with all that it includes. Pure: the caller's `include` does the reading. All faults are found at
 * once, up to a limit.
 */
export function parseMasterFile(options: MasterFileOptions): MasterFile {
  const parser = new Parser(options)
  parser.readFile({ file: options.file, parents: [], origin: options.origin, owner: null }, options.text)
  return { records: parser.records, faults: parser.faults.list() }
}

class Parser {
  readonly records: ZoneRecord[] = []
  readonly faults: FaultList = new FaultList()
  readonly #include: MasterFileOptions['include']
  #includes = 0
  /** `$TTL` (RFC 2308 section 4), the last TTL of a record (RFC 1035 section 5.1), the SOA's minimum: what is first. */
  #defaultTtl: number | null = null
  #lastTtl: number | null = null
  #soaMinimum: number | null = null

  constructor(options: MasterFileOptions) {
    this.#include = (path, from) => options.include(path, from)
  }

  readFile(scope: Scope, text: string): void {
    // An editor's byte order mark is no part of the first owner name.
    const lexer = new Lexer(text.startsWith('\u00ef\u00bb\u00bf') ? text.slice(3) : text)
    for (let entry = lexer.next(); entry !== null && !this.faults.isFull; entry = lexer.next()) {
      if (entry.fault === null) this.#readEntry(scope, entry)
      else this.faults.add(scope.file, entry.fault.line, entry.fault.message)
    }
  }

  #readEntry(scope: Scope, entry: Entry): void {
    const first = entry.tokens[0] as Token
    if (!entry.isOwnerBlank && first.kind === 'plain' && first.text.startsWith('$')) this.#readDirective(scope, entry)
    else this.#readRecord(scope, entry)
  }

  #readDirective(scope: Scope, entry: Entry): void {
    const [directive, argument, second] = entry.tokens
    const name = directive?.text.toUpperCase()
    const allowed = name === '$INCLUDE' ? 2 : 1
    if (name !== '$ORIGIN' && name !== '$TTL' && name !== '$INCLUDE') {
      this.#fail(scope, entry, `Cannot use directive "${directive?.text}": it must be $ORIGIN, $TTL or $INCLUDE`)
    } else if (argument === undefined || entry.tokens.length > allowed + 1) {
      this.#fail(
        scope,
        entry,
        `Cannot read ${name}: it takes ${allowed === 1 ? 'one word' : 'a file and perhaps a name'}`,
      )
    } else if (name === '$ORIGIN') {
      scope.origin = this.#parseName(scope, argument) ?? scope.origin
    } else if (name === '$TTL') {
      const ttl = parseSeconds(argument.text)
      if (ttl === null || ttl > MAX_TTL) this.#fail(scope, argument, ttlFault(argument.text))
      else this.#defaultTtl = ttl
    } else {
      this.#readInclude(scope, argument, second)
    }
  }

  #readInclude(scope: Scope, path: Token, originWord: Token | undefined): void {
    const origin = originWord === undefined ? scope.origin : this.#parseName(scope, originWord)
    if (origin === null) return
    const parents = [...scope.parents, scope.file]
    const included = this.#include(path.text, scope.file)
    const reason = 'reason' in included ? included.reason : this.#includeFault(parents, included.file)
    if (reason !== null) this.#fail(scope, path, `Cannot include "${path.text}": ${reason}`)
    else if ('text' in included) this.readFile({ file: included.file, parents, origin, owner: null }, included.text)
  }

  #includeFault(parents: readonly string[], file: string): string | null {
    if (parents.includes(file)) return 'it would include itself'
    if (parents.length > MAX_INCLUDE_DEPTH) return `files can be nested ${MAX_INCLUDE_DEPTH} deep`
    return ++this.#includes > MAX_INCLUDES ? `a zone can include ${MAX_INCLUDES} files` : null
  }

  #readRecord(scope: Scope, entry: Entry): void {
    const { tokens } = entry
    if (!entry.isOwnerBlank) scope.owner = this.#parseName(scope, tokens[0] as Token) ?? 'unknown'
    else if (scope.owner === null) {
      this.#fail(
        scope,
        entry,
        'Cannot read the record: it begins with white space, but there is no owner name before it',
      )
      scope.owner = 'unknown'
    }
    const head = parseRecordHead(tokens, entry.isOwnerBlank ? 0 : 1)
    if ('message' in head) {
      this.#fail(scope, head, head.message)
      return
    }
    const rdata = this.#parseRdata(scope, tokens, head.type, head.next)
    if (head.ttl !== null) this.#lastTtl = head.ttl
    if (rdata === null) return
    if (head.type === TYPE.SOA) this.#soaMinimum = uint32At(rdata, rdata.length - 4)
    const ttl = head.ttl ?? this.#defaultTtl ?? this.#lastTtl ?? this.#soaMinimum
    if (ttl === null) {
      this.#fail(scope, entry, 'Cannot read the record: it has no TTL, and no $TTL, TTL or SOA record is before it')
      this.#lastTtl = 0
      return
    }
    if (scope.owner === 'unknown' || scope.owner === null) return
    this.records.push({ name: scope.owner, type: head.type, ttl, rdata, file: scope.file, line: entry.line })
  }

  #parseRdata(scope: Scope, tokens: readonly Token[], type: number, start: number): Uint8Array | null {
    try {
      return parseRdata(type, tokens, start, scope.origin)
    } catch (error) {
      if (!(error instanceof RdataError)) throw error
      this.#fail(scope, tokens[error.word] as Token, error.message)
      return null
    }
  }

  #parseName(scope: Scope, token: Token): Name | null {
    if (token.kind !== 'plain') {
      this.#fail(scope, token, `Cannot parse name "${token.text}": it must stand without quotes`)
      return null
    }
    try {
      return parseNameWord(token.text, scope.origin)
    } catch (error) {
      if (!(error instanceof NameError)) throw error
      this.#fail(scope, token, error.message)
      return null
    }
  }

  #fail(scope: Scope, at: { readonly line: number }, message: string): void {
    this.faults.add(scope.file, at.line, message)
  }
}

function uint32At(octets: Uint8Array, at: number): number {
  return new DataView(octets.buffer, octets.byteOffset).getUint32(at)
}
