import { describe, expect, it } from 'vitest'
import { allocateCacheFigures, ReaderFigures, readCacheFigures } from '#src/dns/cache/figures.ts'
import { CacheAnswers } from '#src/dns/cache/read/answers.ts'
import { allocateCounters, Counters } from '#src/dns/counters.ts'
import { Responder } from '#src/dns/responder.ts'
import { DEFERRED } from '#src/dns/transport.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '#src/index/layout.ts'
import { IndexReader } from '#src/index/reader.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { ROOT } from '#src/wire/name.ts'
import { makeQuery } from '#support/answering.ts'
import { CacheWorld, RULES } from '#support/cache.ts'
import { infoCodeOf } from '#support/cached-plane.ts'
import { type DecodedMessage, decodeMessage } from '#support/message-decoder.ts'

const SERVFAIL = 2
const STALE = 3

/** A responder of a thread that cannot forward itself, over a cache whose clock stands still. */
class Thread {
  readonly world: CacheWorld = new CacheWorld()
  readonly figures: SharedArrayBuffer = allocateCacheFigures(1)
  readonly #responder: Responder
  readonly #out: Uint8Array = new Uint8Array(1232)

  constructor(hasCache = true) {
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    new Int32Array(control)[CONTROL.state] = STATE.serving
    const index = new IndexWriter({ seed: 1, onGeneration() {}, initialArenaBytes: 1 << 16, initialSlots: 64 })
    const options = { maxBytes: 1 << 20, maxEntries: 1000, rules: RULES, except: [], file: null }
    const { reader } = this.world
    this.#responder = new Responder(
      new IndexReader(index.buffers, control),
      new Counters(allocateCounters(1), 0),
      { udpLimit: 1232, nsid: null, chaos: null, forward: [ROOT] },
      hasCache ? reply => new CacheAnswers(reader, reply, new ReaderFigures(this.figures, 0), options, true) : null,
    )
  }

  /** @returns the reply; null: it is put off. */
  respond(name: string): DecodedMessage | null {
    return this.#play('respond', name)
  }

  /** The reply when nobody can take the query. */
  decline(name: string): DecodedMessage | null {
    return this.#play('decline', name)
  }

  #play(method: 'respond' | 'decline', name: string): DecodedMessage | null {
    const query = makeQuery(name, 'A')
    const length = this.#responder[method](query, 0, query.length, this.#out, 0, 1232, 0, 0)
    return length === DEFERRED ? null : decodeMessage(this.#out.slice(0, length))
  }
}

const ANSWER = { name: 'www.example', type: 'A', answers: ['www.example 60 A 192.0.2.1'] }

describe('a thread that hands queries over', () => {
  it('puts off what is not kept, and answers what is', () => {
    const thread = new Thread()
    expect(thread.respond('www.example')).toBeNull()
    thread.world.put(ANSWER)
    expect(thread.respond('www.example')?.answers.length).toBe(1)
    expect(readCacheFigures(thread.figures)).toMatchObject({ misses: 1, stale: 0 })
  })

  it('puts off what is out of date, and gives it only when nobody can take the query', () => {
    const thread = new Thread()
    thread.world.put(ANSWER)
    thread.world.clock.seconds += 61
    expect(thread.respond('www.example')).toBeNull()
    const reply = thread.decline('www.example')
    expect([reply?.rcode, reply?.answers[0]?.ttl, reply && infoCodeOf(reply)]).toEqual([0, 30, STALE])
    thread.world.clock.seconds += 3600
    expect(thread.decline('www.example')).toMatchObject({ rcode: SERVFAIL, answers: [] })
  })

  it('says SERVFAIL to what nobody can take and nobody has kept', () => {
    expect(new Thread().decline('www.example')).toMatchObject({ rcode: SERVFAIL })
    expect(new Thread(false).decline('www.example')).toMatchObject({ rcode: SERVFAIL })
  })
})
