/** Puts the parts of forwarding together, in the thread that forwards; see `hand-over/join.ts` for the others. */
import { parseAddress } from '../../ip/address.ts'
import { Prefetch } from '../cache/write/prefetch.ts'
import type { CacheService } from '../cache/write/service.ts'
import { type ListenAddress, listenBytes } from '../listen.ts'
import type { ForwardSetup } from '../messages.ts'
import type { AnswerContext } from '../transport.ts'
import { OwnAddresses } from '../udp/own-addresses.ts'
import type { SystemCalls } from '../udp/system-calls.ts'
import type { WorkerContext } from '../worker-context.ts'
import { Channels } from './channel/channels.ts'
import { RandomSource } from './exchange/random.ts'
import { Forwarder } from './forwarder.ts'
import { HandOverInlet } from './hand-over/inlet.ts'
import { type DeferredQuery, Reception } from './hand-over/reception.ts'
import { RemoteInlet } from './hand-over/remote.ts'
import type { UpstreamOptions } from './options.ts'

/** Octets of a reply over a stream. */
const CAPACITY = 65_535
/** How often is looked whether everybody has their answer, at the stop; milliseconds. */
const STOP_POLL = 5

/** Forwarding in the thread that does it. */
export interface Forwarding {
  /** Ends when nobody waits any more, or after so long. */
  stop(deadlineMs: number): Promise<void>
}

/** Starts forwarding; from then on `context.defer` works in this thread. @param calls null: without batched UDP. */
export function startForwarding(
  context: WorkerContext,
  setup: ForwardSetup,
  cache: CacheService | null,
  listen: readonly ListenAddress[],
  calls: SystemCalls | null,
): Forwarding {
  const random = new RandomSource()
  const channels = new Channels(random, calls)
  const forwarder = new Forwarder({
    options: setup.options,
    figures: setup.figures,
    clock: () => performance.now(),
    random,
    cache,
    channels: upstream => channels.to(upstream),
    isSelf: selfTest(listen),
    notice: notice => context.tell({ type: 'upstream', notice }),
  })
  const reception = new Reception(context.responder, forwarder, error => context.fault(error))
  context.deferral = deferInto(reception, forwarder)
  const { handOver, channel } = setup
  const inlet =
    handOver !== null && calls !== null
      ? new HandOverInlet(calls, context.counters, handOver, reception, forwarder)
      : new RemoteInlet(channel, reception, () => forwarder.flush())
  inlet.start()
  forwarder.start()
  const apexes = setup.options.zones.map(zone => zone.apex)
  const prefetch = cache === null ? null : new Prefetch(cache, apexes, forwarder)
  return {
    stop: async deadlineMs => {
      const end = performance.now() + deadlineMs
      while (!forwarder.isIdle && performance.now() < end) await new Promise(resolve => setTimeout(resolve, STOP_POLL))
      prefetch?.close()
      forwarder.close()
      inlet.close()
    },
  }
}

/** Tells upstreams that are addresses that we listen on: a resolv.conf file often names the server of its own machine. */
function selfTest(listen: readonly ListenAddress[]): (upstream: UpstreamOptions) => boolean {
  const own = new OwnAddresses(listen.map(address => ({ address: listenBytes(address), port: address.port })))
  return ({ address, port }) => {
    const octets = parseAddress(address)
    return octets !== null && own.isOwn(octets, 0, port)
  }
}

/** Takes queries of this thread itself: those of its streams. */
function deferInto(reception: Reception, forwarder: Forwarder): AnswerContext['defer'] {
  const out = new Uint8Array(CAPACITY)
  const room = { bytes: out, start: 0, capacity: CAPACITY }
  let isScheduled = false
  return ({ query: bytes, source, view, transport }, reply) => {
    const query: DeferredQuery = {
      bytes,
      start: 0,
      length: bytes.length,
      source,
      sourceAt: 0,
      view,
      transport,
      room: () => room,
      replied: length => reply(length === 0 ? null : out.slice(0, length)),
    }
    // Not at once: the stream that asks is in the midst of its own answers.
    setImmediate(() => reception.take(query))
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      forwarder.flush()
    })
  }
}
