/** A text that arrives in pieces. */

/** etcd takes no object above 1.5 MB; a request may be 3 MB. */
const LARGEST_TEXT = 16 * 1024 * 1024

/** See the top of the file. */
export class PartialBytes {
  #parts: Buffer[] = []
  #size = 0

  /** Keeps a copy: a chunk of the network would be held as a whole. @throws SyntaxError beyond any honest object. */
  add(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#size += bytes.length
    if (this.#size > LARGEST_TEXT) throw new SyntaxError(`an object is larger than ${LARGEST_TEXT} bytes`)
    this.#parts.push(Buffer.from(bytes))
  }

  /** The whole text, `bytes` being the last piece; the next one begins from nothing. */
  end(bytes: Buffer): string {
    if (this.#parts.length === 0) return bytes.toString('utf8')
    const text = Buffer.concat([...this.#parts, bytes]).toString('utf8')
    this.#parts = []
    this.#size = 0
    return text
  }
}
