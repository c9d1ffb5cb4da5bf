import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatAddress } from '#src/ip/address.ts'
import { containsAddress } from '#src/ip/prefix.ts'
import type { OwnerRef, ReserveRequest, ReserveResult } from '#src/pool/claims.ts'
import { OWN_MARK_GRACE } from '#src/pool/reservations.ts'
import { address, prefix } from '#support/ip.ts'
import { type Fixture, fixture, LEASE, NETWORK, naming, only, REST, request, service, states } from './support.ts'

const TAKEN = 'WAY_ADDRESS_TAKEN'
const nobody = (): boolean => false

function reserve(fix: Fixture, name: string, options: Partial<ReserveRequest> = {}): ReserveResult {
  const [result] = fix.allocator.leases.reserve([request(name, options)])
  if (result === undefined) throw new Error('no result')
  return result
}

function reserved(fix: Fixture, name: string, options: Partial<ReserveRequest> = {}): string {
  const result = reserve(fix, name, options)
  return result.ok ? result.addresses.map(a => formatAddress(a)).join(' ') : result.code
}

function mark(fix: Fixture, text: string, owner: OwnerRef | null): void {
  fix.allocator.mark(NETWORK, address(text), { owner })
}

describe('a reservation', () => {
  it('is where a claim of the same owner would be placed, and the same again with a new lease', () => {
    const fix = fixture()
    const first = reserved(fix, 'kuard')
    expect(first).toBe(only(fixture().claim(request('kuard'))[0]))
    fix.now += LEASE - 1
    expect(reserved(fix, 'kuard')).toBe(first)
    expect([...fix.allocator.claims()]).toMatchObject([{ state: 'reserved', until: fix.now + LEASE }])
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ reserved: 1, bound: 0, resting: 0, reservations: 2 })
  })

  it('is taken over by the claim of whoever is seen to hold the address', () => {
    const fix = fixture()
    const mine = reserved(fix, 'kuard')
    fix.claim(naming('kuard', [mine]))
    const generated = reserved(fix, 'kuard-{d2f0}')
    fix.claim(naming('kuard-x7k2p', [generated]))
    expect(states(fix)).toEqual([`${mine} default/kuard bound`, `${generated} default/kuard-x7k2p bound`].sort())
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ reserved: 0, bound: 2, committed: 2, lapsed: 0 })
  })

  it('is no address for anyone else, placed or named', () => {
    const fix = fixture('fdaa::/124')
    const mine = reserved(fix, 'kuard')
    expect(reserved(fix, 'other', { explicit: [address(mine)], place: false })).toBe(TAKEN)
    for (let i = 0; i < 13; i++) expect(only(fix.claim(request(`s${i}`))[0])).not.toBe(mine)
    expect(fix.claim(request('last'))[0]).toMatchObject({ ok: false, code: 'WAY_POOL_EXHAUSTED' })
    expect(reserve(fix, 'last')).toMatchObject({ ok: false, code: 'WAY_POOL_EXHAUSTED' })
    expect(reserved(fix, 'kuard')).toBe(mine)
  })

  it('takes named addresses of any family, all or none, and leaves those of others alone', () => {
    const fix = fixture()
    fix.claim(naming('holder', ['10.96.0.9']))
    const explicit = ['fdaa::7', '10.96.0.9'].map(address)
    expect(reserved(fix, 'kuard', { explicit, place: false })).toBe(TAKEN)
    expect(states(fix)).toEqual(['10.96.0.9 default/holder bound'])
    const free = ['fdaa::7', '10.96.0.8'].map(address)
    expect(reserved(fix, 'kuard', { explicit: free, place: false })).toBe('fdaa::7 10.96.0.8')
  })

  it('replaces what the same owner was promised before', () => {
    const fix = fixture()
    reserved(fix, 'kuard')
    expect(reserved(fix, 'kuard', { explicit: [address('fdaa::7')], place: false })).toBe('fdaa::7')
    expect(states(fix)).toEqual(['fdaa::7 default/kuard reserved'])
  })

  it('gives a Service that comes back what it had, whether its deletion was seen or not', () => {
    const fix = fixture()
    const had = only(fix.claim(request('kuard'))[0])
    expect(reserved(fix, 'kuard')).toBe(had)
    expect(fix.store.writes).toBe(1)
    fix.allocator.release([{ network: NETWORK, owner: service('kuard') }])
    expect(states(fix)).toEqual([`${had} default/kuard resting`])
    expect(reserved(fix, 'kuard')).toBe(had)
    expect(states(fix)).toEqual([`${had} default/kuard reserved`])
  })

  it('keeps what an owner holds while a second family is added', () => {
    const fix = fixture()
    fix.claim(naming('kuard', ['10.96.0.9']))
    const added = reserved(fix, 'kuard')
    expect(added).toBe(only(fixture().claim(request('kuard'))[0]))
    fix.claim(naming('kuard', ['10.96.0.9']))
    expect(states(fix)).toEqual(['10.96.0.9 default/kuard bound', `${added} default/kuard reserved`])
    fix.claim(naming('kuard', ['10.96.0.9', added]))
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 2, reserved: 0 })
  })

  it('is promised by nobody while it cannot be written', () => {
    const fix = fixture()
    fix.store.full = true
    expect(reserve(fix, 'kuard')).toMatchObject({ ok: false, code: 'WAY_LEDGER_WRITE', retryAt: fix.now + 1000 })
    expect(states(fix)).toEqual([])
  })

  it('outlives a restart, with its lease', () => {
    const fix = fixture()
    const mine = reserved(fix, 'kuard')
    const end = fix.now + LEASE
    fix.now += 1000
    fix.restart()
    expect([...fix.allocator.claims()]).toMatchObject([{ state: 'reserved', until: end }])
    fix.allocator.settle(NETWORK)
    expect(only(fix.claim(request('kuard'))[0])).toBe(mine)
  })

  it('is not locked away by a clock that was wrong', () => {
    const fix = fixture()
    reserved(fix, 'kuard')
    fix.now -= 1e9
    fix.restart()
    expect([...fix.allocator.claims()]).toMatchObject([{ until: fix.now + LEASE }])
  })
})

describe('a lease that is over', () => {
  it('ends at the second observation without a holder, and its address is free at once', () => {
    const fix = fixture()
    const mine = reserved(fix, 'kuard')
    fix.now += LEASE - 1
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toEqual([])
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toEqual([])
    fix.now += 1
    const { version } = fix.allocator
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toEqual([])
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toEqual([address(mine)])
    expect(states(fix)).toEqual([])
    expect(fix.allocator.version).toBeGreaterThan(version)
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ lapsed: 1, reserved: 0 })
  })

  it('holds on while a Service lists the address or the cluster was not seen since', () => {
    const fix = fixture()
    const mine = reserved(fix, 'kuard')
    const seenBefore = fix.now + LEASE - 1
    fix.now += 10 * LEASE
    for (let i = 0; i < 3; i++) expect(fix.allocator.leases.observe(NETWORK, seenBefore, nobody)).toEqual([])
    const isListed = (a: Uint8Array): boolean => formatAddress(a) === mine
    for (let i = 0; i < 3; i++) expect(fix.allocator.leases.observe(NETWORK, fix.now, isListed)).toEqual([])
    fix.allocator.leases.observe(NETWORK, fix.now, nobody)
    fix.allocator.leases.observe(NETWORK, fix.now, isListed)
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toEqual([])
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toHaveLength(1)
  })

  it('starts over when the owner asks again', () => {
    const fix = fixture()
    reserved(fix, 'kuard')
    fix.now += LEASE
    fix.allocator.leases.observe(NETWORK, fix.now, nobody)
    reserved(fix, 'kuard')
    fix.now += LEASE
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toEqual([])
    expect(fix.allocator.leases.observe(NETWORK, fix.now, nobody)).toHaveLength(1)
  })

  it('can be ended by hand', () => {
    const fix = fixture()
    reserved(fix, 'kuard')
    fix.allocator.leases.cancel(NETWORK, service('kuard'))
    expect(states(fix)).toEqual([])
  })
})

describe('an address that the cluster has marked', () => {
  it('is not placed, not promised, and free again without the mark', () => {
    const fix = fixture()
    const home = reserved(fixture(), 'kuard')
    mark(fix, home, null)
    const free = fix.allocator.stats(NETWORK).free
    const other = reserved(fix, 'kuard')
    expect(other).not.toBe(home)
    expect(reserved(fix, 'namer', { explicit: [address(home)], place: false })).toBe(TAKEN)
    fix.allocator.leases.cancel(NETWORK, service('kuard'))
    fix.allocator.mark(NETWORK, address(home), null)
    expect(fix.allocator.stats(NETWORK).free).toBe(free + 1n)
    expect(reserved(fix, 'kuard')).toBe(home)
  })

  it('is taken from a reservation whose address somebody else got, so that the retry has another', () => {
    const fix = fixture()
    const first = reserved(fix, 'kuard')
    mark(fix, first, service('winner'))
    const second = reserved(fix, 'kuard')
    expect(second).not.toBe(first)
    expect(states(fix)).toEqual([`${second} default/kuard reserved`])
    fix.claim(naming('winner', [first]))
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 1, reserved: 1 })
  })

  it("stays the owner's for a moment when the mark is its own, then counts as left behind", () => {
    const fix = fixture()
    const first = reserved(fix, 'kuard')
    mark(fix, first, service('kuard'))
    fix.now += OWN_MARK_GRACE
    mark(fix, first, service('kuard'))
    expect(reserved(fix, 'kuard')).toBe(first)
    fix.now += 1
    expect(reserved(fix, 'kuard')).not.toBe(first)
  })

  it('is still the address of a Service that holds it or had it', () => {
    const fix = fixture()
    const had = only(fix.claim(request('kuard'))[0])
    mark(fix, had, service('kuard'))
    fix.now += OWN_MARK_GRACE + 1
    expect(reserved(fix, 'kuard')).toBe(had)
    fix.allocator.release([{ network: NETWORK, owner: service('kuard') }])
    expect(reserved(fix, 'kuard')).toBe(had)
  })

  it('is counted once, whether it is claimed, marked or both', () => {
    const fix = fixture('fdaa::/124', 0)
    const mine = only(fix.claim(request('kuard'))[0])
    mark(fix, mine, service('kuard'))
    mark(fix, '2001:db8::1', null)
    expect(fix.allocator.stats(NETWORK).free).toBe(13n)
    fix.allocator.release([{ network: NETWORK, owner: service('kuard') }])
    expect(fix.allocator.stats(NETWORK).free).toBe(13n)
    fix.allocator.setPools(NETWORK, [prefix('fdaa::/120')])
    expect(fix.allocator.stats(NETWORK).free).toBe(253n)
    fix.allocator.mark(NETWORK, address(mine), null)
    expect(fix.allocator.stats(NETWORK).free).toBe(254n)
  })
})

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h')
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('reserve' as const), names: fc.array(name, { maxLength: 4 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('commit' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('steal' as const), name }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(1, LEASE / 2, LEASE, REST) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('observe' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('full' as const), full: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

/** The API server's view: which Service has which address. */
class Judge {
  readonly addresses: Map<string, string> = new Map()

  has(owner: string): boolean {
    return [...this.addresses.values()].includes(owner)
  }

  create(fix: Fixture, owner: string, wanted: string): void {
    if (this.has(owner) || this.addresses.has(wanted)) return
    this.addresses.set(wanted, owner)
    mark(fix, wanted, service(owner))
    fix.claim(naming(owner, [wanted]))
  }

  delete(fix: Fixture, owner: string): void {
    for (const [held, by] of this.addresses) {
      if (by !== owner) continue
      this.addresses.delete(held)
      fix.allocator.mark(NETWORK, address(held), null)
    }
    fix.allocator.release([{ network: NETWORK, owner: service(owner) }])
  }

  /** After a restart everything is listed again. */
  list(fix: Fixture): void {
    for (const [held, owner] of this.addresses) {
      mark(fix, held, service(owner))
      fix.claim(naming(owner, [held]))
    }
    fix.allocator.settle(NETWORK)
  }
}

function take(fix: Fixture, judge: Judge, one: Step, promised: Map<string, { text: string; until: number }>): void {
  if (one.do === 'wait') fix.now += one.ms
  if (one.do === 'full') fix.store.full = one.full
  if (one.do === 'observe' && !fix.store.full) {
    const given = fix.allocator.leases.observe(NETWORK, fix.now, a => judge.addresses.has(formatAddress(a)))
    for (const lost of given.map(a => formatAddress(a))) {
      for (const [owner, { text, until }] of promised) {
        if (text !== lost) continue
        expect(until).toBeLessThanOrEqual(fix.now)
        promised.delete(owner)
      }
    }
  }
  if (one.do === 'restart') {
    fix.store.full = false
    fix.restart()
    judge.list(fix)
  }
  if (one.do === 'reserve') {
    fix.allocator.leases.reserve(one.names.map(n => request(n))).forEach((result, i) => {
      const owner = one.names[i] ?? ''
      if (!result.ok) return
      const text = formatAddress(result.addresses[0] as Uint8Array)
      expect(containsAddress(prefix('fdaa::/124'), result.addresses[0] as Uint8Array)).toBe(true)
      const before = promised.get(owner)
      if (before !== undefined && !judge.addresses.has(before.text)) expect(text).toBe(before.text)
      expect(judge.addresses.get(text) ?? owner).toBe(owner)
      promised.set(owner, { text, until: fix.now + LEASE })
    })
    const live = [...promised].filter(([, { until }]) => until > fix.now).map(([, { text }]) => text)
    expect(new Set(live).size).toBe(live.length)
  }
  if (fix.store.full) return
  if (one.do === 'commit') {
    const promise = promised.get(one.name)
    if (promise === undefined) return
    judge.create(fix, one.name, promise.text)
    promised.delete(one.name)
  }
  if (one.do === 'delete') {
    judge.delete(fix, one.name)
    promised.delete(one.name)
  }
  // an API server without us gives somebody's promised address to another
  if (one.do === 'steal') {
    const stolen = promised.get(one.name)?.text
    if (stolen === undefined) return
    judge.create(fix, `thief-${stolen}`, stolen)
    promised.delete(one.name)
  }
}

describe('reservations, over any sequence of creates, deletions, thefts, waits, restarts and full disks', () => {
  it('are unique, the same for retries, and agree with what the cluster holds', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), steps => {
        const fix = fixture('fdaa::/124')
        const judge = new Judge()
        const promised = new Map<string, { text: string; until: number }>()
        for (const one of steps) {
          take(fix, judge, one, promised)
          const claims = [...fix.allocator.claims()]
          expect(new Set(claims.map(c => formatAddress(c.address))).size).toBe(claims.length)
          if (fix.store.full) continue
          const bound = claims.filter(c => c.state === 'bound').map(c => [formatAddress(c.address), c.owner.name])
          expect(Object.fromEntries(bound)).toEqual(
            Object.fromEntries(Array.from(judge.addresses, ([held, owner]) => [held, `default/${owner}`])),
          )
          expect(fix.store.rows.size).toBeGreaterThanOrEqual(claims.length)
        }
        fix.store.full = false
        fix.now += 2 * LEASE
        for (let i = 0; i < 2; i++)
          fix.allocator.leases.observe(NETWORK, fix.now, a => judge.addresses.has(formatAddress(a)))
        expect(fix.allocator.stats(NETWORK).reserved).toBe(0)
      }),
      { numRuns: 400 },
    )
  })
})
