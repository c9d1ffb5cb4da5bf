/** One free port for UDP and TCP. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import type { Server } from 'node:net'

/** Binds a UDP socket to a free port and lets the server listen there; another port is tried where TCP has it already. */
export async function bindOnePort(tcp: Server, address: string): Promise<UdpSocket> {
  for (;;) {
    const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    udp.bind({ address, port: 0 })
    await once(udp, 'listening')
    tcp.listen({ host: address, port: udp.address().port })
    const isFree = await once(tcp, 'listening').then(
      () => true,
      () => false,
    )
    if (isFree) return udp
    udp.close()
  }
}
