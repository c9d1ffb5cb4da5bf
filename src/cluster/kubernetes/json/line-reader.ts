/** Reads a watch: one JSON value a line, parsed as its line is complete. */
import { PartialBytes } from './partial-bytes.ts'

const NEWLINE = 0x0a

/** See the top of the file. */
export class LineReader {
  readonly #line: PartialBytes

  constructor() {
    this.#line = new PartialBytes()
  }

  /** The values of the lines that are complete with this chunk. @throws SyntaxError when one is no JSON. */
  *read(chunk: Uint8Array): Generator<unknown> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let from = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      const text = this.#line.end(bytes.subarray(from, end))
      from = end + 1
      if (text.trim() !== '') yield JSON.parse(text)
    }
    this.#line.add(bytes.subarray(from))
  }
}
