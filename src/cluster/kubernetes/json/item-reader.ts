/**
 * Reads a list of the API server item by item while its bytes arrive, so that a list of 250,000 endpoints is never in
 * memory as a whole, neither as text nor as objects.
 *
 * ```
 *   {"kind":"ServiceList","apiVersion":"v1","metadata":{…},"items":[ {…} , {…} , … ]}
 *   └────────────────────────── head ─────────────────────────────┘ └ items, each when its } is there   └ tail
 * ```
 *
 * Only the brackets and strings are looked at here; each item is parsed by the engine's own parser.
 */
import { PartialBytes } from './partial-bytes.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d

/** Of everything around the items. */
const LARGEST_ENVELOPE = 1024 * 1024

type Place = 'head' | 'items' | 'tail'

/** See the top of the file. */
export class ItemReader {
  readonly #item = new PartialBytes()
  #envelope = ''
  #place: Place = 'head'
  #depth = 0
  #isInString = false
  #isEscaped = false

  /** What stood around the items. @throws SyntaxError when the list is not whole. */
  end(): unknown {
    return JSON.parse(this.#envelope)
  }

  /** The items that are complete with this chunk, parsed one at a time. @throws SyntaxError when one is no JSON. */
  *read(chunk: Uint8Array): Generator<unknown> {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    let from = 0
    for (let i = 0; i < bytes.length; i++) {
      const code = bytes[i] as number
      if (this.#isInString) {
        if (this.#isEscaped) this.#isEscaped = false
        else if (code === BACKSLASH) this.#isEscaped = true
        else if (code === QUOTE) this.#isInString = false
      } else if (code === QUOTE) this.#isInString = true
      else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
        if (this.#place === 'items' && this.#depth === 2) from = i
        this.#depth++
        if (code === OPEN_BRACKET && this.#depth === 2 && this.#place === 'head') {
          this.#keep(bytes, from, i + 1)
          from = i + 1
          if (/"items"\s*:\s*\[$/.test(this.#envelope)) this.#place = 'items'
        }
      } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
        this.#depth--
        if (this.#place !== 'items') continue
        if (this.#depth === 2) {
          yield JSON.parse(this.#item.end(bytes.subarray(from, i + 1)))
          from = i + 1
        } else if (this.#depth === 1) {
          this.#place = 'tail'
          from = i
        }
      }
    }
    if (this.#place !== 'items') this.#keep(bytes, from, bytes.length)
    else if (this.#depth > 2) this.#item.add(bytes.subarray(from))
  }

  #keep(bytes: Buffer, from: number, to: number): void {
    this.#envelope += bytes.toString('latin1', from, to)
    if (this.#envelope.length > LARGEST_ENVELOPE) throw new SyntaxError('the list has too much around its items')
  }
}
