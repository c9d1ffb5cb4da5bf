/** Opens the UDP sockets of the batched transport, and finds ports that are free. On the control thread. */
import { createSocket } from 'node:dgram'
import { type ListenAddress, listenBytes, listenError } from '../listen.ts'
import { SystemCallError, type SystemCalls } from './system-calls.ts'

/** An open socket and the address that it is bound to. */
export interface OpenUdpSocket {
  readonly descriptor: number
  readonly listen: ListenAddress
}

/**
 * Opens a socket on every address for each of `workers` threads.
 *
 * A port shared with SO_REUSEPORT would also be shared with another process of the same user, which would then get a
 * part of the queries. So every port is bound alone first.
 *
 * @returns the sockets of each thread, in the order of `addresses`.
 * @throws WaypostError `WAY_LISTEN`, with nothing left open.
 */
export function openUdpSockets(
  calls: SystemCalls,
  addresses: readonly ListenAddress[],
  workers: number,
  receiveBuffer: number,
): OpenUdpSocket[][] {
  const opened: OpenUdpSocket[] = []
  const open = (listen: ListenAddress, shared: boolean): OpenUdpSocket => {
    const socket = openUdp(calls, listen, shared, receiveBuffer)
    opened.push(socket)
    return socket
  }
  try {
    if (workers === 1) return [addresses.map(listen => open(listen, false))]
    const bound = addresses.map(listen => {
      const alone = openUdp(calls, listen, false, receiveBuffer)
      calls.close(alone.descriptor)
      return alone.listen
    })
    const sockets = Array.from({ length: workers }, () => bound.map(listen => open(listen, true)))
    for (const { descriptor } of sockets[0] ?? []) spread(calls, descriptor, workers)
    return sockets
  } catch (error) {
    for (const { descriptor } of opened) calls.close(descriptor)
    throw error
  }
}

/** Where the kernel cannot (before 4.5), it chooses the socket by the sender, as it always does. */
function spread(calls: SystemCalls, descriptor: number, workers: number): void {
  try {
    calls.spread(descriptor, workers)
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error
  }
}

/** The address with its port, or with a free one in place of port 0. @throws WaypostError `WAY_LISTEN` when it is taken. */
export function probeUdp(listen: ListenAddress): Promise<ListenAddress> {
  listenBytes(listen)
  const isIPv6 = listen.address.includes(':')
  const socket = createSocket({ type: isIPv6 ? 'udp6' : 'udp4', ipv6Only: isIPv6 })
  return new Promise((resolve, reject) => {
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      reject(listenError(listen, 'UDP', error.code ?? ''))
    })
    socket.bind({ ...listen, exclusive: true }, () => {
      const { port } = socket.address()
      socket.close(() => resolve({ ...listen, port }))
    })
  })
}

function openUdp(calls: SystemCalls, listen: ListenAddress, shared: boolean, receiveBuffer: number): OpenUdpSocket {
  try {
    const { descriptor, port } = calls.openUdp({
      address: listenBytes(listen),
      port: listen.port,
      shared,
      receiveBuffer,
    })
    return { descriptor, listen: { ...listen, port } }
  } catch (error) {
    throw error instanceof SystemCallError ? listenError(listen, 'UDP', error.code) : error
  }
}
