/** Starts a real server in front of upstreams, with a zone of its own. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type RunningWaypost, startWaypost } from '#support/waypost.ts'

/** Names in {@link HOME}: `n0` and so on. */
export const HOME_NAMES = 1000
/** The zone of our own. */
export const HOME = 'home.test'

/** How it is set. */
export interface ServerSetting {
  /** A folder of its own. */
  readonly folder: string
  /** Ports of loopback, in this order. */
  readonly upstreams: readonly number[]
  readonly isStaleGiven: boolean
  /** The core that the whole process runs on; absent: any. */
  readonly cpu?: number
}

/** Starts it and waits until it is ready. */
export async function startForwarding(setting: ServerSetting): Promise<RunningWaypost> {
  const { folder, upstreams, isStaleGiven, cpu } = setting
  const paths = { manifests: join(folder, 'manifests'), zones: join(folder, 'zones'), data: join(folder, 'data') }
  for (const path of [paths.manifests, paths.zones]) mkdirSync(path, { recursive: true })
  const names = Array.from({ length: HOME_NAMES }, (_, i) => `n${i} AAAA fd00::${i.toString(16)}`)
  const zone = ['$TTL 60', '@ SOA ns hostmaster 1 2h 30m 1d 60', '@ NS ns', 'ns AAAA fd00::ffff', ...names]
  writeFileSync(join(paths.zones, `${HOME}.zone`), `${zone.join('\n')}\n`)
  const config = {
    networks: [{ name: 'default', cluster: { source: { manifests: paths.manifests } } }],
    dns: {
      listen: ['[::1]:0'],
      workers: 1,
      zones: paths.zones,
      forward: { upstreams: upstreams.map(port => `[::1]:${port}`) },
      cache: { stale: isStaleGiven ? '1h' : '0s' },
    },
    http: { listen: '[::1]:0' },
    data: paths.data,
  }
  const file = join(folder, 'waypost.yaml')
  writeFileSync(file, JSON.stringify(config))
  const pinned = (command: string, args: readonly string[]): readonly [string, readonly string[]] => [
    'taskset',
    ['-c', String(cpu), command, ...args],
  ]
  return await startWaypost({
    args: ['--config', file],
    deadlineMs: 60_000,
    ...(cpu === undefined ? {} : { inside: pinned }),
  })
}
