/** Random small clusters: few names, so that objects meet, change and go. */
import fc from 'fast-check'
import type { ClusterObject, ObjectChange } from '#src/cluster/objects.ts'
import { gone, namespaceValue, objectOf, podValue, put, serviceValue, sliceValue } from './values.ts'

const namespaces = fc.constantFrom('a', 'b')
const apps = fc.constantFrom('x', 'y', 'z')

const anyService: fc.Arbitrary<ClusterObject> = fc
  .record({
    name: apps,
    namespace: namespaces,
    selector: fc.option(fc.dictionary(fc.constantFrom('app', 'tier'), apps, { maxKeys: 2 })),
    clusterIP: fc.constantFrom('', 'None', '10.0.0.9'),
    port: fc.integer({ min: 1, max: 3 }),
    targetPort: fc.constantFrom(0, 'http'),
    publishNotReadyAddresses: fc.boolean(),
  })
  .map(({ name, namespace, selector, clusterIP, port, targetPort, publishNotReadyAddresses }) =>
    objectOf(
      serviceValue(
        { selector, clusterIP, publishNotReadyAddresses, ports: [{ port, targetPort }] },
        { name, namespace },
      ),
    ),
  )

const anySlice: fc.Arbitrary<ClusterObject> = fc
  .record({
    name: fc.constantFrom('s1', 's2', 's3'),
    namespace: namespaces,
    of: fc.option(apps),
    hosts: fc.uniqueArray(fc.integer({ min: 1, max: 5 }), { maxLength: 3 }),
    ready: fc.boolean(),
  })
  .map(({ name, namespace, of, hosts, ready }) => {
    const labels = of === null ? {} : { 'kubernetes.io/service-name': of }
    const endpoints = hosts.map(host => ({ addresses: [`fd00::${host}`], conditions: { ready } }))
    return objectOf(sliceValue({ endpoints }, { name, namespace, labels }))
  })

const anyPod: fc.Arbitrary<ClusterObject> = fc
  .record({
    name: fc.constantFrom('p1', 'p2', 'p3', 'p4'),
    namespace: namespaces,
    labels: fc.dictionary(fc.constantFrom('app', 'tier'), apps, { maxKeys: 2 }),
    podIPs: fc.subarray([{ ip: 'fd00::1' }, { ip: '10.0.0.1' }]),
    phase: fc.constantFrom('Running', 'Succeeded'),
    status: fc.constantFrom('True', 'False'),
    containerPort: fc.constantFrom(8080, 9090),
    nodeName: fc.constantFrom('n1', 'n2'),
  })
  .map(({ name, namespace, labels, podIPs, phase, status, containerPort, nodeName }) =>
    objectOf(
      podValue({
        metadata: { name, namespace, labels },
        spec: { nodeName, containers: [{ ports: [{ name: 'http', containerPort }] }] },
        status: { phase, podIPs, conditions: [{ type: 'Ready', status }] },
      }),
    ),
  )

const anyNamespace: fc.Arbitrary<ClusterObject> = fc
  .tuple(namespaces, fc.constantFrom('app-1', 'app-2', undefined))
  .map(([name, app]) => objectOf(namespaceValue(name, app)))

/** Any object of a small cluster. */
export const anyObject: fc.Arbitrary<ClusterObject> = fc.oneof(
  { weight: 3, arbitrary: anyService },
  { weight: 3, arbitrary: anySlice },
  { weight: 4, arbitrary: anyPod },
  { weight: 1, arbitrary: anyNamespace },
)

/** An object that comes, changes or goes. */
export const anyChange: fc.Arbitrary<ObjectChange> = fc
  .tuple(anyObject, fc.boolean(), fc.boolean())
  .map(([object, a, b]) => (a && b ? gone(object) : put(object)))

/** A history of atomic sets of changes. */
export const anyHistory: fc.Arbitrary<ObjectChange[][]> = fc.array(fc.array(anyChange, { maxLength: 5 }), {
  maxLength: 15,
})
