/** What a packet costs each UDP transport, without any DNS: an echo over the loopback, the client in another thread. */
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { allocateCounters, readCounters } from '../../src/dns/counters.ts'
import type { ListenAddress } from '../../src/dns/listen.ts'
import { openUdpSockets, probeUdp } from '../../src/dns/udp/sockets.ts'
import { loadSystemCalls } from '../../src/dns/udp/system-calls.ts'
import { packViews } from '../../src/dns/views.ts'
import { CONTROL, CONTROL_BYTES } from '../../src/index/layout.ts'
import { isPrefix, parsePrefix } from '../../src/ip/prefix.ts'
import { type BenchRow, formatRows } from '../report.ts'
import type { BlasterSetup } from './blaster-thread.ts'
import type { EchoCost, EchoSetup } from './echo-thread.ts'

const WARM_MS = 1000
const MEASURED_MS = 2000
const PACKET_BYTES = 80
const LISTEN: ListenAddress = { address: '::1', port: 0 }

/** Processor time of the server's thread, packets a second, batch size and garbage for both transports. */
export async function run(): Promise<BenchRow[]> {
  const calls = await loadSystemCalls()
  if (calls === null) return []
  const [socket] = openUdpSockets(calls, [LISTEN], 1, 4 << 20)[0] ?? []
  if (socket === undefined) return []
  const batched = await measure('batched', socket.listen, socket.descriptor)
  calls.close(socket.descriptor)
  const portable = await measure('portable', await probeUdp(LISTEN), null)
  const ratio = (portable[0]?.value ?? 0) / (batched[0]?.value ?? 1)
  return [...batched, ...portable, { name: 'portable / batched', value: ratio, unit: 'ratio', note: 'CPU a packet' }]
}

async function measure(name: string, listen: ListenAddress, descriptor: number | null): Promise<BenchRow[]> {
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  const words = new Int32Array(control)
  const counters = allocateCounters(1)
  const everyone = parsePrefix('::/0')
  const views = packViews(isPrefix(everyone) ? [{ prefix: everyone, view: 0 }] : [])
  const server = startThread('echo-thread.ts', { listen, descriptor, control, counters, views } satisfies EchoSetup)
  await once(server, 'message')
  const blasterControl = new SharedArrayBuffer(4)
  const setup: BlasterSetup = { server: listen, packetBytes: PACKET_BYTES, window: 512, control: blasterControl }
  const blaster = startThread('blaster-thread.ts', setup)
  const mark = (): number => {
    server.postMessage('mark')
    Atomics.add(words, CONTROL.generation, 1)
    return readCounters(counters).packets[0]?.value ?? 0
  }
  await delay(WARM_MS)
  const batchesBefore = readCounters(counters).batches[0]?.value ?? 0
  const before = mark()
  await delay(MEASURED_MS)
  const packets = mark() - before
  const batches = (readCounters(counters).batches[0]?.value ?? 0) - batchesBefore
  await delay(100)
  Atomics.store(words, CONTROL.stop, 1)
  server.postMessage('stop')
  const [costs] = (await once(server, 'message')) as [EchoCost[]]
  Atomics.store(new Int32Array(blasterControl), 0, 1)
  await Promise.all([once(server, 'exit'), once(blaster, 'exit')])
  return rowsOf(name, packets, batches, costs)
}

function rowsOf(name: string, packets: number, batches: number, [first, last]: readonly EchoCost[]): BenchRow[] {
  const cpu = ((last?.cpu ?? 0) - (first?.cpu ?? 0)) / packets
  // A thread that allocates nothing runs no collection, so that its heap tells octets; the allocator tells megabytes.
  const used = (last?.used ?? 0) - (first?.used ?? 0)
  const allocated = (last?.allocated ?? 0) - (first?.allocated ?? 0)
  const garbage = (allocated < 4 << 20 && used >= 0 ? used : allocated) / packets
  return [
    { name: `${name}: CPU`, value: cpu, unit: 'µs/packet', note: 'user + system of the thread' },
    {
      name: `${name}: rate`,
      value: packets / (MEASURED_MS / 1000),
      unit: 'packets/s',
      note: 'client and server share the machine',
    },
    { name: `${name}: batch`, value: packets / batches, unit: 'packets' },
    { name: `${name}: garbage`, value: garbage, unit: 'bytes/packet' },
  ]
}

function startThread(file: string, workerData: EchoSetup | BlasterSetup): Worker {
  return new Worker(new URL(file, import.meta.url), { workerData })
}

if (import.meta.main) console.log(formatRows(await run()))
