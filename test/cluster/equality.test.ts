import { describe, expect, it } from 'vitest'
import { equalObjects } from '#src/cluster/equality.ts'
import type { ClusterObject } from '#src/cluster/objects.ts'
import { namespaceValue, objectOf, pod, service, slice } from './values.ts'

const PORT = { port: 80 }
const META = { labels: { 'kubernetes.io/service-name': 'kuard' } }
const ENDPOINT = { addresses: ['fd00::1'], nodeName: 'n1' }

/** Objects of one kind, each differing from the first in one thing. */
const KINDS: Readonly<Record<string, readonly ClusterObject[]>> = {
  Namespace: [namespaceValue('a'), namespaceValue('b'), namespaceValue('a', 'app')].map(objectOf),
  Service: [
    service(),
    service({}, { name: 'other' }),
    service({}, { namespace: 'other' }),
    service({}, { creationTimestamp: '2026-11-20T08:00:00Z' }),
    service({ type: 'NodePort' }),
    service({ clusterIP: 'None' }),
    service({ clusterIP: 'fd00::1' }),
    service({ clusterIP: 'fd00::2' }),
    service({ ipFamilies: ['IPv6'] }),
    service({ ipFamilyPolicy: 'SingleStack' }),
    service({ type: 'ExternalName', externalName: 'a.b' }),
    service({ type: 'ExternalName', externalName: 'a.c' }),
    service({ ports: [{ port: 81 }] }),
    service({ ports: [{ ...PORT, name: 'a' }] }),
    service({ ports: [{ ...PORT, protocol: 'UDP' }] }),
    service({ ports: [{ ...PORT, targetPort: 80 }] }),
    service({ ports: [{ ...PORT, targetPort: 'http' }] }),
    service({ ports: [{ ...PORT, appProtocol: 'http' }] }),
    service({ selector: { a: 'b' } }),
    service({ selector: { a: 'c' } }),
    service({ selector: { a: 'b', c: 'd' } }),
    service({ publishNotReadyAddresses: true }),
    service({ sessionAffinity: 'ClientIP' }),
    service({ internalTrafficPolicy: 'Local' }),
    service({ type: 'NodePort', externalTrafficPolicy: 'Local' }),
    service({ trafficDistribution: 'PreferClose' }),
    service({}, { annotations: { 'service.fly.io/a': 'b' } }),
    service({}, { labels: { 'service.kubernetes.io/service-proxy-name': 'x' } }),
  ],
  EndpointSlice: [
    slice({ endpoints: [ENDPOINT] }),
    slice({ endpoints: [] }),
    slice({ endpoints: [ENDPOINT, ENDPOINT] }),
    slice({ endpoints: [{ ...ENDPOINT, addresses: ['fd00::2'] }] }),
    slice({ endpoints: [{ ...ENDPOINT, conditions: { ready: false } }] }),
    slice({ endpoints: [{ ...ENDPOINT, nodeName: 'n2' }] }),
    slice({ endpoints: [{ ...ENDPOINT, zone: 'iad' }] }),
    slice({ endpoints: [{ ...ENDPOINT, hostname: 'h' }] }),
    slice({ endpoints: [{ ...ENDPOINT, hints: { forZones: [{ name: 'iad' }] } }] }),
    slice({ endpoints: [{ ...ENDPOINT, hints: { forNodes: [{ name: 'n1' }] } }] }),
    slice({ endpoints: [ENDPOINT], ports: [{ port: 1 }] }),
    slice({ endpoints: [ENDPOINT], ports: [{ port: 1, name: 'a' }] }),
    slice({ endpoints: [ENDPOINT], ports: [{ port: 1, protocol: 'UDP' }] }),
    slice({ endpoints: [ENDPOINT], ports: [{ port: 1, appProtocol: 'http' }] }),
    slice({ endpoints: [ENDPOINT] }, { labels: {} }),
    slice({ endpoints: [ENDPOINT] }, { ...META, name: 'other' }),
    slice({ addressType: 'IPv4', endpoints: [] }),
  ],
  Pod: [
    pod(),
    pod({ metadata: { name: 'other' } }),
    pod({ metadata: { labels: { app: 'x' } } }),
    pod({ metadata: { deletionTimestamp: '2026-11-20T08:00:00Z' } }),
    pod({ status: { podIPs: [{ ip: 'fd00::2' }] } }),
    pod({ status: { phase: 'Failed' } }),
    pod({ status: { conditions: [] } }),
    pod({ spec: { hostname: 'h' } }),
    pod({ spec: { subdomain: 's' } }),
    pod({ spec: { nodeName: 'n' } }),
    pod({ spec: { containers: [] } }),
  ],
}

describe.each(Object.entries(KINDS))('%s', (_, objects) => {
  it('is equal to itself made again and read elsewhere', () => {
    for (const object of objects) expect(equalObjects(object, { ...structuredClone(object), origin: 'x:9' })).toBe(true)
  })

  it('differs in each field that is kept', () => {
    for (const [i, a] of objects.entries()) {
      for (const [k, b] of objects.entries()) expect([i, k, equalObjects(a, b)]).toEqual([i, k, i === k])
    }
  })
})

it('objects of different kinds are never equal', () => {
  const firsts = Object.values(KINDS).map(objects => objects[0] as ClusterObject)
  for (const a of firsts) for (const b of firsts) expect(equalObjects(a, b)).toBe(a === b)
})
