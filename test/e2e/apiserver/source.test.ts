/** A cluster followed through a real API server: what is served while it changes, is killed, forgets and refuses. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '../../support/apiserver/cluster.ts'
import { resolve } from '../../support/dns-client.ts'
import { type RunningWaypost, startWaypost, until } from '../../support/waypost.ts'

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
const SLOW = 60_000

function service(name: string): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ name: 'http', port: 80 }] } }
}

describe.skipIf(inject('apiServer') === null)('a cluster behind a real API server', () => {
  let cluster: TestCluster
  let waypost: RunningWaypost
  let tokenFile: string

  const answers = (name: string): Promise<string[]> =>
    resolve({ port: waypost.dnsPort, name: `${name}.default.svc.cluster.local`, type: 'AAAA' })

  async function addressOf(name: string): Promise<string> {
    const { spec } = await cluster.get<{ spec: { clusterIP: string } }>('service', name)
    return spec.clusterIP
  }

  async function metric(line: string): Promise<number> {
    const text = await (await fetch(`${waypost.api}/metrics`)).text()
    const found = text.split('\n').find(candidate => candidate.startsWith(`${line} `))
    return Number(found?.slice(line.length + 1))
  }

  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    await cluster.kubectl(['create', 'serviceaccount', 'waypost'])
    await cluster.apply(ROLE, BINDING, service('first'))
    const files = await cluster.serviceAccount('default', 'waypost')
    tokenFile = files.tokenFile
    const data = join(cluster.folder, 'data')
    waypost = await startWaypost({ args: ['--kubeconfig', files.kubeconfig, '--data', data] })
  })

  afterAll(async () => {
    await waypost?.end('SIGKILL')
    await cluster?.stop()
  })

  it('is served with the addresses that the API server gave, and followed', async () => {
    expect(await answers('first')).toEqual([`AAAA ${await addressOf('first')}`])
    await cluster.apply(service('second'))
    const given = await addressOf('second')
    await until(async () => (await answers('second'))[0] === `AAAA ${given}`, SLOW)
    expect(await metric('waypost_source_synced{network="default"}')).toBe(1)
  })

  it('stays as it was while the API server is dead, and catches up when it is back', async () => {
    await cluster.kubectl(['delete', 'service', 'second'])
    await until(async () => (await answers('second')).length === 0, SLOW)
    const before = await answers('first')
    await cluster.killApiServer()
    await until(async () => (await metric('waypost_source_stale_seconds{network="default"}')) > 1, SLOW)
    expect(await answers('first')).toEqual(before)
    await cluster.startApiServer()
    await cluster.apply(service('third'))
    await until(async () => (await answers('third')).length === 1, SLOW)
    await until(async () => (await metric('waypost_source_stale_seconds{network="default"}')) === 0, SLOW)
  })

  it('is listed again when etcd has forgotten what the watch wants to go on from', async () => {
    await cluster.killApiServer()
    await cluster.startApiServer()
    await cluster.apply(service('fourth'))
    await cluster.compact()
    await until(async () => (await answers('fourth')).length === 1, SLOW)
    expect(await answers('third')).toHaveLength(1)
  })

  it('is followed again with the new token when the old one is refused', async () => {
    await cluster.kubectl(['delete', 'serviceaccount', 'waypost'])
    await cluster.kubectl(['create', 'serviceaccount', 'waypost'])
    await cluster.killApiServer()
    await cluster.startApiServer()
    const refused = /waypost_source_watch_errors_total\{.*reason="unauthorized"\} [1-9]/
    await until(async () => refused.test(await (await fetch(`${waypost.api}/metrics`)).text()), SLOW)
    writeFileSync(tokenFile, await cluster.kubectl(['create', 'token', 'waypost']))
    await cluster.apply(service('fifth'))
    await until(async () => (await answers('fifth')).length === 1, SLOW)
  })
})
