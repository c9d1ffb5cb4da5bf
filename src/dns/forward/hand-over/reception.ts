/** Takes queries that were put off, asks, and makes their replies when the answers are there. */
import { INFO_CODE } from '../../../wire/edns.ts'
import { RCODE } from '../../../wire/record-type.ts'
import { ERROR_TEXT } from '../../edns/extended-errors.ts'
import type { Responder } from '../../responder.ts'
import { DEFERRED } from '../../transport.ts'
import { type ForeignAnswer, failure } from '../answer.ts'
import type { Forwarder } from '../forwarder.ts'
import type { ForeignQuestion } from '../question.ts'

/** A query that waits, and where its reply goes. */
export interface DeferredQuery {
  /** Holds the query until the reply is made. */
  readonly bytes: Uint8Array
  readonly start: number
  readonly length: number
  /** The client's address, 16 octets at `sourceAt`. */
  readonly source: Uint8Array
  readonly sourceAt: number
  readonly view: number
  readonly transport: number
  /** Gives room for the reply; called right before it is made. */
  room(): { readonly bytes: Uint8Array; readonly start: number; readonly capacity: number }
  /** The reply stands in that room; 0: there is none. */
  replied(length: number): void
}

/** Our own names may change while a question is asked, so that another one is to be asked: this often. */
const MAX_ROUNDS = 3
const UNSTEADY: ForeignAnswer = failure(RCODE.SERVFAIL, INFO_CODE.other, ERROR_TEXT.unsteady)

/** See the top of the file. One for the thread that forwards. */
export class Reception {
  readonly #responder: Responder
  readonly #forwarder: Forwarder
  readonly #fault: (error: unknown) => void

  constructor(responder: Responder, forwarder: Forwarder, fault: (error: unknown) => void) {
    this.#responder = responder
    this.#forwarder = forwarder
    this.#fault = fault
  }

  /** Takes a query that this thread or another one has put off. */
  take(query: DeferredQuery): void {
    this.#advance(query, null, null, 0)
  }

  #advance(query: DeferredQuery, question: ForeignQuestion | null, answer: ForeignAnswer | null, round: number): void {
    try {
      const length = this.#reply(query, question, answer)
      if (length !== DEFERRED) {
        query.replied(length)
        return
      }
      const next = this.#responder.deferred()
      if (round === MAX_ROUNDS) query.replied(this.#reply(query, next, UNSTEADY))
      else this.#forwarder.ask(next, given => this.#advance(query, next, given, round + 1))
    } catch (error) {
      this.#fault(error)
      query.replied(0)
    }
  }

  #reply(query: DeferredQuery, question: ForeignQuestion | null, answer: ForeignAnswer | null): number {
    const { bytes, start, length, view, transport, source, sourceAt } = query
    const given = question === null || answer === null ? null : { question, answer }
    const { bytes: out, start: at, capacity } = query.room()
    return this.#responder.resume(bytes, start, length, out, at, capacity, view, transport, given, source, sourceAt)
  }
}
