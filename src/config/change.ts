/** What a new configuration changes, and how much of that needs no restart. */
import { formatPrefix, type Prefix } from '../ip/prefix.ts'
import type { Config } from './model.ts'

/** The values that differ, as paths of the configuration file. */
export interface ConfigChange {
  /** These take effect at once. */
  readonly reloadable: readonly string[]
  /** These wait for a restart. */
  readonly fixed: readonly string[]
}

/**
 * What the running server can take. Everything else is bound to sockets, threads, claims or watches. (Zone files are
 * read again at each reload; it is the name of their folder that stays.)
 */
const RELOADABLE: readonly string[] = [
  'dns.ttl',
  'dns.udpSize',
  'dns.nsid',
  'dns.chaos',
  'dns.cookies',
  'dns.rateLimit',
]

/** Compares two configurations. Networks are told apart by their place in the list. */
export function loadChange(before: Config, after: Config): ConfigChange {
  const old = leavesOf(before)
  const now = leavesOf(after)
  const paths = [...new Set([...old.keys(), ...now.keys()])].filter(path => old.get(path) !== now.get(path)).sort()
  const canReload = (path: string): boolean => RELOADABLE.some(key => path === key || path.startsWith(`${key}.`))
  return { reloadable: paths.filter(canReload), fixed: paths.filter(path => !canReload(path)) }
}

/** Names of the file's keys where the loaded configuration has another. */
const FILE_KEYS: Readonly<Record<string, string>> = { restMs: 'rest', leaseMs: 'lease', idleMs: 'idle' }

function leavesOf(config: Config): Map<string, string> {
  const leaves = new Map<string, string>()
  const visit = (value: unknown, path: string): void => {
    if (isPrefixValue(value)) leaves.set(path, formatPrefix(value))
    else if (Array.isArray(value)) for (const [i, item] of value.entries()) visit(item, `${path}[${i}]`)
    else if (typeof value === 'object' && value !== null) {
      for (const [key, part] of Object.entries(value)) {
        const name = FILE_KEYS[key] ?? key
        visit(part, path === '' ? name : `${path}.${name}`)
      }
    } else leaves.set(path, JSON.stringify(value))
  }
  visit(config, '')
  return leaves
}

function isPrefixValue(value: unknown): value is Prefix {
  return typeof value === 'object' && value !== null && 'family' in value && 'length' in value
}
