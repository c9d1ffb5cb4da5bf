/** The reading side of the name index; one object for each thread. */
import type { IndexBuffers } from './layout.ts'

/** See the top of the file. */
export class IndexReader {
  #generation = 0

  /** @param control the control block (layout: `CONTROL`), for the state word. */
  constructor(buffers: IndexBuffers, control: SharedArrayBuffer) {
    void control
    this.adopt(buffers)
  }

  /** The generation that is read. */
  get generation(): number {
    return this.#generation
  }

  /** Takes another generation; call it between two queries. */
  adopt(buffers: IndexBuffers): void {
    this.#generation = buffers.generation
  }
}
