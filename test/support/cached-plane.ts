/** A data plane with a fake upstream and a cache, and a client that reads whole replies. */
import type { CacheOptions } from '#src/dns/cache/setup.ts'
import type { ForwardOptions } from '#src/dns/forward/options.ts'
import { type DataPlane, startDataPlane } from '#src/dns/plane.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '#src/index/layout.ts'
import { IndexWriter } from '#src/index/writer.ts'
import { parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { prefix as prefixOf } from '#support/ip.ts'
import { type Ask, makeQuery, soaOf } from './answering.ts'
import { RULES } from './cache.ts'
import { type Behaviour, FakeUpstream } from './fake-upstream.ts'
import { type DecodedMessage, decodeMessage } from './message-decoder.ts'
import { UdpClient } from './udp-client.ts'

/** An alias of ours that leads to `www.example`. */
export const ALIAS = 'alias.cluster.local'

/** See the top of the file. */
export interface CachedPlaneOptions {
  readonly transport: 'batched' | 'portable'
  readonly cache?: Partial<CacheOptions>
  readonly forward?: Partial<ForwardOptions>
}

/** See the top of the file. */
export class CachedPlane {
  readonly upstream: FakeUpstream
  readonly plane: DataPlane
  readonly errors: Error[]
  /** What was said about the file of the cache. */
  readonly notices: string[]
  readonly #client: UdpClient
  readonly #index: IndexWriter

  static async start(
    behave: Behaviour,
    { transport, cache = {}, forward = {} }: CachedPlaneOptions,
  ): Promise<CachedPlane> {
    const upstream = await FakeUpstream.start(behave)
    const control = new SharedArrayBuffer(CONTROL_BYTES)
    new Int32Array(control)[CONTROL.state] = STATE.serving
    const errors: Error[] = []
    const notices: string[] = []
    let publish: () => void = () => {}
    const index = new IndexWriter({ seed: 1, control, onGeneration: () => publish() })
    fill(index)
    const { port } = upstream
    const plane = await startDataPlane({
      listen: [{ address: '::1', port: 0 }],
      workers: 1,
      transport,
      responder: { udpLimit: 1232, nsid: null, chaos: null, forward: [parseName('.')] },
      views: [{ prefix: prefixOf('::/0'), view: 0 }],
      control,
      index: index.buffers,
      tcp: { idleMs: 10_000, maxConnections: 100, maxBytesPerConnection: 262_144 },
      forward: {
        zones: [{ apex: parseName('.'), upstreams: [0], policy: 'latency' }],
        upstreams: [
          { label: `[::1]:${port}`, protocol: 'udp', address: '::1', port, serverName: null, path: null, ca: null },
        ],
        maxInFlight: 1000,
        deadlineMs: 4000,
        randomCase: false,
        ...forward,
      },
      cache: { maxBytes: 1 << 22, maxEntries: 10_000, rules: RULES, except: [], file: null, ...cache },
      onError: error => errors.push(error),
      onCacheFile: ({ message }) => notices.push(message),
    })
    publish = () => plane.publish(index.buffers)
    return new CachedPlane(upstream, plane, { errors, notices }, await UdpClient.open('::1'), index)
  }

  private constructor(
    upstream: FakeUpstream,
    plane: DataPlane,
    { errors, notices }: { readonly errors: Error[]; readonly notices: string[] },
    client: UdpClient,
    index: IndexWriter,
  ) {
    this.upstream = upstream
    this.plane = plane
    this.errors = errors
    this.notices = notices
    this.#client = client
    this.#index = index
  }

  get port(): number {
    return this.plane.bound[0]?.port ?? 0
  }

  /** Asks over UDP. */
  async ask(name: string, type = 'A', ask: Ask = {}): Promise<DecodedMessage> {
    const packet = await this.#client.ask(makeQuery(name, type, ask), { address: '::1', port: this.port })
    return decodeMessage(packet.bytes)
  }

  /** Sets an AAAA record of ours, in a zone that is there from then on. */
  set(zone: string, name: string): void {
    const apex = parseName(zone)
    const number = this.#index.defineZone(0, { apex, soa: soaOf(apex), kind: 'forward', unsynced: false })
    const rrsets = [{ type: TYPE.AAAA, ttl: 5, rdatas: [new Uint8Array(16).fill(1)], additional: [] }]
    this.#index.set(0, number, { name: parseName(name), kind: 'plain', rrsets }, 1)
    this.plane.publish(this.#index.buffers)
  }

  async stop(): Promise<void> {
    this.#client.close()
    await this.plane.stop(1000)
    await this.upstream.close()
  }
}

/** Code of the extended error of a reply; null: it has none. */
export function infoCodeOf({ opt }: DecodedMessage): number | null {
  const option = opt?.options.find(({ code }) => code === 15)
  return option === undefined ? null : ((option.data[0] ?? 0) << 8) | (option.data[1] ?? 0)
}

function fill(index: IndexWriter): void {
  const apex = parseName('cluster.local')
  const zone = index.defineZone(0, { apex, soa: soaOf(apex), kind: 'forward', unsynced: false })
  const rrsets = [{ type: TYPE.CNAME, ttl: 5, rdatas: [parseName('www.example')], additional: [] }]
  index.set(0, zone, { name: parseName(ALIAS), kind: 'plain', rrsets }, 1)
}
