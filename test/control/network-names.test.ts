import { afterEach, describe, expect, it } from 'vitest'
import { foldName, formatName, parseName } from '#src/wire/name.ts'
import { addressRdata, nameRdata } from '#src/wire/rdata.ts'
import { TYPE } from '#src/wire/record-type.ts'
import type { Soa, ZoneNode } from '#src/zone/rrset.ts'
import type { Zone } from '#src/zone/zone.ts'
import { address } from '#support/ip.ts'
import { pod, service, servicePort, slice, slicePort } from '../naming/builders.ts'
import { makeNetwork, type TestNetwork } from './cluster.ts'

const open: TestNetwork[] = []
afterEach(() => {
  for (const test of open.splice(0)) test.dispose()
})

function make(options: Parameters<typeof makeNetwork>[0] = {}): TestNetwork {
  const test = makeNetwork(options)
  open.push(test)
  return test
}

/** A zone with an NS set at its apex and the given nodes. */
function zone(apex: string, ...nodes: ZoneNode[]): Zone {
  const name = parseName(apex)
  const soa: Soa = {
    mname: name,
    rname: name,
    serial: 1,
    refresh: 1,
    retry: 1,
    expire: 1,
    minimum: 1,
    ttl: 1,
  }
  const ns = { type: TYPE.NS, ttl: 1, rdatas: [nameRdata(name)], additional: [] }
  return { apex: name, soa, nodes: [{ name, kind: 'plain', rrsets: [ns] }, ...nodes] }
}

function host(name: string, text: string): ZoneNode {
  const rrset = { type: TYPE.AAAA, ttl: 1, rdatas: [addressRdata(address(text))], additional: [] }
  return { name: parseName(name), kind: 'plain', rrsets: [rrset] }
}

function apexes(test: TestNetwork): string[] {
  return Array.from(test.names.zones(), served => `${served.role}:${served.records}`)
}

const web = service({ ports: [servicePort('http', 80)], clusterIPs: [address('10.96.0.9')] })
const endpoints = slice('web-1', ['10.1.2.3'], [slicePort('http', 80)])
const POD = '3.2.1.10.in-addr.arpa.'
const APP_POINTER = '7.0.0.0.0.0.0.0.0.0.0.0.1.0.0.0.0.0.0.0.8.c.8.4.0.0.0.0.a.a.d.f.ip6.arpa.'

/** The TTLs of all record sets at a name. */
function ttlsAt(test: TestNetwork, name: string): number[] | undefined {
  return test.writer.nodeOf(0, foldName(parseName(name)))?.rrsets.map(set => set.ttl)
}

describe('NetworkNames', () => {
  it('serves a zone file beside the cluster, and takes it away again', () => {
    const test = make()
    expect(test.names.setFiles([zone('example.org.', host('www.example.org.', 'fdaa::1'))]).refused).toEqual([])
    expect(test.recordsAt('www.example.org.')).toEqual(['AAAA fdaa::1'])
    expect(test.recordsAt('example.org.')).toEqual(['NS example.org.'])
    test.names.setFiles([zone('example.org.', host('new.example.org.', 'fdaa::2'))])
    expect(test.recordsAt('www.example.org.')).toBeNull()
    expect(test.recordsAt('new.example.org.')).toEqual(['AAAA fdaa::2'])
    test.names.setFiles([])
    expect(test.recordsAt('new.example.org.')).toBeNull()
    expect(test.recordsAt('example.org.')).toBeNull()
  })

  it('refuses a zone file with the apex of the cluster domain or of flycast', () => {
    const test = make()
    const { refused } = test.names.setFiles([zone('Cluster.local.'), zone('flycast.'), zone('other.')])
    expect(refused).toEqual(['Cluster.local.', 'flycast.'])
    expect(test.recordsAt('other.')).toEqual(['NS other.'])
  })

  it('finds the deepest zone that holds a name, at the borders of its labels', () => {
    const test = make()
    test.names.setFiles([zone('org.'), zone('example.org.'), zone('b.example.org.')])
    const apexOf = (name: string): string | null => {
      const found = test.names.findZone(foldName(parseName(name)))
      return found === null ? null : formatName(found.apex)
    }
    expect(apexOf('a.b.example.org.')).toBe('b.example.org.')
    expect(apexOf('EXAMPLE.org.')).toBe('example.org.')
    expect(apexOf('a.example.org.')).toBe('example.org.')
    expect(apexOf('x\\007example.org.')).toBe('org.')
    expect(apexOf('org')).toBe('org.')
    expect(apexOf('.')).toBeNull()
    test.names.setFiles([zone('org.')])
    expect(apexOf('a.b.example.org.')).toBe('org.')
  })

  it('opens a natural reverse zone for a record that no zone covers and closes it with its last record', async () => {
    const test = make()
    const before = apexes(test)
    await test.apply(
      { kind: 'Service', key: web.key, object: web },
      { kind: 'EndpointSlice', key: endpoints.key, object: endpoints },
    )
    expect(test.recordsAt(POD)).toEqual(['PTR 10-1-2-3.web.default.svc.cluster.local.'])
    expect(apexes(test)).toHaveLength(before.length + 1)
    expect(test.recordsAt('10.in-addr.arpa.')).toEqual(['NS ns.dns.cluster.local.'])
    await test.apply({ kind: 'Service', key: web.key, object: null })
    expect(apexes(test)).toEqual(before)
    expect(test.recordsAt('10.in-addr.arpa.')).toBeNull()
  })

  it('puts reverse records into a zone file that covers them, whichever came first', async () => {
    const objects = [
      { kind: 'Service', key: web.key, object: web },
      { kind: 'EndpointSlice', key: endpoints.key, object: endpoints },
    ] as const
    const file = zone('10.in-addr.arpa.')
    const fileFirst = make()
    fileFirst.names.setFiles([file])
    await fileFirst.apply(...objects)
    const fileLast = make()
    await fileLast.apply(...objects)
    expect(fileLast.names.setFiles([file]).moved).toBe(true)
    await fileLast.network.republish()
    for (const test of [fileFirst, fileLast]) {
      expect(test.recordsAt(POD)).toEqual(['PTR 10-1-2-3.web.default.svc.cluster.local.'])
      expect(test.recordsAt('10.in-addr.arpa.')).toEqual(['NS 10.in-addr.arpa.'])
      expect(apexes(test).some(entry => entry.endsWith(':2'))).toBe(true)
    }
  })

  it('keeps reverse records when their zone file goes', async () => {
    const test = make()
    test.names.setFiles([zone('10.in-addr.arpa.')])
    await test.apply(
      { kind: 'Service', key: web.key, object: web },
      { kind: 'EndpointSlice', key: endpoints.key, object: endpoints },
    )
    expect(test.names.setFiles([]).moved).toBe(true)
    await test.network.republish()
    expect(test.recordsAt(POD)).toEqual(['PTR 10-1-2-3.web.default.svc.cluster.local.'])
    expect(test.recordsAt('10.in-addr.arpa.')).toEqual(['NS ns.dns.cluster.local.'])
  })

  it('serves the reverse zones of the network prefix and of a service CIDR outside of it', () => {
    const inside = make({ network: 'fdaa:0:48c8::/48' })
    expect(inside.recordsAt('8.c.8.4.0.0.0.0.a.a.d.f.ip6.arpa.')).toEqual(['NS ns.dns.cluster.local.'])
    const outside = make({ network: 'fdaa:0:1::/48' })
    expect(outside.recordsAt('1.0.0.0.0.0.0.0.a.a.d.f.ip6.arpa.')).not.toBeNull()
    expect(outside.writer.stats().zones).toBe(4)
  })

  it('gives every name another TTL with another context', async () => {
    const test = make()
    await test.apply({ kind: 'Service', key: web.key, object: web })
    test.names.setContext({ ...test.names.context, ttl: 77 })
    await test.network.republish()
    const node = test.writer.nodeOf(0, '\x03web\x07default\x03svc\x07cluster\x05local\0' as never)
    expect(node?.rrsets.map(set => set.ttl)).toEqual([77, 77])
  })

  it('gives the names of apps, Pods and the zone itself another TTL with another context', async () => {
    const test = make({ pods: 'verified' })
    const object = pod({ addresses: [address('10.1.2.3')] })
    await test.apply({ kind: 'Pod', key: object.key, object })
    test.names.setApp('shop', [address('fdaa:0:48c8:0:1::7')])
    const names = ['shop.flycast.', APP_POINTER, '10-1-2-3.default.pod.cluster.local.', 'cluster.local.', 'flycast.']
    expect(names.map(name => ttlsAt(test, name))).toEqual(names.map(() => [5]))
    test.names.setContext({ ...test.names.context, ttl: 77 })
    await test.network.republish()
    expect(names.map(name => ttlsAt(test, name))).toEqual(names.map(() => [77]))
  })

  it('keeps the pointer of an app when a zone file below its reverse zone comes and goes', async () => {
    const test = make()
    test.names.setApp('shop', [address('fdaa:0:48c8:0:1::7')])
    const before = apexes(test)
    for (const files of [[zone(APP_POINTER.slice(4))], []]) {
      expect(test.names.setFiles(files).moved).toBe(true)
      await test.network.republish()
      expect(test.recordsAt(APP_POINTER)).toEqual(['PTR shop.flycast.'])
    }
    expect(apexes(test)).toEqual(before)
  })

  it.each(['insecure', 'verified'] as const)('has a namespace for as long as a Pod is in it (%s)', async pods => {
    const test = make({ pods })
    const object = pod({ key: 'jobs/web-0', namespace: 'jobs', addresses: [address('10.1.2.3')] })
    await test.apply({ kind: 'Pod', key: object.key, object })
    if (pods === 'verified') expect(test.recordsAt('10-1-2-3.jobs.pod.cluster.local.')).toEqual(['A 10.1.2.3'])
    expect(test.recordsAt('jobs.pod.cluster.local.')).toEqual([])
    expect(test.recordsAt('jobs.svc.cluster.local.')).toEqual([])
    const ended = pod({ key: 'jobs/web-0', namespace: 'jobs', phase: 'Succeeded', addresses: [address('10.1.2.3')] })
    await test.apply({ kind: 'Pod', key: object.key, object: ended })
    expect(test.recordsAt('10-1-2-3.jobs.pod.cluster.local.')).toBeNull()
    expect(test.recordsAt('jobs.pod.cluster.local.')).toEqual([])
    await test.apply({ kind: 'Pod', key: object.key, object: null })
    expect(test.recordsAt('jobs.pod.cluster.local.')).toBeNull()
  })
})
