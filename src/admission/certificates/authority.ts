/**
 * Certificates that Waypost makes itself. The replicas share an authority through a Secret; each signs its own serving
 * certificate with it and sees to it that the API servers believe it. Everything is done in one pass that is repeated
 * for ever, so whatever somebody deletes, overwrites or restores is mended at the next one.
 *
 * ```
 *  pass:  Secret absent or useless ─► make an authority, create it (409: read again)
 *         a third of its life left ─► make the next one, keep the old one as "previous"
 *         caBundle                 ─► present + previous, in every cluster
 *         serving certificate      ─► a third of its life left, or not of the present authority: sign anew
 *
 *  authority   ├──────── A ────────┤
 *              │            ├──────── B ────────┤
 *  bundle      │ A          │ A+B  │ B
 *  serving     │ by A       │ by A │ by B          by B only once a pass has found B in the bundle
 * ```
 */
import { X509Certificate } from 'node:crypto'
import type { KubernetesClient } from '../../cluster/kubernetes/client.ts'
import { WaypostError } from '../../errors.ts'
import { type BundleOutcome, publishBundle } from './bundle.ts'
import { endOf, isOld, issueServing, type KeyedCertificate, makeAuthority } from './issue.ts'
import { type Authorities, readSecret, writeSecret } from './secret.ts'

/** What the keeper needs. */
export interface CertificateKeeperOptions {
  /** The clusters whose API servers call; the Secret is in the first. */
  readonly clients: readonly (() => Promise<KubernetesClient>)[]
  /** Name of the Secret, in the namespace of the credentials. */
  readonly secret: string
  /** Name of the MutatingWebhookConfiguration. */
  readonly webhook: string
  /** The names and addresses under which API servers call, given the namespace of the credentials. */
  names(namespace: string): readonly string[]
  /** Milliseconds since the epoch. */
  clock(): number
  /** A serving certificate to use from now on. */
  onCertificate(certificate: KeyedCertificate): void
  readonly log: { info(fields: object, message: string): void; warn(fields: object, message: string): void }
}

/** Milliseconds between two passes, and after one that failed or found no webhook configuration. */
export const PASS_INTERVAL = 60_000
const RETRY_INTERVAL = 5000
/** How often another replica may be faster in one pass. */
const RACES = 5

/** See the top of the file. */
export class CertificateKeeper {
  readonly #options: CertificateKeeperOptions
  #serving: (KeyedCertificate & { readonly authority: string }) | null = null
  #timer: NodeJS.Timeout | null = null
  #stopped = false
  #said = ''
  /** A webhook configuration is not there yet. */
  #isAwaited = false

  constructor(options: CertificateKeeperOptions) {
    this.#options = options
  }

  /** When the serving certificate ends, in milliseconds since the epoch; null while there is none. */
  get expires(): number | null {
    return this.#serving === null ? null : endOf(this.#serving.cert)
  }

  /** Does the first pass and goes on by itself; a pass that fails is repeated. */
  async start(): Promise<void> {
    let delay = PASS_INTERVAL
    try {
      await this.pass()
      // Who installs it waits for the first answer.
      if (this.#isAwaited) delay = RETRY_INTERVAL
    } catch (error) {
      // Whatever it is, the next pass is worth a try: without passes the certificate runs out.
      const code = error instanceof WaypostError ? error.code : 'WAY_INTERNAL'
      this.#say({ event: 'certificate_problem', code }, error instanceof Error ? error.message : String(error))
      delay = RETRY_INTERVAL
    }
    if (this.#stopped) return
    this.#timer = setTimeout(() => void this.start(), delay)
    this.#timer.unref()
  }

  stop(): void {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  /** One pass. @throws WaypostError WAY_KUBERNETES_UNREACHABLE, WAY_ADMISSION_CERTIFICATE. */
  async pass(): Promise<void> {
    const { clock, log, onCertificate, webhook } = this.#options
    const clients = await Promise.all(this.#options.clients.map(open => open()))
    const [first] = clients
    if (first === undefined) throw new TypeError('no cluster to keep the authority in')
    const { present, previous } = await this.#authorities(first)
    const bundle = previous === null || endOf(previous) <= clock() ? present.cert : present.cert + previous
    const outcomes = await Promise.all(clients.map(client => publishBundle(client, webhook, bundle)))
    this.#noteOutcomes(outcomes)
    const serving = this.#serving
    const isOwn = serving !== null && serving.authority === present.cert
    if (isOwn && !isOld(serving.cert, clock())) return
    // whoever has not read the new bundle yet still believes what the former authority signed
    const isUsable = serving !== null && serving.authority === previous && endOf(serving.cert) > clock()
    if (isUsable && outcomes.includes('written')) return
    const names = this.#options.names(first.namespace)
    const next = await issueServing(present, names, clock())
    this.#serving = { ...next, authority: present.cert }
    onCertificate(next)
    const until = new Date(endOf(next.cert)).toISOString()
    log.info({ event: 'certificate_issued', names, until }, 'A serving certificate was made')
  }

  /** The authorities of the Secret, made or replaced when that is due. */
  async #authorities(client: KubernetesClient): Promise<Authorities> {
    const { clock, log, secret } = this.#options
    const place = { client, name: secret }
    for (let race = 0; race < RACES; race++) {
      const { content, resourceVersion } = await readSecret(place, clock())
      if (content !== null && !isOld(content.present.cert, clock())) return content
      const next: Authorities = { present: await makeAuthority(clock()), previous: content?.present.cert ?? null }
      if (!(await writeSecret(place, next, resourceVersion))) continue
      const until = new X509Certificate(next.present.cert).validToDate.toISOString()
      log.info({ event: 'authority_made', secret, until, replaces: content !== null }, 'An authority was made')
      return next
    }
    throw new WaypostError('WAY_ADMISSION_CERTIFICATE', `Cannot write Secret "${secret}": it changes all the time`)
  }

  #noteOutcomes(outcomes: readonly BundleOutcome[]): void {
    const { webhook } = this.#options
    const message = `There is no MutatingWebhookConfiguration "${webhook}" yet, so no API server asks for addresses`
    this.#isAwaited = outcomes.includes('missing')
    if (this.#isAwaited) this.#say({ event: 'webhook_missing', webhook }, message)
    else this.#said = ''
  }

  /** Says a thing once, until something else was said. */
  #say(fields: object, message: string): void {
    if (message !== this.#said) this.#options.log.warn(fields, message)
    this.#said = message
  }
}
