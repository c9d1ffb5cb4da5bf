/** A cluster behind a fake API server, and what a source makes of it. */
import { Credentials } from '#src/cluster/kubernetes/client/credentials.ts'
import { HttpClient } from '#src/cluster/kubernetes/client/http-client.ts'
import type { ReflectorTimes } from '#src/cluster/kubernetes/reflector/options.ts'
import { KubernetesSource, type KubernetesSourceOptions } from '#src/cluster/kubernetes.ts'
import type { ObjectChange } from '#src/cluster/objects.ts'
import type { SourceProblem, SourceSink } from '#src/cluster/source.ts'
import { Store } from '#src/cluster/store.ts'
import { FakeKubernetes, type SeenRequest } from '#support/kubernetes/server.ts'
import type { Watch } from '#support/kubernetes/watches.ts'
import { Lines } from '../values.ts'

/** Short, so that a test waits for nothing but what it looks at. */
export const QUICK: ReflectorTimes = {
  backOff: { firstMs: 5, longestMs: 40, healthyMs: 1_000 },
  idleMs: 5_000,
  answerMs: 5_000,
  shortMs: 0,
  absentMs: 20,
  pollMs: 20,
}

export class Followed implements SourceSink {
  readonly api: FakeKubernetes
  readonly log: Lines = new Lines()
  readonly store: Store = new Store()
  readonly batches: (readonly ObjectChange[])[] = []
  readonly source: KubernetesSource
  problemList: readonly SourceProblem[] = []
  syncs = 0
  relists = 0
  readonly #client: HttpClient

  private constructor(api: FakeKubernetes, client: HttpClient, options: Partial<KubernetesSourceOptions>) {
    this.api = api
    this.#client = client
    this.source = new KubernetesSource({
      client: () => Promise.resolve(client),
      namespaces: null,
      labelSelector: null,
      pods: false,
      addresses: null,
      logger: this.log,
      random: () => 0.5,
      times: QUICK,
      ...options,
    })
  }

  /** The API server listens; the source is not started. */
  static async make(options: Partial<KubernetesSourceOptions> = {}): Promise<Followed> {
    const api = new FakeKubernetes()
    await api.start()
    const tls = {}
    const access = { server: api.url, headers: {}, tls, tokenFile: null, proxy: null, namespace: 'default' }
    const client = new HttpClient(await Credentials.open(() => Promise.resolve(access)), 'waypost/test')
    return new Followed(api, client, options)
  }

  async start(): Promise<void> {
    await this.source.start(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.stop()
    await this.#client.close()
    await this.api.stop()
  }

  apply(changes: readonly ObjectChange[]): void {
    this.batches.push(changes)
    this.store.apply(changes)
  }

  synced(): void {
    this.syncs++
  }

  relisted(): void {
    this.relists++
  }

  problems(list: readonly SourceProblem[]): void {
    this.problemList = list
  }

  /** `name:port` of every Service, sorted. */
  services(): string {
    return [...this.store.services()]
      .map(service => `${service.name}:${service.ports[0]?.port}`)
      .sort()
      .join(' ')
  }

  /** Requests for one resource: `list`, `list …`, `watch …` with the query's parts that matter. */
  requests(plural: string): string[] {
    return this.api.requests.filter(request => request.plural === plural).map(describe)
  }

  /** Requests behind those that were there when the function was made. */
  since(plural: string): () => string[] {
    const before = this.requests(plural).length
    return () => this.requests(plural).slice(before)
  }

  /** Watches on the resource that are open. */
  watches(plural: string): Watch[] {
    return [...this.api.watches].filter(watch => watch.resource.plural === plural)
  }

  /** Relists and errors of a resource. */
  figures(plural: string): { relists: number; errors: Record<string, number>; objects: number } {
    const found = this.source.resources().find(resource => resource.name === plural)
    if (found === undefined) throw new Error(`${plural} is not followed`)
    return { relists: found.relists, errors: Object.fromEntries(found.errors), objects: found.objects }
  }
}

function describe({ isWatch, method, query, path }: SeenRequest): string {
  if (!isWatch && query.size === 0 && method === 'GET') return `get ${path}`
  const parts = ['resourceVersion', 'limit', 'continue', 'sendInitialEvents']
  const shown = parts.filter(name => query.has(name)).map(name => `${name}=${query.get(name)}`)
  return [isWatch ? 'watch' : 'list', ...shown].join(' ')
}

/** A Service. */
export function service(name: string, port = 80, rest: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, ...rest },
    spec: { clusterIP: 'fd00::1', ports: [{ port }] },
  }
}

/** A slice of a Service with endpoints `fd00::1:1` and so on. */
export function slice(name: string, owner: string, count: number, annotations: object = {}): object {
  const labels = { 'kubernetes.io/service-name': owner }
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, labels, annotations },
    addressType: 'IPv6',
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: Array.from({ length: count }, (_, i) => ({
      addresses: [`fd00::1:${(i + 1).toString(16)}`],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName: 'node-1',
      targetRef: {
        kind: 'Pod',
        namespace: 'default',
        name: `${owner}-${i}`,
        uid: '00000000-0000-0000-0000-000000000000',
      },
    })),
  }
}
