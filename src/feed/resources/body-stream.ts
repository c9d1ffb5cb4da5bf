/** Large bodies, made and sent in slices: one slice a turn of the event loop, and only while the reader takes them. */
import { Readable } from 'node:stream'

const CHUNK_BYTES = 65_536
/** Milliseconds of work in one turn. */
const SLICE_MS = 5

/** The pieces as they are, put together into chunks. */
export function streamPieces(pieces: readonly Buffer[]): Readable {
  let next = 0
  return sliced(() => {
    if (next >= pieces.length) return null
    const chunk: Buffer[] = []
    for (let bytes = 0; next < pieces.length && bytes < CHUNK_BYTES; next++) {
      const piece = pieces[next] as Buffer
      chunk.push(piece)
      bytes += piece.length
    }
    return Buffer.concat(chunk)
  })
}

/** `{"<key>":[…]}` of the elements, taken one by one. */
export function streamList(key: string, elements: Iterable<unknown>): Readable {
  const iterator = elements[Symbol.iterator]()
  let text = `{${JSON.stringify(key)}:[`
  let isFirst = true
  let isDone = false
  return sliced(() => {
    if (isDone) return null
    const deadline = performance.now() + SLICE_MS
    while (text.length < CHUNK_BYTES && performance.now() < deadline) {
      const step = iterator.next()
      if (step.done === true) {
        isDone = true
        text += ']}'
        break
      }
      text += `${isFirst ? '' : ','}${JSON.stringify(step.value)}`
      isFirst = false
    }
    const chunk = Buffer.from(text)
    text = ''
    return chunk
  })
}

function sliced(make: () => Buffer | null): Readable {
  return new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      setImmediate(() => {
        if (this.destroyed) return
        try {
          this.push(make())
        } catch (error) {
          this.destroy(error as Error)
        }
      })
    },
  })
}
