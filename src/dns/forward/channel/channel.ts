/** A way to an upstream: sends questions, and says what came for each. */

/** One question on its way. The channel calls each method from its event, never from within {@link Channel.send}. */
export interface Attempt {
  /** The query; the channel writes the id into its own copy, or here before it is sent. */
  readonly query: Uint8Array
  /**
   * A message came with the right id, from where the question went.
   *
   * @returns whether it answers the question; when not, the channel goes on waiting.
   */
  received(message: Uint8Array): boolean
  /** Nothing will come any more. */
  lost(error: Error): void
}

/**
 * A question that was given up after so long, on a connection from which nothing has come since it was asked, says that
 * nobody is there any more: the connection is closed, for the next question to open another one. The kernel would find
 * that out after minutes. Milliseconds; less than a health check has patience.
 */
export const SILENT_MS = 1500

/** See the top of the file. */
export interface Channel {
  send(attempt: Attempt): void
  /** Forgets an attempt: what comes for it later is dropped. */
  cancel(attempt: Attempt): void
  /** Sends what was put off for a common system call. */
  flush(): void
  close(): void
}
