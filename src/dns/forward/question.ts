/** A question that goes to an upstream; class IN. */

/** See the top of the file. Two questions are the same when all but `zone` are equal. */
export interface ForeignQuestion {
  /** Wire form, folded. */
  readonly name: Uint8Array
  readonly type: number
  /** DO (RFC 3225). */
  readonly isDnssecOk: boolean
  /** CD (RFC 4035 section 3.2.2). */
  readonly isCheckingDisabled: boolean
  /** Number of the forward zone, which follows from the name. */
  readonly zone: number
}
