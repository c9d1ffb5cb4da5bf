/**
 * Cuts a body into turns of the event loop: a list of any size holds the thread for no more than one turn, after which
 * timers, sockets and publishes get theirs.
 */

/** Bytes of JSON that are parsed in one turn: about a millisecond. */
export const TURN_BYTES: number = 64 * 1024

/** Values of a body, as a reader finds them. */
export interface BodyReader {
  read(chunk: Uint8Array): Iterable<unknown>
}

/** What is done with the values. */
export interface BodySink {
  /** One value. */
  take(value: unknown): void
  /** The turn ends. */
  turn(): void
}

/** Reads the whole body. Rejects with what reader, sink or connection throw. */
export async function readInTurns(
  chunks: AsyncIterable<Uint8Array>,
  reader: BodyReader,
  sink: BodySink,
): Promise<void> {
  for await (const chunk of chunks) {
    for (let from = 0; from < chunk.length; from += TURN_BYTES) {
      for (const value of reader.read(chunk.subarray(from, from + TURN_BYTES))) sink.take(value)
      sink.turn()
      await new Promise<void>(resolve => setImmediate(resolve))
    }
  }
}
