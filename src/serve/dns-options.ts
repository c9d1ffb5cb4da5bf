/** What the DNS threads are told and may be told anew while they run: options of replies, certificates. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { DataPlane } from '../dns/plane.ts'
import type { ResponderOptions } from '../dns/responder.ts'
import { CookieSecrets } from './cookie-secrets.ts'
import { DnsCertificates } from './dns-certificates.ts'
import { responderOf } from './responder-options.ts'

/** Tells the threads of changes: another configuration, other certificates, another secret. */
export class DnsOptions {
  readonly certificates: DnsCertificates
  /** null: the threads are not started yet. */
  #plane: Pick<DataPlane, 'setCertificates' | 'setResponderOptions'> | null = null
  readonly #started: Config
  readonly #secrets: CookieSecrets
  /** The configuration, with what was changed at run time. */
  #present: Config

  /** @throws WaypostError `WAY_DNS_CERTIFICATE` when a certificate cannot be used. */
  constructor(config: Config, log: Pick<Logger, 'error'>) {
    this.#started = config
    this.#present = config
    this.certificates = new DnsCertificates({
      tls: config.dns.tls,
      https: config.dns.https,
      onChange: certificates => this.#plane?.setCertificates(certificates),
      onProblem: message => log.error({ event: 'certificate_problem' }, message),
    })
    this.#secrets = new CookieSecrets(() => this.#publish())
  }

  /** From now on the threads are told; and what has changed while they started. */
  tell(plane: Pick<DataPlane, 'setCertificates' | 'setResponderOptions'>): void {
    this.#plane = plane
    plane.setCertificates(this.certificates.present)
  }

  /** The options of replies. */
  get responder(): ResponderOptions {
    return responderOf(this.#present, this.#started, this.#secrets)
  }

  /** Takes over what of a new configuration can change at run time, and reads certificates again. */
  reconfigure(config: Config): void {
    this.#present = config
    this.certificates.reload()
    this.#publish()
  }

  stop(): void {
    this.#secrets.stop()
    this.certificates.stop()
  }

  #publish(): void {
    this.#plane?.setResponderOptions(this.responder)
  }
}
