/** Waypost as it runs in a cluster: the rights of deploy/base and no others, its configuration in a file. */
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { ROOT } from '../source-tree.ts'
import { type RunningWaypost, startWaypost, type WaypostOptions } from '../waypost.ts'
import type { ServiceAccountFiles, TestCluster } from './cluster.ts'

/** Milliseconds: a large cluster is listed first, from an API server that starts, too. */
const START_DEADLINE = 100_000

/** A configuration to be merged over the usual one, section by section. */
export interface ReplicaOptions {
  /** Name of the replica, which is its folder's. */
  readonly name?: string
  readonly serviceCidr?: string
  /** Keys of `networks[0].cluster`. */
  readonly cluster?: Record<string, unknown>
  /** Further sections of the file. */
  readonly config?: Record<string, unknown>
  readonly account?: ServiceAccountFiles
  readonly env?: Readonly<Record<string, string>>
  readonly untilListening?: boolean
  readonly inside?: WaypostOptions['inside']
}

/** A port of `::1` for a listener that must be known before it is opened. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '::1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** Applies the rights of deploy/base; once for a cluster. */
export async function grantRights(cluster: TestCluster): Promise<void> {
  await cluster.kubectl(['apply', '-k', join(ROOT, 'deploy/base/access')])
}

/** A replica's files, so that it can be started more than once. */
export class Replica {
  readonly folder: string
  readonly configFile: string
  readonly account: ServiceAccountFiles
  readonly #options: ReplicaOptions

  private constructor(folder: string, account: ServiceAccountFiles, options: ReplicaOptions) {
    this.folder = folder
    this.account = account
    this.configFile = join(folder, 'waypost.yaml')
    this.#options = options
    const { serviceCidr, cluster, config } = options
    const network = {
      name: 'default',
      cluster: {
        ...(serviceCidr === undefined ? {} : { serviceCidr }),
        source: { kubernetes: { kubeconfig: account.kubeconfig } },
        ...cluster,
      },
    }
    const sections = {
      networks: [network],
      dns: { listen: ['[::1]:0'], workers: 1, zones: null },
      http: { listen: '[::1]:0' },
      data: join(folder, 'data'),
    }
    writeFileSync(this.configFile, stringify({ ...sections, ...config }))
  }

  static async create(cluster: TestCluster, options: ReplicaOptions = {}): Promise<Replica> {
    const account = options.account ?? (await cluster.serviceAccount('kube-system', 'waypost'))
    return new Replica(cluster.newFolder(options.name ?? 'replica'), account, options)
  }

  async start(): Promise<RunningWaypost> {
    const { env, untilListening, inside } = this.#options
    return await startWaypost({
      args: ['--config', this.configFile],
      deadlineMs: START_DEADLINE,
      ...(env === undefined ? {} : { env }),
      ...(untilListening === undefined ? {} : { untilListening }),
      ...(inside === undefined ? {} : { inside }),
    })
  }
}
