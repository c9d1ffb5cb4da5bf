/** What extended errors (RFC 8914) say beyond their code: encoded once, copied into replies. Never what a query held. */

const encoder = new TextEncoder()

/** Texts of our refusals and failures. A text must not tell one network anything about another. */
export const ERROR_TEXT: {
  readonly malformed: Uint8Array
  readonly cookie: Uint8Array
  readonly opcode: Uint8Array
  readonly otherClass: Uint8Array
  readonly transfer: Uint8Array
  readonly noNetwork: Uint8Array
  readonly foreign: Uint8Array
  readonly starting: Uint8Array
  readonly unsynced: Uint8Array
  readonly busy: Uint8Array
  readonly stopping: Uint8Array
  readonly unsteady: Uint8Array
  readonly unreachable: Uint8Array
  readonly unanswered: Uint8Array
  readonly unusable: Uint8Array
  readonly looping: Uint8Array
  readonly recursion: Uint8Array
  readonly stale: Uint8Array
  readonly cachedFailure: Uint8Array
} = {
  malformed: encoder.encode('malformed message'),
  cookie: encoder.encode('malformed cookie'),
  opcode: encoder.encode('only queries are answered'),
  otherClass: encoder.encode('only class IN is served'),
  transfer: encoder.encode('no zone transfer'),
  noNetwork: encoder.encode('source is in no network'),
  foreign: encoder.encode('not a zone of this server'),
  starting: encoder.encode('server is starting'),
  unsynced: encoder.encode('zone has no state yet'),
  busy: encoder.encode('too many questions wait for upstreams'),
  stopping: encoder.encode('server is stopping'),
  unsteady: encoder.encode('name changes faster than it can be resolved'),
  unreachable: encoder.encode('no upstream can be reached'),
  unanswered: encoder.encode('no upstream has answered in time'),
  unusable: encoder.encode('no upstream is usable'),
  looping: encoder.encode('forwarding loop'),
  recursion: encoder.encode('recursion is not desired'),
  stale: encoder.encode('answer is out of date'),
  cachedFailure: encoder.encode('failed a moment ago'),
}
