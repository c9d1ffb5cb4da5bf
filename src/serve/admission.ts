/**
 * The admission part of a server: the webhook, its listener, where the listener's certificate comes from, and the
 * cluster's side of each network that has one.
 */
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { CertificateKeeper } from '../admission/certificates/authority.ts'
import { watchCertificateFiles } from '../admission/certificates/files.ts'
import type { KeyedCertificate } from '../admission/certificates/issue.ts'
import type { AppAddresses } from '../admission/cluster/app-addresses.ts'
import type { Finding, FindingSink } from '../admission/cluster/findings.ts'
import type { ReconcileFigures } from '../admission/cluster/reconcile.ts'
import { RequestFigures } from '../admission/figures.ts'
import { buildListener, setCertificate } from '../admission/listener.ts'
import { Webhook } from '../admission/webhook.ts'
import type { ClusterAddressSink } from '../cluster/kubernetes/addresses.ts'
import type { KubernetesClient } from '../cluster/kubernetes/client.ts'
import type { SharedClient } from '../cluster/kubernetes/shared-client.ts'
import type { Config } from '../config.ts'
import type { Control } from '../control/control.ts'
import { listenError } from '../dns/listen.ts'
import type { Allocator } from '../pool/allocator.ts'
import type { OwnerRef } from '../pool/claims.ts'
import { ClusterSide } from './cluster-side.ts'

/** What the part is made of. */
export interface AdmissionOptions {
  readonly config: Config
  /** Made after this. */
  readonly control: () => Control
  readonly allocator: Allocator
  /** The client of a network's cluster; null when its source is a folder. */
  clientOf(network: string): SharedClient | null
  /** Takes what somebody should know of a Service. */
  readonly onFinding: FindingSink
  readonly log: Logger
  /** The listener can be called: it has a certificate, or needs none. */
  onReady(): void
}

/** How often certificate files are read. */
const FILES_INTERVAL = 10_000

/** Findings that are remembered as logged; then all of them may come once more. */
const MOST_SAID = 10_000

/** See the top of the file. */
export class Admission {
  readonly webhook: Webhook
  readonly #options: AdmissionOptions
  readonly #stops: (() => unknown)[] = []
  readonly #clients: (() => Promise<KubernetesClient>)[] = []
  readonly #sides = new Map<string, ClusterSide>()
  readonly #started = new Set<ClusterSide>()
  readonly #said = new Set<string>()

  constructor(options: AdmissionOptions) {
    const { allocator, config, control, log } = options
    this.#options = options
    const onFinding: FindingSink = finding => this.#takeFinding(finding)
    this.webhook = new Webhook({
      networks: config.networks.map(({ name }) => ({
        name,
        isKnown: () => control().find(name)?.feed.serving === true,
        secondLook: options.clientOf(name) === null ? null : owner => this.#look(name, owner),
      })),
      allocator,
      figures: new RequestFigures(),
      onFinding,
      now: () => performance.now() / 1000,
    })
    for (const network of config.networks) {
      const client = options.clientOf(network.name)
      if (client === null) continue
      const { leaseMs } = config.pool
      const open = () => client.get()
      this.#clients.push(open)
      const side = new ClusterSide({ network, leaseMs, allocator, client: open, control, onFinding, log })
      this.#sides.set(network.name, side)
    }
  }

  /** Who is told of a network's ServiceCIDRs and IPAddresses; null when it has no cluster. */
  sinkOf(network: string): ClusterAddressSink | null {
    return this.#sides.get(network)?.addresses ?? null
  }

  /** Where the addresses of a network's apps are kept, when not in the ledger alone; null: in that alone. */
  appsOf(network: string): AppAddresses | null {
    return this.#sides.get(network)?.apps ?? null
  }

  /** The figures of the reconcile, by network. */
  figures(): readonly ReconcileFigures[] {
    return Array.from(this.#sides.values(), side => side.figures())
  }

  /** Called whenever a network's state may have come: the first time, it is compared with the claims. */
  noteState(): void {
    for (const side of this.#sides.values()) {
      if (this.#started.has(side) || this.#options.control().find(side.network)?.feed.hasSynced !== true) continue
      this.#started.add(side)
      side.start()
      this.#stops.push(() => side.stop())
    }
  }

  /**
   * Binds the listener; gives its URL, or null when none is configured.
   *
   * @throws WaypostError WAY_LISTEN, WAY_ADMISSION_CERTIFICATE.
   */
  async start(): Promise<string | null> {
    const { config, log, onReady } = this.#options
    const { listen, tls } = config.admission
    if (listen === null) return null
    const app = buildListener({
      tls: tls === 'off' ? null : {},
      logger: log,
      review: (network, body) => this.webhook.review(network, body),
    })
    this.#stops.push(() => app.close())
    if (tls === 'off') onReady()
    else if (tls !== 'auto') this.#readFiles(app, tls)
    const bound = await app.listen({ host: listen.address, port: listen.port }).catch(error => {
      throw listenError(listen, 'TCP', String((error as NodeJS.ErrnoException).code))
    })
    if (tls === 'auto') this.#keepCertificates(app)
    // fastify does not see that the server it was given speaks TLS
    return tls === 'off' ? bound : bound.replace(/^http:/, 'https:')
  }

  /** Ends the listener and what renews its certificate. */
  async stop(): Promise<void> {
    await Promise.all(this.#stops.splice(0).map(stop => stop()))
  }

  #readFiles(app: FastifyInstance, files: { readonly cert: string; readonly key: string }): void {
    const { log } = this.#options
    const stop = watchCertificateFiles({
      ...files,
      intervalMs: FILES_INTERVAL,
      onCertificate: certificate => this.#use(app, certificate),
      onProblem: message => log.error({ event: 'certificate_problem' }, message),
    })
    this.#stops.push(stop)
  }

  /** Goes on in the background: without its API server a cluster asks nobody. */
  #keepCertificates(app: FastifyInstance): void {
    const { config, log } = this.#options
    const { secret, webhook, service, names } = config.admission
    const keeper = new CertificateKeeper({
      clients: this.#clients,
      secret,
      webhook,
      names: namespace => [`${service}.${namespace}.svc`, ...names],
      clock: Date.now,
      onCertificate: certificate => this.#use(app, certificate),
      log,
    })
    this.#stops.push(() => keeper.stop())
    keeper.start().catch(error => log.error({ event: 'internal_error', error: String(error) }, 'A step failed'))
  }

  async #look(network: string, owner: OwnerRef): Promise<void> {
    await this.#sides.get(network)?.secondLook.look(owner)
  }

  /** The same finding comes at every reconcile; the log has it once. */
  #takeFinding(finding: Finding): void {
    const { kind, message, ...fields } = finding
    const key = `${kind} ${finding.network} ${finding.service} ${finding.address}`
    if (kind === 'exhausted' || !this.#said.has(key)) {
      this.#options.log.warn({ event: 'address_finding', kind, ...fields }, message)
    }
    if (this.#said.size >= MOST_SAID) this.#said.clear()
    if (kind !== 'exhausted') this.#said.add(key)
    this.#options.onFinding(finding)
  }

  #use(app: FastifyInstance, certificate: KeyedCertificate): void {
    setCertificate(app, certificate)
    this.#options.log.info({ event: 'certificate_used' }, 'The admission listener has a certificate')
    this.#options.onReady()
  }
}
