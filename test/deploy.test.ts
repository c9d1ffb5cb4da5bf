/** The manifests of deploy/, as far as they can be judged without an API server; test/e2e/apiserver asks a real one. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { isMap, isScalar, isSeq, parseAllDocuments } from 'yaml'
import { loadConfig } from '#src/config.ts'
import { ROOT } from '#support/source-tree.ts'
import { fakeSurroundings } from '#support/surroundings.ts'

interface Container {
  readonly name: string
  readonly image: string
  readonly ports: readonly { readonly name: string; readonly containerPort: number; readonly protocol: string }[]
  readonly resources: { readonly requests?: Record<string, string>; readonly limits?: Record<string, string> }
  readonly securityContext: Record<string, unknown>
  readonly livenessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } }
  readonly readinessProbe?: { readonly httpGet: { readonly path: string; readonly port: string } }
  readonly args: readonly string[]
}

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly rules?: readonly {
    readonly apiGroups: readonly string[]
    readonly resources: readonly string[]
    readonly verbs: readonly string[]
  }[]
  readonly spec?: {
    readonly template: {
      readonly spec: { readonly containers: readonly Container[]; readonly securityContext: Record<string, unknown> }
    }
  }
}

const files = globSync('deploy/**/*.yaml', { cwd: ROOT }).sort()
const texts = new Map(files.map(file => [file, readFileSync(join(ROOT, file), 'utf8')]))

function documentsOf(file: string) {
  return parseAllDocuments(texts.get(file) ?? '').filter(document => 'contents' in document)
}

const manifests = files
  .flatMap(file => documentsOf(file).map(document => [file, document.toJS() as Manifest] as const))
  .filter(([, manifest]) => manifest.metadata !== undefined)

const workloads = manifests
  .filter(([, { kind }]) => ['Deployment', 'DaemonSet', 'StatefulSet'].includes(kind))
  .flatMap(([file, { spec }]) =>
    (spec?.template.spec.containers ?? [])
      .filter(({ name }) => name === 'waypost')
      .map(container => ({ file, container, pod: spec?.template.spec })),
  )

describe('deploy/', () => {
  it('is YAML without a fault', () => {
    const faults = files.flatMap(file => documentsOf(file).flatMap(({ errors }) => errors.map(e => `${file}: ${e}`)))
    expect(faults).toEqual([])
  })

  it('has a workload in the base and in the overlays that bring one', () => {
    expect(workloads.map(({ file }) => file)).toEqual([
      'deploy/base/deployment.yaml',
      'deploy/overlays/node/daemon-set.yaml',
      'deploy/overlays/sidecar-api/stateful-set.yaml',
    ])
  })

  it('says of every rule of RBAC why it is there', () => {
    const bare: string[] = []
    let rules = 0
    for (const file of files) {
      for (const document of documentsOf(file)) {
        const list = isMap(document.contents) ? document.get('rules', true) : undefined
        if (!isSeq(list)) continue
        list.items.forEach((rule, i) => {
          if (!isMap(rule)) return
          rules++
          // A comment above the first rule belongs to the list.
          const first = rule.items[0]?.key
          const comment = rule.commentBefore ?? (isScalar(first) ? first.commentBefore : null)
          if (!comment && !(i === 0 && list.commentBefore)) bare.push(`${file}: rule ${i}`)
        })
      }
    }
    expect(bare).toEqual([])
    expect(rules).toBeGreaterThan(10)
  })

  it('lets Waypost write what its code writes, and no more', () => {
    const granted = new Map<string, Set<string>>()
    const roles = manifests.filter(
      ([file, { kind }]) => file.startsWith('deploy/base/') && /^(Cluster)?Role$/.test(kind),
    )
    for (const { apiGroups, resources, verbs } of roles.flatMap(([, { rules = [] }]) => rules)) {
      const writes = verbs.filter(verb => !['get', 'list', 'watch'].includes(verb))
      for (const group of apiGroups) {
        for (const resource of resources) {
          const key = `${resource}.${group}`
          for (const verb of writes) granted.set(key, (granted.get(key) ?? new Set()).add(verb))
        }
      }
    }
    expect(Object.fromEntries(Array.from(granted, ([key, verbs]) => [key, [...verbs].sort()]))).toEqual({
      'ipaddresses.networking.k8s.io': ['create', 'delete'],
      'services.': ['patch'],
      'events.events.k8s.io': ['create', 'patch'],
      'mutatingwebhookconfigurations.admissionregistration.k8s.io': ['patch'],
      'leases.coordination.k8s.io': ['create', 'update'],
      'secrets.': ['create', 'update'],
    })
  })

  it('gives away no rights by wildcard', () => {
    expect(files.filter(file => /(verbs|resources|apiGroups): \[.*"\*"/.test(texts.get(file) ?? ''))).toEqual([])
  })
})

describe.each(globSync('deploy/**/waypost.yaml', { cwd: ROOT }).sort())('the configuration %s', file => {
  it('has no fault, follows an API server, forwards, and listens where the manifests say', () => {
    const resolvers = { '/etc/resolv.conf': 'nameserver 2001:db8::53\n' }
    const surroundings = fakeSurroundings({ '/etc/waypost/waypost.yaml': texts.get(file) ?? '', ...resolvers })
    const config = loadConfig({ file: '/etc/waypost/waypost.yaml', flags: {}, surroundings })
    expect(config.networks.map(({ cluster }) => cluster.source.kubernetes !== null)).toEqual([true])
    expect(config.dns.forward).not.toBeNull()
    expect([...new Set(config.dns.listen.map(({ port }) => port))]).toEqual([53])
    expect([...new Set(config.http.probes.map(({ port }) => port))]).toEqual([8080, 8181, 9153])
    expect(config.http.listen.port).toBe(8053)
    expect(config.data).toBe('/data')
    if (!file.includes('/node/')) expect(config.admission.listen?.port).toBe(8443)
  })
})

describe.each(workloads)('the container of $file', ({ container, pod }) => {
  it('may bind low ports and nothing else', () => {
    expect(container.securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] },
    })
    const both = { ...pod?.securityContext, ...container.securityContext }
    expect(both).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } })
  })

  it('asks for memory and CPU, and is probed as CoreDNS is', () => {
    expect(container.resources).toEqual({
      requests: { cpu: expect.stringMatching(/^\d+m$/), memory: '192Mi' },
      limits: { memory: '512Mi' },
    })
    const port = (name: string) => container.ports.find(entry => entry.name === name)?.containerPort
    expect(container.livenessProbe?.httpGet).toEqual({ path: '/health', port: 'health' })
    expect([port('health'), port('ready'), port('metrics')]).toEqual([8080, 8181, 9153])
    expect([port('dns'), port('dns-tcp')]).toEqual([53, 53])
  })
})
