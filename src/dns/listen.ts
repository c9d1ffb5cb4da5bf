/** Addresses that the server listens on, and what is said when one cannot be had. */
import { getSystemErrorMap } from 'node:util'
import { WaypostError } from '../errors.ts'
import { type Address, familyOf, parseAddress } from '../ip/address.ts'

/** Where to listen. Port 0 asks for any port that is free for UDP and TCP alike. */
export interface ListenAddress {
  readonly address: string
  readonly port: number
}

/** `[::1]:53`, `127.0.0.1:53`. */
export function formatListenAddress({ address, port }: ListenAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}

/** The address as bytes. @throws WaypostError `WAY_LISTEN` when the text is no address. */
export function listenBytes(listen: ListenAddress): Address {
  const address = parseAddress(listen.address)
  if (address === null) {
    throw new WaypostError('WAY_LISTEN', `Cannot listen on ${formatListenAddress(listen)}: it is no IP address`)
  }
  return address
}

/** Whether the address means every address of its family: `::` or `0.0.0.0`. */
export function isWildcard(address: Address): boolean {
  const start = familyOf(address) === 'IPv4' ? 12 : 0
  for (let i = start; i < address.length; i++) if (address[i] !== 0) return false
  return true
}

/** The error `WAY_LISTEN` for a socket that could not be opened; `code` is the system's name of the reason. */
export function listenError(listen: ListenAddress, protocol: 'UDP' | 'TCP', code: string): WaypostError {
  const message = `Cannot listen on ${formatListenAddress(listen)} (${protocol}): ${reasonOf(listen, code)} (${code})`
  return listenFailed(message, { listen, code })
}

/** What could not be opened, and the system's name of the reason. */
export interface ListenFailure {
  readonly listen: ListenAddress
  readonly code: string
}

/** The error `WAY_LISTEN` with its failure as the cause. */
export function listenFailed(message: string, failure: ListenFailure): WaypostError {
  return new WaypostError('WAY_LISTEN', message, { cause: failure })
}

/** The failure of an error that {@link listenFailed} made; null for any other error. */
export function listenFailureOf(error: unknown): ListenFailure | null {
  if (!(error instanceof WaypostError) || error.code !== 'WAY_LISTEN') return null
  return (error.cause as ListenFailure | undefined) ?? null
}

/** Whether an error says that a port was taken which the system had chosen for port 0, so that another one may be free. */
export function wasChosenPortTaken(listen: readonly ListenAddress[], error: unknown): boolean {
  const failure = listenFailureOf(error)
  if (failure === null || failure.code !== 'EADDRINUSE') return false
  const { address, port } = failure.listen
  const isFixed = listen.some(fixed => fixed.address === address && fixed.port === port)
  return !isFixed && listen.some(({ port: asked }) => asked === 0)
}

function reasonOf({ port }: ListenAddress, code: string): string {
  if (code === 'EADDRINUSE') return 'another socket has the port'
  if (code === 'EACCES' && port < 1024) return 'ports below 1024 need root or the capability NET_BIND_SERVICE'
  if (code === 'EADDRNOTAVAIL') return 'no interface has this address'
  for (const [name, message] of getSystemErrorMap().values()) if (name === code) return message
  return 'the system refused'
}
