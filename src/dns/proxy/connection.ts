/** The beginning of a connection that a load balancer makes for a client: who the client is. */
import type { Socket } from 'node:net'
import type { Address } from '../../ip/address.ts'
import { INCOMPLETE, PROTOCOL, ProxyHeader } from './header.ts'

/**
 * Takes the PROXY header off the connection; what follows it is left to be read.
 *
 * @param peer who speaks when the header says that the balancer speaks for itself.
 * @param done gets the client's address; null: there is no good header. Not called when the connection ends before.
 */
export function takeProxyHeader(socket: Socket, peer: Address, done: (source: Address | null) => void): void {
  const header = new ProxyHeader()
  let held: Uint8Array = new Uint8Array(0)
  const read = (): void => {
    const chunk = socket.read() as Buffer | null
    if (chunk === null) return
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    const octets = header.read(held, 0, held.length, PROTOCOL.stream)
    if (octets === INCOMPLETE) return
    socket.removeListener('readable', read)
    if (octets > 0 && octets < held.length) socket.unshift(held.subarray(octets))
    if (octets < 0) done(null)
    else done(header.isLocal ? peer : (Uint8Array.from(header.source) as Address))
  }
  socket.on('readable', read)
}
