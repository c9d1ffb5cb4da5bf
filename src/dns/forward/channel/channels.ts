/** Makes the ways to an upstream. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { familyOf, parseAddress } from '../../../ip/address.ts'
import type { SystemCalls } from '../../udp/system-calls.ts'
import type { RandomSource } from '../exchange/random.ts'
import type { UpstreamOptions } from '../options.ts'
import { BatchedSocket, DatagramBatch } from './batched-socket.ts'
import type { Channel } from './channel.ts'
import { DatagramChannel } from './datagram.ts'
import { HttpsChannel } from './https.ts'
import { PlainSocket } from './plain-socket.ts'
import { StreamChannel } from './stream.ts'

/** See the top of the file. One for each thread. */
export class Channels {
  readonly #random: RandomSource
  readonly #batch: DatagramBatch | null

  /** @param calls null: the batched system calls do not exist here. */
  constructor(random: RandomSource, calls: SystemCalls | null) {
    this.#random = random
    this.#batch = calls === null ? null : new DatagramBatch(calls)
  }

  /** The usual way, and the one for answers that were cut; both are the same but for UDP. */
  to(upstream: UpstreamOptions): { readonly channel: Channel; readonly streamChannel: Channel } {
    const { protocol } = upstream
    if (protocol === 'udp') return { channel: this.#overUdp(upstream), streamChannel: this.#overTcp(upstream) }
    const channel =
      protocol === 'tcp'
        ? this.#overTcp(upstream)
        : protocol === 'tls'
          ? new StreamChannel(() => openTls(upstream), this.#random)
          : overHttps(upstream)
    return { channel, streamChannel: channel }
  }

  #overUdp({ address, port }: UpstreamOptions): Channel {
    const random = this.#random
    const batch = this.#batch
    const octets = parseAddress(address)
    if (batch === null || octets === null) {
      return new DatagramChannel(events => new PlainSocket({ address, port }, random, events), random)
    }
    const peer = { address: octets, port, isIPv6: familyOf(octets) === 'IPv6' }
    return new DatagramChannel(events => new BatchedSocket(peer, random, batch, events), random)
  }

  #overTcp({ address, port }: UpstreamOptions): Channel {
    return new StreamChannel((): Socket => connectTcp({ host: address, port, autoSelectFamily: false }), this.#random)
  }
}

function openTls({ address, port, serverName, ca }: UpstreamOptions): TLSSocket {
  return connectTls({
    host: address,
    port,
    ...(serverName === null ? {} : { servername: serverName }),
    ...(ca === null ? {} : { ca }),
    ALPNProtocols: ['dot'],
    minVersion: 'TLSv1.2',
  })
}

function overHttps({ address, port, serverName, path, ca }: UpstreamOptions): Channel {
  const place = address.includes(':') ? `[${address}]` : address
  return new HttpsChannel({ origin: `https://${place}:${port}`, path: path ?? '/dns-query', serverName, ca })
}
