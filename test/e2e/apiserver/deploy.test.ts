/** deploy/ and docs/migrate-from-coredns.md on a real API server, with the real kubectl and its kustomize. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { TestCluster } from '../../support/apiserver/cluster.ts'
import { readBlocks } from '../../support/documents.ts'
import { ROOT } from '../../support/source-tree.ts'

const KUSTOMIZATIONS = [
  'deploy/base',
  'deploy/overlays/replace-coredns',
  'deploy/overlays/node',
  'deploy/overlays/sidecar-api',
  'deploy/overlays/sidecar-api/guest',
]

/** As kubeadm makes it. */
const KUBE_DNS = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: {
    name: 'kube-dns',
    namespace: 'kube-system',
    labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
  },
  spec: {
    clusterIP: 'fdaa:0:48c8:0:1::a',
    selector: { 'k8s-app': 'kube-dns' },
    ports: [
      { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
      { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
      { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
    ],
  },
}
const COREDNS = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'coredns', namespace: 'kube-system' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    template: {
      metadata: { labels: { 'k8s-app': 'kube-dns' } },
      spec: { containers: [{ name: 'coredns', image: 'coredns' }] },
    },
  },
}

interface Service {
  readonly spec: {
    readonly clusterIP: string
    readonly selector: Record<string, string>
    readonly ports: readonly Record<string, unknown>[]
  }
}

describe.skipIf(inject('apiServer') === null)('on a real API server', () => {
  let cluster: TestCluster
  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    await cluster.kubectl(['create', 'namespace', 'control-plane'])
  })
  afterAll(async () => await cluster?.stop())

  it.each(KUSTOMIZATIONS)('a dry run of %s passes without a warning', async path => {
    const ran = await cluster.tryKubectl(['apply', '--dry-run=server', '-k', join(ROOT, path)])
    expect(ran.stderr).toBe('')
    expect(ran.code).toBe(0)
    expect(ran.stdout.trim().split('\n').length).toBeGreaterThan(3)
  })

  it.each(KUSTOMIZATIONS)('%s can be applied, and again without a change', async path => {
    const apply = async () => {
      const text = await cluster.kubectl(['apply', '--output', 'json', '-k', join(ROOT, path)])
      const { items } = JSON.parse(text) as { items: { kind: string; metadata: { resourceVersion: string } }[] }
      return items.map(({ kind, metadata }) => `${kind} ${metadata.resourceVersion}`)
    }
    const first = await apply()
    expect(await apply()).toEqual(first)
    await cluster.kubectl(['delete', '--wait=false', '-k', join(ROOT, path)])
  })

  it('the webhook spares kube-system, default/kubernetes and its own Service, and asks for all others', async () => {
    // Nobody answers it. With failurePolicy Fail a create that it is asked about fails, and one that is spared does not.
    await cluster.kubectl(['apply', '-k', join(ROOT, 'deploy/base')])
    const fail = '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Fail"}]'
    await cluster.kubectl(['patch', 'mutatingwebhookconfiguration', 'waypost', '--type', 'json', '--patch', fail])
    const create = async (namespace: string, name: string, labels: Record<string, string> = {}) => {
      const service = { metadata: { name, labels }, spec: { ports: [{ port: 80 }] } }
      return (await cluster.api.send('POST', `/api/v1/namespaces/${namespace}/services?dryRun=All`, service)).status
    }
    // The API server needs a moment to see the configuration.
    await expect.poll(async () => await create('default', 'asked'), { timeout: 20_000 }).toBe(500)
    expect(await create('kube-system', 'metrics-server')).toBe(201)
    expect(await create('control-plane', 'asked')).toBe(500)
    expect(await create('control-plane', 'waypost', { 'app.kubernetes.io/name': 'waypost' })).toBe(201)
    // It exists, so the answer of a request that got past the webhook is a conflict.
    expect(await create('default', 'kubernetes')).toBe(409)
    await cluster.kubectl(['delete', '-k', join(ROOT, 'deploy/base')])
  })

  describe('docs/migrate-from-coredns.md', () => {
    let bin: string
    beforeAll(async () => {
      bin = cluster.newFolder('bin')
      const script = `#!/bin/sh\nexec '${inject('apiServer')}' kubectl "$@"\n`
      writeFileSync(join(bin, 'kubectl'), script, { mode: 0o755 })
      await cluster.apply(COREDNS)
      expect((await cluster.api.send('POST', '/api/v1/namespaces/kube-system/services', KUBE_DNS)).status).toBe(201)
    })

    const blocks = readBlocks('docs/migrate-from-coredns.md').filter(block => block.language === 'sh')
    /** Runs the commands of a block that need no node: nothing rolls out here. */
    function runBlock(index: number): void {
      const text = (blocks[index]?.text ?? '').replace(/^kubectl .*rollout status.*\n/gm, '')
      const env = { ...process.env, PATH: `${bin}:${process.env['PATH']}`, KUBECONFIG: cluster.kubeconfig }
      const ran = spawnSync('bash', ['-euo', 'pipefail', '-c', text], { cwd: ROOT, env, encoding: 'utf8' })
      expect(`${ran.stderr}${ran.status}`).toMatch(/^(Warning: resource services\/kube-dns is missing.*\n)?0$/)
    }
    const labels = async (): Promise<Record<string, string>> => {
      const deployment = await cluster.get<{ spec: { template: { metadata: { labels: Record<string, string> } } } }>(
        ...['deployment', 'waypost', '--namespace', 'kube-system'],
      )
      return deployment.spec.template.metadata.labels
    }
    const kubeDns = async () => await cluster.get<Service>('service', 'kube-dns', '--namespace', 'kube-system')

    it('has the blocks that these tests know', () => {
      expect(blocks.map(({ text }) => text.split(' ').slice(0, 6).join(' '))).toEqual([
        expect.stringContaining('kubectl apply -k deploy/base'),
        expect.stringContaining('address()'),
        expect.stringContaining('kubectl --namespace kube-system patch deployment'),
        expect.stringContaining('kubectl --namespace kube-system patch deployment'),
        expect.stringContaining('kubectl apply -k deploy/overlays/replace-coredns'),
        expect.stringContaining('kubectl --namespace kube-system scale deployment coredns'),
        expect.stringContaining('kubectl --namespace kube-system scale deployment coredns'),
      ])
    })

    it('1: installs beside, and leaves the DNS Service alone', async () => {
      runBlock(0)
      expect(await labels()).not.toHaveProperty('k8s-app')
      expect((await kubeDns()).spec).toMatchObject(KUBE_DNS.spec)
    })

    it('3: joins the Service, and leaves it again', async () => {
      runBlock(2)
      expect(await labels()).toMatchObject({ 'k8s-app': 'kube-dns', 'app.kubernetes.io/name': 'waypost' })
      runBlock(3)
      expect(await labels()).not.toHaveProperty('k8s-app')
    })

    it('4: switches the Service over at the same address, and back', async () => {
      runBlock(2)
      runBlock(4)
      const { spec } = await kubeDns()
      expect(spec.clusterIP).toBe(KUBE_DNS.spec.clusterIP)
      expect(spec.ports).toEqual(KUBE_DNS.spec.ports)
      const pods = await labels()
      expect(Object.entries(spec.selector).filter(([key, value]) => pods[key] !== value)).toEqual([])
      expect(spec.selector).toMatchObject({ 'app.kubernetes.io/name': 'waypost' })
      runBlock(5)
      runBlock(6)
      expect((await kubeDns()).spec.selector).toEqual(KUBE_DNS.spec.selector)
    })
  })
})
