/** Entry of a thread that keeps a server busy: it sends batches, and waits whenever too many replies are missing. */
import { workerData } from 'node:worker_threads'
import { type ListenAddress, listenBytes } from '../../src/dns/listen.ts'
import { BATCH, MessageVector, nameOffset, SLOT } from '../../src/dns/udp/message-vector.ts'
import { loadSystemCalls, MSG_WAITFORONE, SOCKADDR } from '../../src/dns/udp/system-calls.ts'
import { parseAddress } from '../../src/ip/address.ts'

/** `workerData`. */
export interface BlasterSetup {
  readonly server: ListenAddress
  readonly packetBytes: number
  /** Packets that may be under way. */
  readonly window: number
  /** Word 0: not 0, stop. */
  readonly control: SharedArrayBuffer
}

const AF_INET6 = 10

const { server, packetBytes, window, control } = workerData as BlasterSetup
const words = new Int32Array(control)
const calls = await loadSystemCalls()
const address = parseAddress('::1')
if (calls === null || address === null) throw new Error('The blaster needs the batched system calls')
const { descriptor } = calls.openUdp({ address, port: 0, shared: false, receiveBuffer: 4 << 20 })
const vector = new MessageVector(calls)
for (let i = 0; i < BATCH; i++) {
  const name = nameOffset(i)
  vector.memory[name] = AF_INET6
  vector.memory[name + SOCKADDR.port] = server.port >> 8
  vector.memory[name + SOCKADDR.port + 1] = server.port & 0xff
  vector.memory.set(listenBytes(server), name + SOCKADDR.address6)
  vector.output.fill(i, i * SLOT, i * SLOT + packetBytes)
  vector.address(i, i, packetBytes, 0)
}

let underWay = 0
while (Atomics.load(words, 0) === 0) {
  while (underWay + BATCH <= window) {
    const sent = calls.send(descriptor, vector.sendPointers[0] ?? 0n, BATCH)
    if (sent > 0) underWay += sent
    else break
  }
  const received = calls.receive(descriptor, vector.receivePointer, BATCH, MSG_WAITFORONE)
  if (received > 0) {
    vector.rearm(received)
    underWay -= received
  } else {
    underWay = 0 // Lost.
  }
}
calls.close(descriptor)
