/** Entry of a thread that serves one UDP transport with the stub of `stub-answerer.ts`. See `transport-thread.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { listenBytes } from '#src/dns/listen.ts'
import type { UdpTransport } from '#src/dns/transport.ts'
import { BatchedUdp } from '#src/dns/udp/batched.ts'
import { PortableUdp } from '#src/dns/udp/portable.ts'
import { loadSystemCalls } from '#src/dns/udp/system-calls.ts'
import { stubContext } from './stub-answerer.ts'
import type { ThreadSetup } from './transport-thread.ts'

const { role, ...shared } = workerData as ThreadSetup
const { context, stop } = stubContext(shared)

async function transportOf(): Promise<UdpTransport> {
  if (role.kind === 'portable') return new PortableUdp(context, role)
  const calls = await loadSystemCalls()
  if (calls === null) throw new Error('The batched transport does not work here')
  const sockets = role.sockets.map(({ descriptor, listen }) => ({
    descriptor,
    address: listenBytes(listen),
    port: listen.port,
  }))
  return new BatchedUdp(calls, context, sockets, role.proxy)
}

const transport = await transportOf()
if (role.kind === 'portable') parentPort?.once('message', stop)
await transport.open()
parentPort?.postMessage('listening')
await transport.run()
parentPort?.close()
