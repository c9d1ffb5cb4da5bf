/** A network with everything around it that it needs: an index, an allocator on disk, a log that is kept. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ObjectChange } from '#src/cluster/objects.ts'
import type { AddressGiver } from '#src/control/address-need.ts'
import type { Log } from '#src/control/log.ts'
import { Network } from '#src/control/network.ts'
import { NetworkNames } from '#src/control/network-names.ts'
import type { RouteChange } from '#src/control/published.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { namingContext, type PodMode } from '#src/naming/context.ts'
import { Allocator } from '#src/pool/allocator.ts'
import { foldName, parseName } from '#src/wire/name.ts'
import { formatRdata } from '#src/wire/rdata-text.ts'
import { typeName } from '#src/wire/record-type.ts'
import { prefix } from '#support/ip.ts'

export interface TestNetwork {
  readonly network: Network
  readonly names: NetworkNames
  readonly writer: IndexWriter
  readonly allocator: Allocator
  readonly routeChanges: RouteChange[]
  readonly logged: { level: string; event: string; message: string }[]
  /** Services whose trouble changed. */
  readonly troubled: string[]
  readonly errors: unknown[]
  /** Times at which waiting Services asked to be tried again. */
  readonly retries: (number | null)[]
  readonly programmed: number[]
  clock: number
  /** Applies changes and waits until they are published. */
  apply(...changes: ObjectChange[]): Promise<void>
  /** `TYPE data`, sorted, of everything at a name; null when the name has no entry. */
  recordsAt(name: string): string[] | null
  dispose(): void
}

export function makeNetwork(
  options: {
    addressGiver?: AddressGiver
    serviceCidr?: string
    network?: string
    pods?: PodMode
    restMs?: number
    directory?: string
  } = {},
): TestNetwork {
  const directory = options.directory ?? mkdtempSync(join(tmpdir(), 'waypost-control-'))
  const test = { clock: 1_000_000 }
  const allocator = Allocator.open({
    directory,
    clock: () => test.clock,
    restMs: options.restMs ?? 600_000,
    leaseMs: 90_000,
  })
  const serviceCidr = prefix(options.serviceCidr ?? 'fdaa:0:48c8:0:1::/112')
  allocator.setPools('test', [serviceCidr])
  const writer = new IndexWriter({ seed: 1, onGeneration: () => undefined, initialArenaBytes: 1 << 20 })
  const context = namingContext({
    domain: 'cluster.local',
    ttl: 5,
    pods: options.pods ?? 'insecure',
    serverAddresses: [],
  })
  const names = new NetworkNames({
    writer,
    view: 0,
    context,
    prefix: options.network === undefined ? null : prefix(options.network),
    serviceCidr,
    now: () => test.clock / 1000,
  })
  const logged: TestNetwork['logged'] = []
  const record = (level: string) => (fields: object, message: string) => {
    logged.push({ level, event: String((fields as { event?: string }).event), message })
  }
  const log: Log = { debug: record('debug'), info: record('info'), warn: record('warn'), error: record('error') }
  const routeChanges: RouteChange[] = []
  const troubled: string[] = []
  const errors: unknown[] = []
  const retries: (number | null)[] = []
  const programmed: number[] = []
  const network = new Network({
    name: 'test',
    allocator,
    names,
    proxyName: null,
    addressGiver: options.addressGiver ?? 'pool',
    log,
    now: () => performance.now(),
    clock: () => test.clock,
    onPublish: changes => routeChanges.push(...changes),
    onTrouble: key => troubled.push(key),
    onWaiting: time => retries.push(time),
    onReconciled: () => undefined,
    onProgrammed: seconds => programmed.push(seconds),
    onError: error => errors.push(error),
  })
  return Object.assign(test, {
    network,
    names,
    writer,
    allocator,
    routeChanges,
    troubled,
    logged,
    errors,
    retries,
    programmed,
    apply: async (...changes: ObjectChange[]) => {
      network.apply(changes)
      await network.idle()
    },
    recordsAt: (name: string) => {
      const node = writer.nodeOf(0, foldName(parseName(name)))
      if (node === null) return null
      return node.rrsets
        .flatMap(set => set.rdatas.map(rdata => `${typeName(set.type)} ${formatRdata(set.type, rdata)}`))
        .sort()
    },
    dispose: () => {
      allocator.close()
      if (options.directory === undefined) rmSync(directory, { recursive: true, force: true })
    },
  })
}
