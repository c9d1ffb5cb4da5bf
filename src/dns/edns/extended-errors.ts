/** What extended errors (RFC 8914) say beyond their code: encoded once, copied into replies. Never what a query held. */

const encoder = new TextEncoder()

/** Texts of our refusals and failures. A text must not tell one network anything about another. */
export const ERROR_TEXT: {
  readonly malformed: Uint8Array
  readonly opcode: Uint8Array
  readonly otherClass: Uint8Array
  readonly transfer: Uint8Array
  readonly noNetwork: Uint8Array
  readonly foreign: Uint8Array
  readonly starting: Uint8Array
  readonly unsynced: Uint8Array
} = {
  malformed: encoder.encode('malformed message'),
  opcode: encoder.encode('only queries are answered'),
  otherClass: encoder.encode('only class IN is served'),
  transfer: encoder.encode('no zone transfer'),
  noNetwork: encoder.encode('source is in no network'),
  foreign: encoder.encode('not a zone of this server'),
  starting: encoder.encode('server is starting'),
  unsynced: encoder.encode('zone has no state yet'),
}
