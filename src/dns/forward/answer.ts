/**
 * An answer from outside, in a form that can be copied into any reply.
 *
 * ```
 *   start                                                          end
 *     ┌──────────┬────────────────────────┬──────────┬──────────────┐
 *     │ C0 0C …  │ CNAME www.example.net  │ E0 0C …  │ AAAA 2001::1 │   answers, then authorities: whole RRs
 *     └──────────┴────────────────────────┴──────────┴──────────────┘
 *       owner: the question's name          owner: the name 12 octets behind start
 * ```
 *
 * An owner is `0xC00C` (the question's name, wherever it stands in the reply), `0xE000 | n` (the name that stands spelled
 * out n octets behind `start`), or spelled out. RDATA has no pointer. {@link Reply.appendForeign} makes real pointers.
 */

/** See the drawing. */
export interface ForeignAnswer {
  readonly bytes: DataView
  readonly start: number
  readonly end: number
  /** Records of the answer section. */
  readonly answers: number
  /** Records of the authority section: SOA, NSEC, NSEC3 and their RRSIG. */
  readonly authorities: number
  readonly rcode: number
  /** The upstream has validated it: AD (RFC 4035 section 3.2.3). */
  readonly isAuthentic: boolean
  /** Extended error (RFC 8914); −1: none. */
  readonly infoCode: number
  /** UTF-8. */
  readonly infoText: Uint8Array
}

/** In an owner: the offset of the name from the start of the answer follows in 13 bits. */
export const RELATIVE_POINTER = 0xe000
/** In an owner: the name of the question. */
export const QUESTION_POINTER = 0xc00c

const NO_TEXT = new Uint8Array(0)
const NOTHING = new DataView(new ArrayBuffer(0))

/** An answer without records that says why there is none. */
export function failure(rcode: number, infoCode: number, infoText: Uint8Array = NO_TEXT): ForeignAnswer {
  return {
    bytes: NOTHING,
    start: 0,
    end: 0,
    answers: 0,
    authorities: 0,
    rcode,
    isAuthentic: false,
    infoCode,
    infoText,
  }
}
