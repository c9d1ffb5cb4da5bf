/** A cluster followed with the rights that the README names, and no others. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, inject, it } from 'vitest'
import { TestCluster } from '#support/apiserver/cluster.ts'
import { type ServiceObject, service } from '#support/apiserver/objects.ts'
import { aaaaOf } from '#support/apiserver/served.ts'
import { type RunningWaypost, startWaypost, until } from '#support/waypost.ts'

const ROLE = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  metadata: { name: 'waypost' },
  rules: [
    { apiGroups: [''], resources: ['services', 'namespaces'], verbs: ['list', 'watch'] },
    { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list', 'watch'] },
  ],
}
const BINDING = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRoleBinding',
  metadata: { name: 'waypost' },
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'waypost' },
  subjects: [{ kind: 'ServiceAccount', name: 'waypost', namespace: 'default' }],
}

describe.skipIf(inject('apiServer') === null)('a cluster of which little may be seen', () => {
  let cluster: TestCluster
  let server: RunningWaypost

  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    await cluster.kubectl(['create', 'serviceaccount', 'waypost'])
    await cluster.apply(ROLE, BINDING, service('first'))
    const { kubeconfig } = await cluster.serviceAccount('default', 'waypost')
    server = await startWaypost({ args: ['--kubeconfig', kubeconfig, '--data', join(cluster.folder, 'data')] })
  })

  afterAll(async () => {
    await server?.end()
    await cluster?.stop()
  })

  it('is served with the addresses that the API server gave, and followed', async () => {
    for (const name of ['first', 'second']) {
      await cluster.apply(service(name))
      const { spec } = await cluster.get<ServiceObject>('service', name)
      await until(async () => String(await aaaaOf(server, name)) === spec.clusterIP, 60_000)
    }
  })
})
