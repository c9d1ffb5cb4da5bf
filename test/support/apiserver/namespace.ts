/**
 * A network namespace with two links to this machine: over one Waypost reaches the API server, and the test can drop
 * what crosses it without either end being told; over the other the test sees Waypost. Needs root and iproute2.
 *
 * ```text
 *   here                      namespace
 *   fd77:n:a::1 ── api ────── fd77:n:a::2     traffic can be dropped
 *   fd77:n:b::1 ── control ── fd77:n:b::2     n: of this process, so that tests can run side by side
 * ```
 */
import { execFileSync } from 'node:child_process'

/** No interface has it: frames to it are thrown away by whoever gets them. */
const NOBODY = '02:00:00:00:00:01'
const OWN = (process.pid % 0x10000).toString(16)
const API_PREFIX = `fd77:${OWN}:a::`
const CONTROL_PREFIX = `fd77:${OWN}:b::`

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Whether this process may make namespaces. */
export function canMakeNamespaces(): boolean {
  try {
    ip('netns', 'add', `waypost-probe-${process.pid}`)
    ip('netns', 'delete', `waypost-probe-${process.pid}`)
    return true
  } catch {
    return false
  }
}

/** See the top of the file. */
export class NetworkNamespace {
  readonly name: string = `waypost-${process.pid}`
  readonly hostAddress: string = `${API_PREFIX}1`
  /** Where the namespace is reached whatever is dropped. */
  readonly controlAddress: string = `${CONTROL_PREFIX}2`
  readonly #api = `wpa${process.pid % 100_000}`
  readonly #control = `wpc${process.pid % 100_000}`

  constructor() {
    ip('netns', 'add', this.name)
    this.#link(this.#api, 'api', API_PREFIX)
    this.#link(this.#control, 'control', CONTROL_PREFIX)
    ip('-n', this.name, 'link', 'set', 'lo', 'up')
  }

  /** Puts a command into the namespace. */
  command(command: string, args: readonly string[]): readonly [string, readonly string[]] {
    return ['ip', ['netns', 'exec', this.name, command, ...args]]
  }

  /** From now on nothing arrives in either direction, and nothing says so. */
  drop(): void {
    ip('neigh', 'replace', `${API_PREFIX}2`, 'lladdr', NOBODY, 'nud', 'permanent', 'dev', this.#api)
    ip('-n', this.name, 'neigh', 'replace', `${API_PREFIX}1`, 'lladdr', NOBODY, 'nud', 'permanent', 'dev', 'api')
  }

  /** Undoes {@link drop}. */
  pass(): void {
    ip('neigh', 'delete', `${API_PREFIX}2`, 'dev', this.#api)
    ip('-n', this.name, 'neigh', 'delete', `${API_PREFIX}1`, 'dev', 'api')
  }

  delete(): void {
    ip('netns', 'delete', this.name)
  }

  #link(here: string, there: string, prefix: string): void {
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', this.name)
    ip('address', 'add', `${prefix}1/64`, 'dev', here, 'nodad')
    ip('link', 'set', here, 'up')
    ip('-n', this.name, 'address', 'add', `${prefix}2/64`, 'dev', there, 'nodad')
    ip('-n', this.name, 'link', 'set', there, 'up')
  }
}
