/**
 * The shared memory of the name index: what is where. One thread writes ({@link file://./writer.ts}), the threads of
 * the data plane read ({@link file://./reader.ts}).
 */

/** One generation of the index. A generation's numbers only grow; a later one replaces an earlier one as a whole. */
export interface IndexBuffers {
  readonly generation: number
  /** Header, zone table and slots. */
  readonly slots: SharedArrayBuffer
  /** Entries and zone records. Two generations may share it. */
  readonly arena: SharedArrayBuffer
}

/** Words (Int32) of the control block, which the control thread makes once and every thread reads. */
export const CONTROL = {
  /** Counter that moves when there is something new to take: a generation, views, options. */
  generation: 0,
  /** Not 0: threads end. */
  stop: 1,
  /** One of {@link STATE}. */
  state: 2,
} as const

/** Size of the control block. */
export const CONTROL_BYTES = 64

/** Values of the state word. */
export const STATE = {
  /** Nothing is known yet: every query is answered with SERVFAIL. */
  starting: 0,
  serving: 1,
} as const
