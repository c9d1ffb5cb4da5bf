/** Objects as the API server would print them, for benchmarks of any size. */

const ZONES = ['iad', 'ord', 'lax'] as const

/** Service number `i` of 100 namespaces. */
export function serviceValue(i: number): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `svc-${i}`, namespace: namespaceOf(i), labels: { app: `app-${i}` } },
    spec: {
      selector: { app: `app-${i}` },
      ports: [{ name: 'http', port: 80, targetPort: 8080, protocol: 'TCP' }],
    },
  }
}

/** The slice of Service number `i`; `draining` turns its first endpoint off. */
export function sliceValue(i: number, endpoints: number, draining = false): unknown {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `svc-${i}-x7f2k`,
      namespace: namespaceOf(i),
      labels: { 'kubernetes.io/service-name': `svc-${i}` },
    },
    addressType: 'IPv6',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: endpoints }, (_, k) => ({
      addresses: [`fdaa:0:48c8:a7b:228:${i.toString(16)}:${(k + 1).toString(16)}:2`],
      conditions: { ready: !(draining && k === 0), serving: true, terminating: draining && k === 0 },
      nodeName: `node-${(i + k) % 500}`,
      zone: ZONES[k % 3],
      targetRef: { kind: 'Pod', name: `pod-${i}-${k}`, namespace: namespaceOf(i) },
    })),
  }
}

/** Pod number `i` of 1,000 that belong to 40 Services of their own namespace. */
export function podValue(i: number, ready: boolean): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${i}`, namespace: 'ns-0', labels: { app: `app-${(i % 40) * 100}`, tier: 'web' } },
    spec: { nodeName: `node-${i % 50}`, containers: [{ name: 'main', ports: [{ containerPort: 8080 }] }] },
    status: {
      phase: 'Running',
      podIPs: [{ ip: `fdaa:0:48c8:a7b:229:0:${(i + 1).toString(16)}:2` }],
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    },
  }
}

function namespaceOf(i: number): string {
  return `ns-${i % 100}`
}
