/** What stands between a record's owner and its data: TTL and class, in either order and both optional, and the type. */
import { TYPE, typeNumber } from '../wire/record-type.ts'
import { MAX_TTL, parseSeconds } from '../wire/ttl.ts'
import type { Token } from './lexer.ts'

/** The head of a record; `next` is the token behind its type. */
export interface RecordHead {
  readonly type: number
  /** Seconds; null when the record has none of its own. */
  readonly ttl: number | null
  readonly next: number
}

/** Why the head cannot be read; `message` is a whole sentence. */
interface HeadFault {
  readonly line: number
  readonly message: string
}

/** Classes other than IN, which zones here cannot have. CLASS1 is IN (RFC 3597 section 5). */
const OTHER_CLASS = /^(?:CH|CHAOS|HS|HESIOD|CS|NONE|CLASS[0-9]{1,5})$/i
const IN_CLASS = /^(?:IN|CLASS1)$/i

/** Reads `[TTL] [class] type` or `[class] [TTL] type` (RFC 1035 section 5.1) from the token `start` on. */
export function parseRecordHead(tokens: readonly Token[], start: number): RecordHead | HeadFault {
  let ttl: number | null = null
  let hasClass = false
  for (let i = start; i < tokens.length; i++) {
    const { text, line, kind } = tokens[i] as Token
    if (kind !== 'plain') return { line, message: `Cannot parse type "${text}": it must stand without quotes` }
    if (!hasClass && IN_CLASS.test(text)) {
      hasClass = true
    } else if (ttl === null && text.charCodeAt(0) <= 0x39) {
      ttl = parseSeconds(text)
      if (ttl === null || ttl > MAX_TTL) return { line, message: ttlFault(text) }
    } else {
      const fault = typeFault(text)
      return fault === null ? { type: typeNumber(text) ?? 0, ttl, next: i + 1 } : { line, message: fault }
    }
  }
  return { line: tokens.at(-1)?.line ?? 0, message: 'Cannot read the record: it has no type' }
}

/** The sentence about a TTL that cannot be read. */
export function ttlFault(text: string): string {
  return `Cannot parse TTL "${text}": it must be seconds or a time such as 1h30m, at most ${MAX_TTL}`
}

function typeFault(text: string): string | null {
  const type = typeNumber(text)
  if (type === null) {
    if (OTHER_CLASS.test(text)) return `Cannot use class "${text}": it must be IN`
    return `Cannot parse type "${text}": it must be one that Waypost knows or TYPE<number> with its data as \\# length hex`
  }
  return isStorable(type) ? null : `Cannot use type "${text}": records of this type exist only in messages`
}

/** Types 128 to 255 are for questions and messages only (RFC 6895 section 3.1), and so is OPT; 0 is reserved. */
function isStorable(type: number): boolean {
  return type !== 0 && type !== TYPE.OPT && (type < 128 || type > 255)
}
