/** DNS over TLS (RFC 7858): the messages of DNS over TCP, inside of TLS. */
import type { Socket } from 'node:net'
import { createServer } from 'node:tls'
import type { Address } from '../../ip/address.ts'
import type { ConnectionLimits } from '../tcp/stream-connection.ts'
import { DnsStreams, type StreamService } from '../tcp/stream-service.ts'
import { type AnswerContext, TLS } from '../transport.ts'
import { type Certificate, TlsGate, tlsOptions } from './tls-gate.ts'

/** The protocol's name in the handshake (RFC 7858 section 3.1 has none; IANA "TLS ALPN Protocol IDs"). */
const ALPN = 'dot'

/** See the top of the file. */
export class TlsStreams implements StreamService {
  readonly transport: number = TLS
  readonly #gate: TlsGate
  readonly #streams: DnsStreams

  constructor(context: AnswerContext, limits: ConnectionLimits, certificate: Certificate) {
    this.#streams = new DnsStreams(context, limits, TLS)
    const server = createServer({ ...tlsOptions(certificate, limits.idleMs), ALPNProtocols: [ALPN] })
    this.#gate = new TlsGate(server, context.counters, (socket, source) => this.#streams.take(socket, source))
  }

  take(socket: Socket, source: Address): void {
    this.#gate.take(socket, source)
  }

  setCertificate(certificate: Certificate): void {
    this.#gate.setCertificate(certificate)
  }

  finish(): void {
    this.#gate.stop()
    this.#streams.finish()
  }
}
