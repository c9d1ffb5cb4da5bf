/** Objects of a cluster as they are behind the door, plain but for what is said. */
import type { Service } from '#src/cluster/objects.ts'

/** A ClusterIP Service without addresses, ports or a selector. */
export function plainService(fields: Partial<Service> & Pick<Service, 'namespace' | 'name'>): Service {
  return {
    kind: 'Service',
    key: `${fields.namespace}/${fields.name}`,
    created: null,
    type: 'ClusterIP',
    headless: false,
    clusterIPs: [],
    ipFamilies: [],
    ipFamilyPolicy: null,
    externalName: null,
    ports: [],
    selector: null,
    publishNotReadyAddresses: false,
    affinityTimeoutSeconds: null,
    internalTrafficPolicy: 'Cluster',
    externalTrafficPolicy: null,
    trafficDistribution: null,
    annotations: {},
    proxyName: null,
    record: null,
    origin: 'test',
    ...fields,
  }
}
