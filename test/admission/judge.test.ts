/**
 * Replicas that know nothing of each other's reservations, one API server that keeps every address once, and watches
 * that are late.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Webhook } from '#src/admission/webhook.ts'
import { formatAddress } from '#src/ip/address.ts'
import { address } from '#support/ip.ts'
import { type Fixture, fixture, LEASE, NETWORK, naming, service as owner } from '../pool/support.ts'
import { ask, review, service, specOf, webhookOf } from './support.ts'

/** A Waypost with its own ledger and clock. */
class Replica {
  readonly fix: Fixture
  webhook: Webhook
  /** Events that its watches have not brought yet. */
  readonly pending: (() => void)[] = []

  constructor(pool: string) {
    this.fix = fixture(pool)
    this.webhook = webhookOf(this.fix)
  }

  /** The watches bring up to so many events. */
  watch(count: number = this.pending.length): void {
    for (const event of this.pending.splice(0, count)) event()
  }
}

/** The API server: IPAddresses by name, Services by name. */
class ApiServer {
  readonly addresses: Map<string, string> = new Map()
  readonly services: Map<string, string> = new Map()
  refusals = 0
  readonly #replicas: readonly Replica[]

  constructor(replicas: readonly Replica[]) {
    this.#replicas = replicas
  }

  /** A create request that calls the webhook of one replica; `later` is a failure after the address was allocated. */
  async create(name: string, replica: Replica, later: string | null = null): Promise<string | null> {
    const answer = await ask(replica.webhook, review(service(name)))
    // left to the API server is what the replica takes for there already
    const wanted = String(specOf(answer)['clusterIP'] ?? this.#free())
    if (this.addresses.has(wanted)) {
      this.refusals++
      return null
    }
    this.addresses.set(wanted, name)
    this.#tell(one => one.fix.allocator.mark(NETWORK, address(wanted), { owner: owner(name) }))
    if (later !== null || this.services.has(name)) {
      this.addresses.delete(wanted)
      this.#tell(one => one.fix.allocator.mark(NETWORK, address(wanted), null))
      return null
    }
    this.services.set(name, wanted)
    this.#tell(one => one.fix.claim(naming(name, [wanted])))
    return wanted
  }

  /** An address as the API server would choose it. */
  #free(): string {
    for (let i = 1; ; i++) if (!this.addresses.has(`fdaa::${i.toString(16)}`)) return `fdaa::${i.toString(16)}`
  }

  delete(name: string): void {
    const held = this.services.get(name) ?? ''
    this.services.delete(name)
    this.addresses.delete(held)
    this.#tell(one => one.fix.allocator.release([{ network: NETWORK, owner: owner(name) }]))
    this.#tell(one => one.fix.allocator.mark(NETWORK, address(held), null))
  }

  #tell(event: (replica: Replica) => void): void {
    for (const replica of this.#replicas) replica.pending.push(() => event(replica))
  }
}

function stateOf({ fix }: Replica): Record<string, string> {
  const bound = [...fix.allocator.claims()].filter(claim => claim.state === 'bound')
  return Object.fromEntries(
    bound.map(claim => [claim.owner.name.slice('default/'.length), formatAddress(claim.address)]),
  )
}

describe('two replicas and an API server', () => {
  it('give 1,000 Services that are created at once an address each, at worst after a retry', async () => {
    // 4,096 addresses, so that many hashes meet
    const replicas = [new Replica('fdaa::/116'), new Replica('fdaa::/116')]
    const api = new ApiServer(replicas)
    const names = Array.from({ length: 1000 }, (_, i) => `s${i}`)
    const tries = new Map<string, number>()
    let round = names
    for (let i = 0; round.length > 0; i++) {
      expect(i).toBeLessThan(6)
      const results = await Promise.all(round.map((name, at) => api.create(name, replicas[(at + i) % 2] as Replica)))
      for (const name of round) tries.set(name, i + 1)
      round = round.filter((_, at) => results[at] === null)
      // what a person waits before trying again is long for a watch
      for (const replica of replicas) replica.watch()
    }
    expect(api.refusals).toBeGreaterThan(0)
    expect(new Set(api.services.values()).size).toBe(1000)
    expect([...tries.values()].filter(count => count > 2).length).toBeLessThan(30)
    for (const replica of replicas) expect(stateOf(replica)).toEqual(Object.fromEntries(api.services))

    for (const name of names) api.delete(name)
    for (const replica of replicas) {
      replica.watch()
      const { fix } = replica
      fix.now += LEASE
      for (let i = 0; i < 2; i++) fix.allocator.leases.observe(NETWORK, fix.now, () => false)
      expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 0, reserved: 0 })
      fix.now += 600_000
      expect(fix.allocator.stats(NETWORK).free).toBe(4094n)
    }
  })

  it('agree with the API server after any order of creates, failures, deletions, restarts and late watches', async () => {
    const step = fc.record({
      do: fc.constantFrom('create', 'create', 'create', 'fail', 'delete', 'watch', 'restart', 'wait'),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
      at: fc.nat(1),
      count: fc.nat(6),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async steps => {
        const replicas = [new Replica('fdaa::/124'), new Replica('fdaa::/124')]
        const api = new ApiServer(replicas)
        for (const one of steps) {
          const replica = replicas[one.at] as Replica
          if (one.do === 'create') await api.create(one.name, replica)
          if (one.do === 'fail') await api.create(one.name, replica, 'quota')
          if (one.do === 'delete' && api.services.has(one.name)) api.delete(one.name)
          if (one.do === 'watch') replica.watch(one.count)
          if (one.do === 'wait') for (const { fix } of replicas) fix.now += LEASE
          if (one.do === 'restart') {
            // a restart lists everything: nothing is pending, and what went meanwhile is not there
            replica.pending.length = 0
            replica.fix.restart()
            replica.webhook = webhookOf(replica.fix)
            for (const [held, name] of api.addresses) {
              replica.fix.allocator.mark(NETWORK, address(held), { owner: owner(name) })
            }
            for (const [name, held] of api.services) replica.fix.claim(naming(name, [held]))
            replica.fix.allocator.settle(NETWORK)
          }
          expect(new Set(api.services.values()).size).toBe(api.services.size)
        }
        for (const replica of replicas) {
          replica.watch()
          expect(stateOf(replica)).toEqual(Object.fromEntries(api.services))
        }
        // with watches that have caught up, the next create succeeds whichever replica is asked
        for (const [at, name] of ['x', 'y'].entries()) {
          if (api.services.size < 12) expect(await api.create(name, replicas[at] as Replica)).not.toBeNull()
          for (const replica of replicas) replica.watch()
        }
      }),
      { numRuns: 200 },
    )
  })
})
