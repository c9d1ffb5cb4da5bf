import { describe, expect, it } from 'vitest'
import { AppAddresses } from '#src/admission/cluster/app-addresses.ts'
import { ClusterAddresses } from '#src/admission/cluster/cluster-addresses.ts'
import type { Finding } from '#src/admission/cluster/findings.ts'
import { appAddressObject, IP_ADDRESSES, ownerOf } from '#src/admission/cluster/objects.ts'
import { poolsOf, rangesOf } from '#src/admission/cluster/pools.ts'
import { Reconciler } from '#src/admission/cluster/reconcile.ts'
import { type IpAddress, readIpAddress, readServiceCidr, type ServiceCidr } from '#src/cluster/kubernetes/addresses.ts'
import type { Service } from '#src/cluster/objects.ts'
import { Interner } from '#src/cluster/strip/intern.ts'
import { type Address, formatAddress } from '#src/ip/address.ts'
import { formatPrefix } from '#src/ip/prefix.ts'
import { address, prefix } from '#support/ip.ts'
import { service as makeService } from '../naming/builders.ts'
import {
  app,
  type Fixture,
  fixture,
  LEASE,
  NETWORK,
  naming,
  only,
  service as owner,
  REST,
  request,
} from '../pool/support.ts'
import { FakeCluster } from './fake-cluster.ts'
import type { Json } from './support.ts'

const CONFIGURED = 'fdaa:0:48c8:0:1::/112'

function cidr(name: string, prefixes: readonly string[], isReady = true): ServiceCidr {
  return { name, prefixes: prefixes.map(prefix), ready: isReady }
}

function pools(...cidrs: ServiceCidr[]): string[] {
  return poolsOf(prefix(CONFIGURED), cidrs).map(formatPrefix)
}

describe('the pools of a network', () => {
  it('are the configured one alone while nothing is known of ServiceCIDRs', () => {
    expect(poolsOf(prefix(CONFIGURED), []).map(formatPrefix)).toEqual([CONFIGURED])
  })

  it.each([
    ['the same one', [cidr('kubernetes', [CONFIGURED])], [CONFIGURED]],
    ['one that it narrows', [cidr('kubernetes', ['fdaa:0:48c8::/64', '10.96.0.0/12'])], [CONFIGURED]],
    ['a wider one', [cidr('kubernetes', ['fdaa:0:48c8:0:1::/80'])], [CONFIGURED]],
    [
      'others behind it, by address',
      [cidr('b', ['fdab::/112']), cidr('a', ['fdaa::/112']), cidr('k', [CONFIGURED])],
      [CONFIGURED, 'fdaa::/112', 'fdab::/112'],
    ],
    [
      'none inside of another',
      [cidr('k', [CONFIGURED]), cidr('s', ['fdab::/120']), cidr('l', ['fdab::/112'])],
      [CONFIGURED, 'fdab::/112'],
    ],
    ['none that is not ready', [cidr('k', [CONFIGURED]), cidr('s', ['fdab::/112'], false)], [CONFIGURED]],
    ['only the others when it lies in none', [cidr('k', ['fdab::/112'])], ['fdab::/112']],
    [
      'a narrower one, of which alone the API server gives',
      [cidr('k', ['fdaa:0:48c8:0:1::/120'])],
      ['fdaa:0:48c8:0:1::/120'],
    ],
    ['none of IPv4, and none that is too long', [cidr('k', ['10.0.0.0/8', 'fdaa::/126'])], []],
    ['the same twice', [cidr('k', [CONFIGURED]), cidr('l', [CONFIGURED])], [CONFIGURED]],
    ['itself when none is known', [], [CONFIGURED]],
    ['none when none is ready', [cidr('k', [CONFIGURED], false)], []],
  ])('are, with ServiceCIDRs, %s', (_, cidrs, expected) => {
    expect(pools(...(cidrs as ServiceCidr[]))).toEqual(expected)
  })

  it('are not all that Services may have their addresses of: ServiceCIDRs that go are, too', () => {
    const cidrs = [cidr('k', ['10.96.0.0/12', 'fdaa::/64']), cidr('going', ['fdab::/112'], false)]
    expect(rangesOf(prefix(CONFIGURED), cidrs).map(formatPrefix)).toEqual(['10.96.0.0/12', 'fdaa::/64', 'fdab::/112'])
    expect(rangesOf(prefix(CONFIGURED), []).map(formatPrefix)).toEqual([CONFIGURED])
  })
})

function ip(object: Json): IpAddress {
  const { found } = readIpAddress(object, new Interner())
  if (found === null) throw new Error('no IPAddress')
  return found.object
}

describe('objects of the API', () => {
  it('are pools as the API server has them: also before their condition is set', () => {
    const read = (status: Json, metadata: Json = {}): boolean | undefined => {
      const object = { metadata: { name: 'kubernetes', ...metadata }, spec: { cidrs: ['fdaa::/112'] }, status }
      return readServiceCidr(object).found?.object.ready
    }
    const condition = (status: string): Json => ({ conditions: [{ type: 'Ready', status }] })
    expect(read({})).toBe(true)
    expect(read(condition('True'))).toBe(true)
    expect(read(condition('False'))).toBe(false)
    expect(read({}, { deletionTimestamp: '2026-11-20T08:00:00Z' })).toBe(false)
  })

  it("say whose an address is: a Service's, an app's of this network, or somebody's", () => {
    const of = (parentRef: Json): IpAddress => ip({ metadata: { name: 'fdaa::5' }, spec: { parentRef } })
    const ofService = of({ group: '', resource: 'services', namespace: 'default', name: 'kuard' })
    expect(ownerOf(ofService, NETWORK)).toEqual(owner('kuard'))
    const ofApp = ip(appAddressObject(NETWORK, 'web', address('fdaa::5')) as Json)
    expect(ofApp.address).toEqual(address('fdaa::5'))
    expect(ownerOf(ofApp, NETWORK)).toEqual(app('web'))
    expect(ownerOf(ofApp, 'other')).toBeNull()
    const forged = of({ group: 'fly.io', resource: 'apps', namespace: NETWORK, name: 'web' })
    expect(ownerOf(forged, NETWORK)).toBeNull()
  })
})

/** A network with its cluster, and everything that was called. */
class World {
  readonly cluster: FakeCluster
  readonly fix: Fixture
  readonly published: string[] = []
  readonly rechecked: string[] = []
  readonly findings: Finding[] = []
  readonly addresses: ClusterAddresses
  readonly apps: AppAddresses
  readonly reconciler: Reconciler
  services: Service[] = []
  seenAt: number | null

  constructor(cluster: FakeCluster = new FakeCluster(), pool: string = CONFIGURED) {
    this.cluster = cluster
    this.fix = fixture(pool)
    this.seenAt = this.fix.now
    const { allocator } = this.fix
    const log = { info: () => undefined, error: () => undefined }
    const onApp = (name: string): void => void this.published.push(name)
    this.addresses = new ClusterAddresses({
      network: NETWORK,
      configured: prefix(pool),
      allocator,
      onApp,
      log,
    })
    this.apps = new AppAddresses({ network: NETWORK, client: () => Promise.resolve(cluster), allocator })
    this.reconciler = new Reconciler({
      network: NETWORK,
      allocator,
      addresses: this.addresses,
      leaseMs: LEASE,
      services: () => this.services,
      seenAt: () => this.seenAt,
      recheck: keys => {
        this.rechecked.push(...keys)
        for (const key of keys) this.claim(key)
      },
      createApp: (name, at) => this.apps.create(name, at),
      onApp,
      onFinding: finding => this.findings.push(finding),
      log,
    })
  }

  /** What the watch of Services would do. */
  claim(key: string): void {
    const found = this.services.find(one => one.key === key)
    if (found !== undefined)
      this.fix.claim(
        naming(
          key,
          found.clusterIPs.map(text => formatAddress(text)),
        ),
      )
  }

  /** Brings the cluster's IPAddresses as a list does. */
  list(): void {
    for (const [path, object] of this.cluster.objects) {
      if (!path.startsWith(IP_ADDRESSES)) continue
      this.addresses.ipAddresses([{ key: path.slice(IP_ADDRESSES.length + 1), object: ip(object) }])
    }
    this.addresses.synced()
  }

  states(): string[] {
    const claims = [...this.fix.allocator.claims()]
    return claims.map(c => `${formatAddress(c.address)} ${c.owner.name} ${c.state}`).sort()
  }

  held(name: string): string[] {
    return this.fix.allocator.addressesOf(NETWORK, app(name)).map(text => formatAddress(text))
  }
}

function listed(name: string, ...clusterIPs: string[]): Service {
  return makeService({ name, clusterIPs: clusterIPs.map(address) })
}

describe('ServiceCIDRs that come and go', () => {
  it('are pools while they are ready; claims of one that is gone stay', () => {
    const world = new World()
    world.addresses.serviceCidrs([{ key: 'kubernetes', object: cidr('kubernetes', [CONFIGURED]) }])
    const prefixes = (): string[] => world.fix.allocator.stats(NETWORK).prefixes.map(formatPrefix)
    expect(prefixes()).toEqual([CONFIGURED])
    world.addresses.synced()
    world.addresses.serviceCidrs([{ key: 'more', object: cidr('more', ['fdab::/124']) }])
    expect(prefixes()).toEqual([CONFIGURED, 'fdab::/124'])
    world.fix.claim(naming('kuard', ['fdab::5']))
    world.addresses.serviceCidrs([{ key: 'more', object: cidr('more', ['fdab::/124'], false) }])
    expect(prefixes()).toEqual([CONFIGURED])
    world.addresses.serviceCidrs([{ key: 'kubernetes', object: null }])
    expect(prefixes()).toEqual([])
    expect(world.fix.allocator.leases.reserve([request('late')])).toMatchObject([
      { ok: false, code: 'WAY_POOL_FAMILY' },
    ])
    expect(world.states()).toEqual(['fdab::5 default/kuard bound'])
    world.addresses.serviceCidrs([{ key: 'more', object: cidr('more', ['fdab::/124']) }])
    expect(world.fix.allocator.stats(NETWORK).free).toBe(13n)
  })
})

describe('an app in a cluster', () => {
  it('has its address as an IPAddress of ours, which every replica sees', async () => {
    const [first, second] = [new World(), new World()]
    const world = new World(first.cluster)
    const { address: given, created } = await first.apps.allocate('web')
    expect(created).toBe(true)
    const text = formatAddress(given)
    expect(text).toBe(only(fixture(CONFIGURED).claim(request(app('web')))[0]))
    expect(first.cluster.get(`${IP_ADDRESSES}/${text}`)).toMatchObject({
      metadata: {
        name: text,
        labels: {
          'ipaddress.kubernetes.io/managed-by': 'waypost.fly.io',
          'ipaddress.kubernetes.io/ip-family': 'IPv6',
        },
      },
      spec: { parentRef: { group: 'fly.io', resource: 'apps', namespace: NETWORK, name: 'web' } },
    })
    expect(await first.apps.allocate('web')).toEqual({ address: given, created: false })
    world.list()
    expect(world.states()).toEqual([`${text} web bound`])
    expect(world.published).toEqual(['web'])
    expect(await world.apps.allocate('web')).toEqual({ address: given, created: false })
    expect(second.states()).toEqual([])
  })

  it('gets the next candidate when somebody has the first', async () => {
    const world = new World()
    const home = only(fixture(CONFIGURED).claim(request(app('web')))[0])
    world.cluster.put(`${IP_ADDRESSES}/${home}`, {
      metadata: { name: home },
      spec: { parentRef: { group: '', resource: 'services', namespace: 'default', name: 'kuard' } },
    })
    const { address: given } = await world.apps.allocate('web')
    expect(formatAddress(given)).not.toBe(home)
    expect(world.states()).toEqual([`${formatAddress(given)} web bound`])
  })

  it('has one address when two replicas make it at once, also when they know different things', async () => {
    const cluster = new FakeCluster()
    const [a, b] = [new World(cluster), new World(cluster)]
    const home = only(fixture(CONFIGURED).claim(request(app('web')))[0])
    // only b knows that somebody is about to get the first candidate
    b.fix.allocator.leases.reserve([request('kuard', { explicit: [address(home)], place: false })])
    const [one, two] = await Promise.all([a.apps.allocate('web'), b.apps.allocate('web')])
    expect(formatAddress(one.address)).toBe(formatAddress(two.address))
    const objects = [...cluster.objects.keys()].filter(path => path.startsWith(IP_ADDRESSES))
    expect(objects).toEqual([`${IP_ADDRESSES}/${formatAddress(one.address)}`])
    for (const world of [a, b]) {
      world.list()
      expect(world.held('web')).toEqual([formatAddress(one.address)])
    }
  })

  it('is promised nothing while the API server does not answer or refuses', async () => {
    const world = new World()
    world.cluster.down = true
    await expect(world.apps.allocate('web')).rejects.toThrow()
    expect(world.states()).toEqual([])
    world.cluster.down = false
    world.cluster.request = () => Promise.resolve({ status: 403, body: { message: 'no' }, retryAfterMs: null })
    await expect(world.apps.allocate('web')).rejects.toMatchObject({ code: 'WAY_KUBERNETES_REFUSED' })
    expect(world.states()).toEqual([])
  })

  it('goes with its IPAddress, whoever deletes that', async () => {
    const world = new World()
    const { address: given } = await world.apps.allocate('web')
    world.list()
    await world.apps.remove(given)
    await world.apps.remove(given)
    expect(world.cluster.objects.size).toBe(0)
    world.addresses.ipAddresses([{ key: formatAddress(given), object: null }])
    expect(world.states()).toEqual([`${formatAddress(given)} web resting`])
    expect(world.published).toEqual(['web'])
  })

  it('is not taken for another because an address was given on', async () => {
    const world = new World()
    const { address: given } = await world.apps.allocate('web')
    world.list()
    const text = formatAddress(given)
    const parent = { group: '', resource: 'services', namespace: 'default', name: 'kuard' }
    world.addresses.ipAddresses([{ key: text, object: { address: given, parent, managedBy: '' } }])
    expect(world.held('web')).toEqual([])
    expect(world.fix.allocator.leases.reserve([request('x', { explicit: [given], place: false })])[0]?.ok).toBe(false)
  })
})

describe('a reconcile', () => {
  it('does nothing before the Services are known', () => {
    const world = new World()
    world.fix.claim(request('kuard'))
    world.seenAt = null
    for (let i = 0; i < 3; i++) world.reconciler.full()
    expect(world.fix.allocator.stats(NETWORK).bound).toBe(1)
  })

  it('adopts what appeared without us, and says once what is left to say', () => {
    const world = new World()
    world.services = [listed('kuard', 'fdaa:0:48c8:0:1::5', '10.96.0.7'), listed('stray', 'fdac::7')]
    world.reconciler.full()
    expect(world.rechecked).toEqual(['default/kuard', 'default/stray'])
    expect(world.fix.allocator.stats(NETWORK).bound).toBe(3)
    expect(world.findings).toEqual([
      {
        kind: 'outside',
        network: NETWORK,
        service: 'default/stray',
        address: 'fdac::7',
        reason: 'ClusterIPOutOfRange',
        message: 'Cluster IP [IPv6]: fdac::7 is not within any configured Service CIDR; please recreate service',
      },
    ])
    expect(world.reconciler.figures()).toEqual({ network: NETWORK, outside: 1, conflicts: 0, adopted: 2, freed: 0 })
    world.reconciler.full()
    expect(world.rechecked).toHaveLength(2)
    world.services = []
    world.reconciler.full()
    expect(world.reconciler.findings).toEqual([])
  })

  it('reports an address that two Services list', () => {
    const world = new World()
    world.services = [listed('first', 'fdaa:0:48c8:0:1::5'), listed('second', 'fdaa:0:48c8:0:1::5')]
    world.claim('default/first')
    world.reconciler.full()
    expect(world.findings).toMatchObject([
      { kind: 'conflict', service: 'default/second', reason: 'ClusterIPAlreadyAllocated' },
    ])
    expect(world.findings[0]?.message).toContain('was assigned to multiple services; please recreate service')
  })

  it('frees the claim of a Service that is gone after two observations, not after one', () => {
    const world = new World()
    world.fix.claim(request('kuard'))
    world.reconciler.full()
    expect(world.fix.allocator.stats(NETWORK).bound).toBe(1)
    world.reconciler.full()
    expect(world.fix.allocator.stats(NETWORK)).toMatchObject({ bound: 0, resting: 1 })
    expect(world.reconciler.figures().freed).toBe(1)
  })

  it('counts observations anew when the Service was there in between', () => {
    const world = new World()
    const held = only(world.fix.claim(request('kuard'))[0])
    world.reconciler.full()
    world.services = [listed('kuard', held)]
    world.reconciler.full()
    world.services = []
    world.reconciler.full()
    expect(world.fix.allocator.stats(NETWORK).bound).toBe(1)
  })

  it('lets a Service with another address decide itself', () => {
    const world = new World()
    world.fix.claim(naming('kuard', ['fdaa:0:48c8:0:1::5']))
    world.services = [listed('kuard', 'fdaa:0:48c8:0:1::6')]
    for (let i = 0; i < 3; i++) world.reconciler.full()
    expect(world.states()).toContain('fdaa:0:48c8:0:1::6 default/kuard bound')
  })

  it('ends leases that are over, twice observed, in its looks', () => {
    const world = new World()
    world.fix.allocator.leases.reserve([request('kuard')])
    world.reconciler.look()
    world.fix.now += LEASE
    world.reconciler.look()
    expect(world.fix.allocator.leases.count(NETWORK)).toBe(1)
    world.seenAt = world.fix.now
    world.reconciler.look()
    expect(world.fix.allocator.leases.count(NETWORK)).toBe(1)
    world.reconciler.look()
    expect(world.fix.allocator.leases.count(NETWORK)).toBe(0)
    expect(world.reconciler.figures().freed).toBe(1)
  })

  it('creates the IPAddress of an app that was there before the cluster, and then follows the cluster', async () => {
    const world = new World()
    const held = only(world.fix.claim(request(app('web')))[0])
    world.list()
    world.reconciler.full()
    // none is known, not even the API's own: they are hidden
    expect(world.cluster.objects.size).toBe(0)
    world.cluster.put(`${IP_ADDRESSES}/fdaa::1`, { metadata: { name: 'fdaa::1' } })
    world.list()
    world.reconciler.full()
    await expect.poll(() => world.fix.allocator.isShared(NETWORK, app('web'))).toBe(true)
    expect([...world.cluster.objects.keys()]).toContain(`${IP_ADDRESSES}/${held}`)
    world.list()
    world.fix.restart(CONFIGURED)
    expect(world.fix.allocator.isShared(NETWORK, app('web'))).toBe(true)
  })

  it('releases an app whose IPAddress was deleted elsewhere, after two observations', async () => {
    const world = new World()
    const { address: given } = await world.apps.allocate('web')
    world.cluster.put(`${IP_ADDRESSES}/fdaa::1`, { metadata: { name: 'fdaa::1' } })
    world.cluster.objects.delete(`${IP_ADDRESSES}/${formatAddress(given)}`)
    world.list()
    world.reconciler.full()
    expect(world.held('web')).toEqual([formatAddress(given as Address)])
    world.reconciler.full()
    expect(world.held('web')).toEqual([])
    expect(world.published).toEqual(['web'])
    world.fix.now += REST
  })

  it('adopts an IPAddress of ours that could not be claimed when it came', () => {
    const world = new World()
    world.fix.store.full = true
    world.cluster.put(
      `${IP_ADDRESSES}/fdaa:0:48c8:0:1::9`,
      appAddressObject(NETWORK, 'web', address('fdaa:0:48c8:0:1::9')),
    )
    world.list()
    expect(world.held('web')).toEqual([])
    world.fix.store.full = false
    world.reconciler.full()
    expect(world.held('web')).toEqual(['fdaa:0:48c8:0:1::9'])
  })
})
