import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readManifest } from '#src/cluster/manifests/file.ts'
import { readBlockYaml } from '#src/cluster/manifests/text/block-yaml.ts'
import { ManifestSource } from '#src/cluster/manifests.ts'
import type { SourceProblem } from '#src/cluster/source.ts'
import { Store } from '#src/cluster/store.ts'
import { Interner } from '#src/cluster/strip.ts'
import { formatAddress } from '#src/ip/address.ts'
import { addressesOf, keyOf, Lines } from './values.ts'

const PRINTED = new URL('kubectl-list.yaml', import.meta.url)
const EXAMPLE = new URL('../../examples/kuard/', import.meta.url).pathname

describe('a list printed by kubectl get -o yaml', () => {
  it('is read whole, without a problem, by the fast reader', () => {
    const text = readFileSync(PRINTED, 'utf8')
    expect(readBlockYaml(text, 0, text.length, 1)).not.toBeNull()
    const result = readManifest('list.yaml', text, new Interner())
    if ('problem' in result) throw new Error(result.problem.message)
    const { objects, problems } = result.content
    expect(problems).toEqual([])
    expect(objects.map(({ object, line }) => `${object.kind} ${keyOf(object)} ${line}`)).toEqual([
      'Service default/kuard 3',
      'EndpointSlice default/kuard-x7f2k 35',
      'Pod default/kuard 79',
    ])
    const [service, slice, pod] = objects.map(({ object }) => object)
    expect(service).toMatchObject({ annotations: {}, created: Date.UTC(2026, 10, 2, 9, 14, 33), ipFamilies: ['IPv6'] })
    expect(slice).toMatchObject({ meta: [{ node: 'fks-node-1', zone: 'iad', forZones: ['iad'] }] })
    expect(pod).toMatchObject({ ready: true, phase: 'Running', ports: [{ name: 'http', port: 8080 }] })
  })
})

describe('the example cluster', () => {
  const store = new Store()
  let problems: readonly SourceProblem[] = []

  it('loads without a problem', async () => {
    const source = new ManifestSource({ directory: EXAMPLE, logger: new Lines() })
    await source.start({
      apply: changes => void store.apply(changes),
      problems: list => {
        problems = list
      },
      synced: () => undefined,
    })
    await source.stop()
    expect(problems).toEqual([])
    expect(store.namespace('default')?.app).toBe('fks-default-7zyjm3ovpdxmd0ep')
  })

  it('has kuard behind an address that is still to be placed', () => {
    expect(store.service('default/kuard')).toMatchObject({ clusterIPs: [], ports: [{ name: 'http', port: 8080 }] })
    expect(store.slicesOf('default/kuard').map(addressesOf)).toEqual([['fdaa:0:48c8:a7b:228:4b6d:6e20:2']])
  })

  it('has a Service of two families, one with hostnames, and names for what is outside', () => {
    const dual = store.service('default/kuard-dual')?.clusterIPs.map(address => formatAddress(address))
    expect(dual).toEqual(['fdaa:0:48c8:0:1::50', '10.43.0.80'])
    expect(store.slicesOf('default/kuard-dual').map(slice => slice.addressType)).toEqual(['IPv4', 'IPv6'])
    expect(store.service('default/db')?.headless).toBe(true)
    const hostnames = store.slicesOf('default/db').flatMap(slice => slice.meta.map(meta => meta.hostname))
    expect(hostnames).toEqual(['db-0', 'db-1'])
    expect(store.service('default/web')?.externalName).toBe('kuard.default.svc.cluster.local')
  })
})
