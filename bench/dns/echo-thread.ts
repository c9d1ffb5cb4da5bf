/** Entry of a thread that echoes over one UDP transport, and says what that cost it. Started by `transport.bench.ts`. */

import { getHeapStatistics } from 'node:v8'
import { parentPort, workerData } from 'node:worker_threads'
import { ThreadClock } from '../../src/dns/clock.ts'
import { Counters } from '../../src/dns/counters.ts'
import { type ListenAddress, listenBytes } from '../../src/dns/listen.ts'
import type { AnswerContext, UdpTransport } from '../../src/dns/transport.ts'
import { BatchedUdp } from '../../src/dns/udp/batched.ts'
import { PortableUdp } from '../../src/dns/udp/portable.ts'
import { loadSystemCalls } from '../../src/dns/udp/system-calls.ts'
import { ViewTable } from '../../src/dns/views.ts'
import { CONTROL } from '../../src/index/layout.ts'

/** `workerData`. */
export interface EchoSetup {
  readonly listen: ListenAddress
  /** Descriptor of an open socket, or null for the portable transport. */
  readonly descriptor: number | null
  readonly control: SharedArrayBuffer
  readonly counters: SharedArrayBuffer
  readonly views: SharedArrayBuffer
}

/** What the thread has used up until now. */
export interface EchoCost {
  /** Processor time in microseconds. */
  readonly cpu: number
  /** Octets on its heap. */
  readonly used: number
  /** Octets that were ever taken from the heap, to the next whole buffer of the allocator. */
  readonly allocated: number
}

const { listen, descriptor, control, counters, views } = workerData as EchoSetup
const words = new Int32Array(control)
const { promise: stopped, resolve: stop } = Promise.withResolvers<number>()
const costs: EchoCost[] = []
let seen = 0

const context: AnswerContext = {
  answerer: {
    respond(query, start, length, out, outStart) {
      for (let i = 0; i < length; i++) out[outStart + i] = query[start + i] as number
      return length
    },
    decline: () => 0,
  },
  views: new ViewTable(views),
  counters: new Counters(counters, 0),
  clock: new ThreadClock(),
  stopped,
  defer() {},
  handOver: null,
  refresh() {
    const mark = Atomics.load(words, CONTROL.generation)
    if (mark === seen) return
    seen = mark
    costs.push(costNow())
  },
  isStopping: () => Atomics.load(words, CONTROL.stop) !== 0,
  fault(error) {
    throw error
  },
}

const transport = await open()
parentPort?.postMessage('listening')
await transport.run()
parentPort?.postMessage(costs)
parentPort?.close()

async function open(): Promise<UdpTransport> {
  if (descriptor === null) {
    parentPort?.on('message', (word: string) => (word === 'mark' ? context.refresh() : stop(0)))
    const portable = new PortableUdp(context, { listen: [listen], shared: false, receiveBuffer: 4 << 20 })
    await portable.open()
    return portable
  }
  const calls = await loadSystemCalls()
  if (calls === null) throw new Error('The batched transport does not work here')
  return new BatchedUdp(calls, context, [{ descriptor, address: listenBytes(listen), port: listen.port }])
}

function costNow(): EchoCost {
  const { user, system } = process.threadCpuUsage()
  const { used_heap_size: used, total_allocated_bytes: allocated } = getHeapStatistics()
  return { cpu: user + system, used, allocated }
}
