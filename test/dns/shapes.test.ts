/**
 * The objects that every query goes through keep the shape (V8's hidden class) that their constructor gave them: code
 * that is optimised for one shape is thrown away when it meets another.
 */
import { setFlagsFromString } from 'node:v8'
import { describe, expect, it } from 'vitest'
import { allocateCounters, Counters } from '#src/dns/counters.ts'
import { Lookup } from '#src/dns/lookup.ts'
import { Query, READ } from '#src/dns/query.ts'
import { Reply } from '#src/dns/reply.ts'
import { Responder } from '#src/dns/responder.ts'
import { MessageVector } from '#src/dns/udp/message-vector.ts'
import { packViews, ViewTable } from '#src/dns/views.ts'
import { NameHash } from '#src/index/hash.ts'
import { IndexReader } from '#src/index/reader.ts'
import { Answering, makeQuery } from '#support/answering.ts'
import { FakeKernel } from '#support/fake-kernel.ts'

setFlagsFromString('--allow-natives-syntax')
// Natives are no syntax that a file of ours could have.
const haveSameMap = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean

const NAMES = [
  'many.zone',
  'x.wild.zone',
  'a.zone',
  'x.old.zone',
  'www.cut.zone',
  '10-0-0-1.pod.zone',
  'no.zone',
  'org',
]
const TYPES = ['A', 'AAAA', 'SRV', 'TXT', 'SOA', 'ANY', 'CNAME', 'DS', 'AXFR']
/** Everything that is not ours is forwarded: the root's name is one octet. */
const FORWARD = [Uint8Array.of(0)]
const OPTIONS = { udpLimit: 1232, nsid: Uint8Array.of(1, 2), chaos: { version: 'v', id: 'i' }, forward: FORWARD }
const CAPACITY = 65_535

function world(): Answering {
  return new Answering()
    .zone('zone')
    .node(
      'many.zone',
      Array.from({ length: 100 }, (_, i) => `AAAA fdaa::${i}`),
    )
    .node('*.wild.zone', ['TXT wild', 'CNAME many.zone'])
    .node('a.zone', ['CNAME b.zone'])
    .node('b.zone', ['CNAME a.zone'])
    .node('old.zone', ['DNAME many.zone'], 'dname')
    .node('cut.zone', ['NS ns.cut.zone', '+ AAAA ns.cut.zone fdaa::1'], 'cut')
    .node('pod.zone', [], 'dashed-addresses')
}

/** Good queries with and without EDNS, then every one of them cut short and with each of its octets changed. */
function* messages(): Generator<Uint8Array> {
  for (const name of NAMES) {
    for (const type of TYPES) {
      for (const udpSize of [null, 512, 4096]) yield makeQuery(name, type, { udpSize, options: [[3, []]] })
    }
  }
  const query = makeQuery('x.wild.zone', 'TXT', { options: [[3, []]] })
  for (let i = 0; i < query.length; i++) {
    yield query.subarray(0, i)
    for (const octet of [0, 1, 0x3f, 0xc0, 0xff]) yield query.with(i, octet)
  }
}

/** The objects of one thread; `use` sends every message through all of them. */
class Parts {
  readonly #world: Answering
  readonly #control = new SharedArrayBuffer(1024)
  readonly name: NameHash = new NameHash()
  readonly query: Query = new Query()
  readonly reply: Reply = new Reply()
  readonly reader: IndexReader
  readonly counters: Counters = new Counters(allocateCounters(1), 0)
  readonly lookup: Lookup
  readonly responder: Responder
  readonly vector: MessageVector = new MessageVector(new FakeKernel([]))
  readonly views: ViewTable = new ViewTable(packViews([]))

  constructor(world: Answering) {
    this.#world = world
    this.reader = new IndexReader(world.writer.buffers, this.#control)
    this.lookup = new Lookup(this.reader, this.reply)
    this.responder = new Responder(this.reader, this.counters, OPTIONS)
  }

  use(): void {
    const out = new Uint8Array(CAPACITY)
    // Served only from the second round on: SERVFAIL takes another way.
    for (const state of [0, 1, 1]) {
      new Int32Array(this.#control)[2] = state
      for (const message of messages()) {
        for (const transport of [0, 1])
          this.responder.respond(message, 0, message.length, out, 0, CAPACITY, 0, transport)
        this.responder.respond(message, 0, message.length, out, 0, 512, -1, 0)
      }
      this.reader.adopt(this.#world.writer.buffers)
      this.responder.configure({ ...OPTIONS, nsid: null, chaos: null, forward: null })
    }
    this.#useAlone()
    this.vector.address(1, 2, 300, 0)
    this.vector.rearm(8)
    this.views.find(new Uint8Array(16), 0)
    this.views.adopt(packViews([]))
    this.counters.observe(64, 12_345)
  }

  /** What the responder has inside, with the same messages. */
  #useAlone(): void {
    this.reply.configure({ udpLimit: 1232, nsid: OPTIONS.nsid, cookie: null, keepaliveMs: 0 }, false)
    const out = new DataView(new ArrayBuffer(CAPACITY))
    for (const message of messages()) {
      if (message.length < 12) continue
      const bytes = new DataView(message.buffer, message.byteOffset, message.byteLength)
      this.query.readEdns(bytes, 0, message.length)
      if (this.query.read(bytes, 0, message.length, this.reader.name) !== READ) continue
      this.reply.open(out, 0, 1232, bytes, 0, this.query.questionEnd, this.query, this.query.asks)
      for (const mayForward of [false, true]) this.lookup.answer(bytes, 12, this.query.type, 0, mayForward)
      this.reply.close(this.query)
      this.name.scan(bytes, 12, message.length)
    }
  }
}

describe('objects of the answer path', () => {
  const index = world()
  const unused = new Parts(index)
  const used = new Parts(index)
  used.use()
  const later = new Parts(index)
  const names = ['name', 'query', 'reply', 'reader', 'counters', 'lookup', 'responder', 'vector', 'views'] as const

  it.each(names)('%s keeps its shape whatever is asked', name => {
    expect(haveSameMap(used[name], unused[name])).toBe(true)
    expect(haveSameMap(used[name], later[name])).toBe(true)
  })

  it('would notice a field that is added', () => {
    expect(haveSameMap(Object.assign(new Query(), { more: 1 }), unused.query)).toBe(false)
  })

  it('have given answers', () => {
    const query = makeQuery('many.zone', 'AAAA')
    expect(used.responder.respond(query, 0, query.length, new Uint8Array(CAPACITY), 0, CAPACITY, 0, 0)).toBeGreaterThan(
      0,
    )
  })
})
