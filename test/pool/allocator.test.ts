import { describe, expect, it } from 'vitest'
import { formatAddress } from '#src/ip/address.ts'
import type { ClaimRequest } from '#src/pool/claims.ts'
import { address, prefix } from '#support/ip.ts'
import { app, type Fixture, fixture, NETWORK, naming, only, outcome, REST, request, service } from './support.ts'

const TAKEN = 'WAY_ADDRESS_TAKEN'
const EXHAUSTED = 'WAY_POOL_EXHAUSTED'
const OUTSIDE = '2001:db8::1'
const STATIC = 'fdaa:0:48c8:0:1::1a'

function addresses(fix: Fixture, name: string): string[] {
  return fix.allocator.addressesOf(NETWORK, service(name)).map(a => formatAddress(a))
}

function release(fix: Fixture, ...names: string[]): void {
  fix.allocator.release(names.map(name => ({ network: NETWORK, owner: service(name) })))
}

/** A full /124: fourteen Services hold every address that placement gives. */
function fullPool(restMs = REST): Fixture {
  const fix = fixture('fdaa::/124', restMs)
  for (const result of fix.claim(...Array.from({ length: 14 }, (_, i) => request(`s${i}`)))) {
    expect(result.ok).toBe(true)
  }
  return fix
}

describe('a placed address', () => {
  it('stays with its owner, however often it asks and across restarts, without a write', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    const writes = fix.store.writes
    expect(only(fix.claim(request('kuard'))[0])).toBe(first)
    fix.restart()
    expect(addresses(fix, 'kuard')).toEqual([first])
    expect(only(fix.claim(request('kuard'))[0])).toBe(first)
    expect(fix.store.writes).toBe(writes)
  })

  it('is the same after delete and re-create, while it rests, after its rest, and after a loss of all state', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    release(fix, 'kuard')
    expect(only(fix.claim(request('kuard'))[0])).toBe(first)
    release(fix, 'kuard')
    fix.now += REST
    expect(fix.allocator.holderOf(NETWORK, address(first))).toBe(null)
    expect(only(fix.claim(request('kuard'))[0])).toBe(first)
    expect(only(fixture().claim(request('kuard'))[0])).toBe(first)
  })

  it('is the same for a set of owners loaded at once, whatever their order', () => {
    const requests = Array.from({ length: 200 }, (_, i) => request(`s${i}`))
    requests.push(naming('x', ['fdaa::20']), naming('y', ['fdaa::21'], 5), request(app('shop')))
    const places = (order: readonly ClaimRequest[]): Map<string, string> => {
      const results = fixture('fdaa::/120').claim(...order)
      return new Map(order.map(({ owner }, i) => [owner.name, only(results[i])]))
    }
    const one = places(requests)
    expect(places(requests.toReversed())).toEqual(one)
    expect(places(requests.toSorted((a, b) => (a.owner.name.slice(-1) < b.owner.name.slice(-1) ? -1 : 1)))).toEqual(one)
    expect(new Set(one.values()).size).toBe(requests.length)
  })

  it('moves into the new pool at the next claim when the pool has changed, and the old one rests', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    fix.claim(naming('fixed', [STATIC]), request(app('shop')))
    const shop = only(fix.claim(request(app('shop')))[0])
    fix.restart('fdaa:0:48c8:0:2::/112')
    expect(addresses(fix, 'kuard')).toEqual([first])
    expect(only(fix.claim(request('kuard'))[0])).toMatch(/^fdaa:0:48c8:0:2::/)
    expect(fix.allocator.holderOf(NETWORK, address(first))?.state).toBe('resting')
    expect(only(fix.claim(request('fixed'))[0])).toBe(STATIC)
    expect(only(fix.claim(request(app('shop')))[0])).toBe(shop)
  })

  it('stays when the network has no pool any more; a new owner is told that there is none', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    fix.restart(null)
    expect(fix.claim(request('kuard'), request('new')).map(outcome)).toEqual([[first], 'WAY_POOL_FAMILY'])
  })
})

describe('an address that rests', () => {
  it('is given to nobody else by placement, even when nothing else is free, until its rest ends', () => {
    const fix = fullPool()
    fix.now += 1000
    release(fix, 's3')
    const [address] = fix.store.rows.values().filter(row => row.state === 'resting')
    const refused = fix.claim(request('new'))[0]
    expect(refused).toMatchObject({ ok: false, code: EXHAUSTED, retryAt: fix.now + REST })
    expect(fix.allocator.nextEvent()).toBe(fix.now + REST)
    fix.now += REST - 1
    expect(outcome(fix.claim(request('new'))[0])).toBe(EXHAUSTED)
    const version = fix.allocator.version
    fix.now += 1
    expect(fix.allocator.nextEvent()).toBe(null)
    expect(fix.allocator.version).toBeGreaterThan(version)
    expect(only(fix.claim(request('new'))[0])).toBe(formatAddress(address?.address ?? new Uint8Array(16)))
  })

  it('goes back to its own owner at once', () => {
    const fix = fullPool()
    const before = addresses(fix, 's3')
    release(fix, 's3')
    expect(fix.claim(request('new'), request('s3')).map(outcome)).toEqual([EXHAUSTED, before])
  })

  it('goes at once to an owner that names it', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    release(fix, 'kuard')
    expect(only(fix.claim(naming('other', [first]))[0])).toBe(first)
    expect(only(fix.claim(request('kuard'))[0])).not.toBe(first)
  })

  it('rests on across a restart until the same moment', () => {
    const fix = fullPool()
    release(fix, 's3')
    const until = fix.now + REST
    fix.now += 5000
    fix.restart()
    expect(fix.allocator.nextEvent()).toBe(until)
    expect(fix.claim(request('new'))[0]).toMatchObject({ code: EXHAUSTED, retryAt: until })
  })

  it('rests no longer than the configured time, whatever the clock said when it was released', () => {
    const fix = fullPool()
    fix.now += 86_400_000
    release(fix, 's3')
    fix.now -= 86_400_000
    fix.restart()
    expect(fix.allocator.nextEvent()).toBe(fix.now + REST)
  })

  it('is free at once when the rest is 0', () => {
    const fix = fullPool(0)
    const version = fix.allocator.version
    release(fix, 's3')
    expect(fix.allocator.version).toBeGreaterThan(version)
    expect(fix.claim(request('new'))[0]?.ok).toBe(true)
    expect(fix.allocator.nextEvent()).toBe(null)
  })

  it('leaves its row in the ledger no longer than the next write after its end', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    release(fix, 'kuard')
    fix.now += REST
    expect([...fix.allocator.claims()]).toEqual([])
    expect(fix.store.rows.size).toBe(1)
    fix.claim(request('other'))
    expect([...fix.store.rows.values()].map(row => formatAddress(row.address))).not.toContain(first)
    expect(fix.store.rows.size).toBe(1)
    expect(fix.store.deleted).toBe(1)
    fix.claim(request('third'))
    expect(fix.store.deleted).toBe(1)
  })

  it('may end together with thousands of others', () => {
    const fix = fixture('fdaa::/115')
    const many = Array.from({ length: 8190 }, (_, i) => request(`s${i}`))
    expect(fix.claim(...many).every(result => result.ok)).toBe(true)
    fix.allocator.release([...fix.allocator.claims()])
    fix.now += REST
    const again = fix.claim(...many.map((_, i) => request(`t${i}`)))
    expect(again.every(result => result.ok)).toBe(true)
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 8190, resting: 0, free: 0n })
  })

  it('does not lose the row of a claim that was made on it after its end', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    release(fix, 'kuard')
    fix.now += REST
    fix.allocator.nextEvent()
    fix.claim(naming('other', [first]))
    fix.claim(request('third'))
    fix.restart()
    expect(addresses(fix, 'other')).toEqual([first])
  })

  it('does not lose the rows of claims on more addresses than are pruned at a time', () => {
    const fix = fixture()
    const many = Array.from({ length: 1100 }, (_, i) => request(`s${i}`))
    const texts = fix.claim(...many).map(only)
    fix.allocator.release(many)
    fix.now += REST
    fix.claim(...texts.map((text, i) => naming(`t${i}`, [text])))
    fix.claim(request('another'))
    fix.restart()
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 1101, resting: 0 })
  })

  it('is the last one an owner had, when several rest for it', () => {
    const fix = fixture()
    fix.claim(naming('kuard', [STATIC]))
    fix.now += 1
    fix.claim(naming('kuard', ['fdaa:0:48c8:0:1::1b']))
    fix.now += 1
    release(fix, 'kuard')
    expect(only(fix.claim(request('kuard'))[0])).toBe('fdaa:0:48c8:0:1::1b')
  })
})

describe('an address that its owner names', () => {
  it.each([STATIC, 'fdaa:0:48c8:0:1::', 'fdaa:0:48c8:0:1::1', 'fdaa:0:48c8:0:1::ffff'])('is adopted: %s', text => {
    const result = fixture().claim(naming('kuard', [text]))[0]
    expect(only(result)).toBe(text)
    expect(result).toMatchObject({ outside: [] })
  })

  it.each([OUTSIDE, '10.96.0.10'])('is adopted outside the pool and said to be there: %s', text => {
    expect(fixture().claim(naming('kuard', [text]))[0]).toEqual({
      ok: true,
      addresses: [address(text)],
      outside: [address(text)],
    })
  })

  it('belongs to its present holder on a running server, even when an older owner names it', () => {
    const fix = fixture()
    fix.claim(naming('young', [STATIC], 2000))
    const refused = fix.claim(naming('old', [STATIC], 1000))[0]
    expect(refused).toMatchObject({ ok: false, code: TAKEN, retryAt: null })
    expect(refused).toMatchObject({
      message: `Cannot give ${STATIC} to Service default/old: it belongs to Service default/young`,
    })
  })

  it('goes to the older of two new owners, then to the first by name; no creation time is the youngest', () => {
    const order = (...requests: ClaimRequest[]): unknown[] =>
      fixture()
        .claim(...requests)
        .map(outcome)
    expect(order(naming('a', [STATIC], 2000), naming('b', [STATIC], 1000))).toEqual([TAKEN, [STATIC]])
    expect(order(naming('b', [STATIC], 1000), naming('a', [STATIC], 1000))).toEqual([TAKEN, [STATIC]])
    expect(order(naming('a', [STATIC]), naming('b', [STATIC], 1000))).toEqual([TAKEN, [STATIC]])
    expect(order(naming('b', [STATIC]), naming('a', [STATIC]))).toEqual([TAKEN, [STATIC]])
  })

  it('is taken before anything is placed', () => {
    const wanted = only(fixture().claim(request('a'))[0])
    const results = fixture().claim(request('a'), naming('z', [wanted]))
    expect(only(results[1])).toBe(wanted)
    expect(only(results[0])).not.toBe(wanted)
  })

  it('is all or nothing: with one address taken the owner gets none and keeps none', () => {
    const fix = fixture()
    fix.claim(naming('holder', ['10.96.0.1']), naming('other', [STATIC, '10.96.0.2']))
    expect(outcome(fix.claim(naming('other', [STATIC, '10.96.0.1']))[0])).toBe(TAKEN)
    expect(addresses(fix, 'other')).toEqual([])
    expect(fix.allocator.holderOf(NETWORK, address(STATIC))?.state).toBe('resting')
    expect(only(fix.claim(naming('third', [STATIC]))[0])).toBe(STATIC)
  })

  it('replaces what the owner had, which rests', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    expect(only(fix.claim(naming('kuard', [STATIC]))[0])).toBe(STATIC)
    expect(fix.allocator.holderOf(NETWORK, address(first))).toMatchObject({ state: 'resting', until: fix.now + REST })
  })

  it('may be the one it has been given: that changes nothing', () => {
    const fix = fixture()
    const first = only(fix.claim(request('kuard'))[0])
    const writes = fix.store.writes
    expect(only(fix.claim(naming('kuard', [first]))[0])).toBe(first)
    expect(fix.store.writes).toBe(writes)
  })

  it('stays when the owner does not name it any more, as Kubernetes keeps it, and across a restart', () => {
    const fix = fixture()
    fix.claim(naming('one', [OUTSIDE]), naming('two', ['10.96.0.9', STATIC]))
    fix.restart()
    expect(fix.claim(request('one'), request('two')).map(outcome)).toEqual([[OUTSIDE], ['10.96.0.9', STATIC]])
  })

  it('can be exchanged between two owners in one batch', () => {
    const fix = fixture()
    fix.claim(naming('a', [STATIC]), naming('b', [OUTSIDE]))
    expect(fix.claim(naming('a', [OUTSIDE]), naming('b', [STATIC])).map(outcome)).toEqual([[OUTSIDE], [STATIC]])
  })

  it('is a claim of each network by itself', () => {
    const fix = fixture()
    const elsewhere = { ...naming('b', [STATIC]), network: 'other' }
    expect(fix.claim(naming('a', [STATIC]), elsewhere).map(outcome)).toEqual([[STATIC], [STATIC]])
  })

  it('counts once when it is named twice', () => {
    const both = { explicit: [address('10.96.0.9'), address('10.96.0.9')] }
    const fix = fixture()
    const [result] = fix.claim(request('kuard', both))
    expect(outcome(result)).toHaveLength(2)
    expect(outcome(fix.claim(request('kuard', both))[0])).toEqual(outcome(result))
  })
})

describe('a dual-stack owner', () => {
  const dual = (name: string, v4: string): ClaimRequest => request(name, { explicit: [address(v4)] })

  it('gets the address it names and one of the pool after it', () => {
    const fix = fixture()
    const placed = only(fixture().claim(request('kuard'))[0])
    expect(outcome(fix.claim(dual('kuard', '10.96.0.9'))[0])).toEqual(['10.96.0.9', placed])
    expect(fix.claim(dual('kuard', '10.96.0.9'))[0]).toMatchObject({ outside: [address('10.96.0.9')] })
    fix.restart()
    expect(addresses(fix, 'kuard')).toEqual(['10.96.0.9', placed])
  })

  it('keeps its placed address when it begins or ceases to name another', () => {
    const fix = fixture()
    const placed = only(fix.claim(request('kuard'))[0])
    expect(outcome(fix.claim(dual('kuard', '10.96.0.9'))[0])).toEqual(['10.96.0.9', placed])
    expect(outcome(fix.claim(dual('kuard', '10.96.0.8'))[0])).toEqual(['10.96.0.8', placed])
    expect(outcome(fix.claim(request('kuard'))[0])).toEqual(['10.96.0.8', placed])
    expect(outcome(fix.claim(naming('kuard', ['10.96.0.8']))[0])).toEqual(['10.96.0.8'])
  })

  it('gets nothing from a full pool, and does not change the ledger by trying again', () => {
    const fix = fullPool()
    expect(outcome(fix.claim(dual('kuard', '10.96.0.9'))[0])).toBe(EXHAUSTED)
    const { version } = fix.allocator
    const writes = fix.store.writes
    expect(outcome(fix.claim(dual('kuard', '10.96.0.9'))[0])).toBe(EXHAUSTED)
    expect([fix.store.writes, fix.allocator.version]).toEqual([writes, version])
    expect(fix.allocator.holderOf(NETWORK, address('10.96.0.9'))).toBe(null)
  })

  it('gives the address it named back when the pool fills up in the same batch', () => {
    const fix = fullPool(0)
    release(fix, 's3')
    const pool = Array.from({ length: 14 }, (_, i) => `fdaa::${(i + 2).toString(16)}`)
    const last = pool.filter(text => fix.allocator.holderOf(NETWORK, address(text)) === null)
    const version = fix.allocator.version
    const results = fix.claim(dual('kuard', '10.96.0.9'), naming('z', last))
    expect(outcome(results[1])).toHaveLength(1)
    expect(outcome(results[0])).toBe(EXHAUSTED)
    expect(fix.allocator.holderOf(NETWORK, address('10.96.0.9'))).toBe(null)
    expect(fix.allocator.version).toBeGreaterThan(version)
  })

  it('keeps IPv4 and lets IPv6 go when it takes IPv4 only; without one it is told why', () => {
    const fix = fixture()
    fix.claim(dual('kuard', '10.96.0.9'))
    const single = { place: false }
    expect(fix.claim(request('kuard', single), request('new', single)).map(outcome)).toEqual([
      ['10.96.0.9'],
      'WAY_POOL_FAMILY',
    ])
  })
})

describe('the cold start', () => {
  it('lets a Service of the ledger that has not come back yield to one that names its address', () => {
    const fix = fixture()
    const first = only(fix.claim(request('gone'))[0])
    fix.restart()
    expect(only(fix.claim(naming('new', [first]))[0])).toBe(first)
    fix.allocator.settle(NETWORK)
    expect(addresses(fix, 'gone')).toEqual([])
    expect(addresses(fix, 'new')).toEqual([first])
  })

  it('serves explicit addresses first, then what the ledger holds, then the rest', () => {
    const fix = fixture()
    const first = only(fix.claim(request('placed'))[0])
    fix.restart()
    const results = fix.claim(request('placed'), naming('z', [first]))
    expect(only(results[1])).toBe(first)
    expect(only(results[0])).not.toBe(first)
  })

  it('gives an address that two name to the older, whoever held it', () => {
    const fix = fixture()
    fix.claim(naming('young', [STATIC], 2000))
    fix.restart()
    expect(fix.claim(naming('young', [STATIC], 2000), naming('old', [STATIC], 1000)).map(outcome)).toEqual([
      TAKEN,
      [STATIC],
    ])
  })

  it('never takes an address from an app or from a Service that has come back', () => {
    const fix = fixture()
    const shop = only(fix.claim(request(app('shop')))[0])
    const kuard = only(fix.claim(request('kuard'))[0])
    fix.restart()
    fix.claim(request('kuard'))
    expect(fix.claim(naming('a', [shop], 1), naming('b', [kuard], 1)).map(outcome)).toEqual([TAKEN, TAKEN])
  })

  it('ends with settle: what did not come back rests from then on; apps stay', () => {
    const fix = fixture()
    const gone = only(fix.claim(request('gone'))[0])
    const shop = only(fix.claim(request(app('shop')))[0])
    const kept = only(fix.claim(request('kept'))[0])
    fix.now += 10 * REST
    fix.restart()
    fix.claim(request('kept'))
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 3, unconfirmed: 1 })
    const version = fix.allocator.version
    fix.allocator.settle(NETWORK)
    expect(fix.allocator.version).toBeGreaterThan(version)
    expect(fix.allocator.holderOf(NETWORK, address(gone))).toMatchObject({ state: 'resting', until: fix.now + REST })
    expect(fix.allocator.holderOf(NETWORK, address(kept))?.state).toBe('bound')
    expect(fix.allocator.holderOf(NETWORK, address(shop))?.state).toBe('bound')
    const writes = fix.store.writes
    fix.allocator.settle(NETWORK)
    expect(fix.store.writes).toBe(writes)
  })

  it('does not settle what came back and was refused a change', () => {
    const fix = fixture()
    fix.claim(naming('kuard', [STATIC]))
    fix.restart()
    fix.store.full = true
    expect(outcome(fix.claim(naming('kuard', [OUTSIDE]))[0])).toBe('WAY_LEDGER_WRITE')
    expect(addresses(fix, 'kuard')).toEqual([STATIC])
    fix.store.full = false
    expect(only(fix.claim(naming('kuard', [OUTSIDE]))[0])).toBe(OUTSIDE)
    fix.allocator.settle(NETWORK)
    expect(addresses(fix, 'kuard')).toEqual([OUTSIDE])
  })
})

describe('an app', () => {
  it('has a durable address of the same pool until it is released, and gets it again', () => {
    const fix = fixture()
    const first = only(fix.claim(request(app('shop')))[0])
    fix.restart()
    fix.allocator.settle(NETWORK)
    expect(only(fix.claim(request(app('shop')))[0])).toBe(first)
    fix.allocator.release([{ network: NETWORK, owner: app('shop') }])
    expect(fix.allocator.addressesOf(NETWORK, app('shop'))).toEqual([])
    expect(only(fix.claim(request(app('shop')))[0])).toBe(first)
  })

  it('is another owner than a Service of the same name', () => {
    const fix = fixture()
    const results = fix.claim(request(app('x')), request({ kind: 'Service', name: 'x' }))
    expect(new Set(results.map(only)).size).toBe(2)
  })
})

describe('a full ledger', () => {
  it('refuses what needs a write and changes nothing; what holds without one holds', () => {
    const fix = fixture()
    const kept = only(fix.claim(request('kept'))[0])
    const moved = only(fix.claim(request('moved'))[0])
    const before = [...fix.allocator.claims()]
    fix.store.full = true
    const results = fix.claim(request('new'), naming('moved', [STATIC]), request('kept'), naming('thief', [kept]))
    expect(results.map(outcome)).toEqual(['WAY_LEDGER_WRITE', 'WAY_LEDGER_WRITE', [kept], TAKEN])
    expect(results[0]).toMatchObject({ retryAt: fix.now + 1000 })
    expect([...fix.allocator.claims()]).toEqual(before)
    expect(() => release(fix, 'moved')).toThrow(expect.objectContaining({ code: 'WAY_LEDGER_WRITE' }))
    expect(addresses(fix, 'moved')).toEqual([moved])
    fix.restart()
    expect(() => fix.allocator.settle(NETWORK)).toThrow(expect.objectContaining({ code: 'WAY_LEDGER_WRITE' }))
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 2, unconfirmed: 2 })
    fix.store.full = false
    expect(fix.claim(request('new'), request('kept')).map(only)).toHaveLength(2)
    fix.allocator.settle(NETWORK)
    expect(addresses(fix, 'moved')).toEqual([])
  })
})

describe('who waits', () => {
  it('sees the version grow when a holder lets go, and only then', () => {
    const fix = fixture()
    fix.claim(naming('holder', [STATIC]), naming('waiter', [STATIC]))
    const version = fix.allocator.version
    expect(outcome(fix.claim(naming('waiter', [STATIC]))[0])).toBe(TAKEN)
    fix.claim(request('unrelated'))
    expect(fix.allocator.version).toBe(version)
    release(fix, 'holder')
    expect(fix.allocator.version).toBeGreaterThan(version)
    expect(only(fix.claim(naming('waiter', [STATIC]))[0])).toBe(STATIC)
  })

  it('is counted until it is served or released', () => {
    const fix = fullPool()
    fix.claim(request('a'), request('b'))
    expect(fix.allocator.stats(NETWORK)).toEqual({
      prefixes: [prefix('fdaa::/124')],
      size: 16n,
      free: 0n,
      bound: 14,
      reserved: 0,
      resting: 0,
      waiting: 2,
      unconfirmed: 0,
      allocations: 14,
      refusals: 2,
      reservations: 0,
      committed: 0,
      lapsed: 0,
    })
    release(fix, 'a', 's1')
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 13, resting: 1, waiting: 1, free: 0n })
    fix.now += REST
    fix.claim(request('b'))
    expect(fix.allocator.stats(NETWORK)).toMatchObject({
      bound: 14,
      resting: 0,
      waiting: 0,
      allocations: 15,
      refusals: 2,
    })
  })

  it('is told the end of the first rest of a pool address, not that of an address nobody is placed on', () => {
    const fix = fullPool()
    fix.claim(naming('v4', ['10.96.0.9']))
    release(fix, 'v4')
    expect(fix.claim(request('new'))[0]).toMatchObject({ code: EXHAUSTED, retryAt: null })
    fix.now += 1000
    release(fix, 's1')
    expect(fix.claim(request('new'))[0]).toMatchObject({ code: EXHAUSTED, retryAt: fix.now + REST })
    expect(fix.allocator.nextEvent()).toBe(fix.now - 1000 + REST)
  })
})
