/**
 * The kernel's side of recvmmsg and sendmmsg over the memory that the transport gave it: a test says what arrives and
 * how sending goes, and reads what was sent.
 */
import { IOVEC, MMSGHDR, type Pointer, SOCKADDR, type SystemCalls } from '#src/dns/udp/system-calls.ts'
import { type Address, familyOf } from '#src/ip/address.ts'

/** A packet that arrives. */
export interface Arrival {
  readonly source: Address
  readonly port: number
  readonly bytes: Uint8Array
  readonly scope?: number
  /** MSG_TRUNC and others. */
  readonly flags?: number
  /** What a socket that is bound to a wildcard gets in addition. */
  readonly pktinfo?: { readonly interface: number; readonly asked: Address; readonly source?: Address }
}

/** A packet that was sent. `pktinfo`: the data of its control message. */
export interface Departure {
  readonly family: number
  readonly to: Uint8Array
  readonly port: number
  readonly bytes: Uint8Array
  readonly pktinfo: Uint8Array | null
}

const AF_INET = 2
const AF_INET6 = 10
const EAGAIN = 11
const EBADF = 9

/** Memory regions lie a gigabyte apart in its address space. */
const REGION_BITS = 30n

export class FakeKernel implements SystemCalls {
  /** Batches that arrive, one for each receive call. When all are taken the socket is closed, and receiving fails. */
  readonly arrivals: Arrival[][]
  readonly sent: Departure[] = []
  /** Results of the send calls: how many may be sent, or a negative errno. Without one, all are. */
  readonly sendResults: number[]
  /** What each look at the queue finds: the part of it that is full, packets that it has lost so far. */
  readonly queues: { readonly fill?: number; readonly lost?: number }[] = []
  readonly #regions: Uint8Array[] = []

  constructor(arrivals: Arrival[][], sendResults: number[] = []) {
    this.arrivals = arrivals
    this.sendResults = sendResults
  }

  openUdp(): never {
    throw new Error('The fake kernel has no sockets')
  }

  connectUdp(): never {
    throw new Error('The fake kernel has no sockets')
  }

  openPipe(): never {
    throw new Error('The fake kernel has no pipes')
  }

  duplicate(): never {
    throw new Error('The fake kernel has no pipes')
  }

  ring(): void {}

  close(): void {}

  spread(): void {}

  memoryOf(): Uint32Array {
    const { fill = 0, lost = 0 } = this.queues.shift() ?? {}
    return Uint32Array.of(1000 * fill, 1000, 0, 0, 0, 0, 0, 0, lost)
  }

  runSoon(): void {}

  runHelpersLater(): void {}

  now(): void {}

  wait(): number {
    return 1
  }

  pointerTo(bytes: Uint8Array): Pointer {
    this.#regions.push(bytes)
    return BigInt(this.#regions.length) << REGION_BITS
  }

  receive(_descriptor: number, messages: Pointer, count: number): number {
    const batch = this.arrivals.shift()
    if (batch === undefined) return -EBADF
    if (batch.length === 0) return -EAGAIN
    if (batch.length > count) throw new Error(`A batch has at most ${count} packets`)
    batch.forEach((arrival, i) => {
      this.#deliver(messages + BigInt(i * MMSGHDR.bytes), arrival)
    })
    return batch.length
  }

  send(_descriptor: number, messages: Pointer, count: number): number {
    const result = Math.min(this.sendResults.shift() ?? count, count)
    for (let i = 0; i < result; i++) this.sent.push(this.#take(messages + BigInt(i * MMSGHDR.bytes)))
    return result
  }

  #deliver(header: Pointer, arrival: Arrival): void {
    const view = this.#view(header)
    const isIPv6 = familyOf(arrival.source) === 'IPv6'
    const nameRoom = view.getUint32(MMSGHDR.nameLength, true)
    const vector = this.#view(view.getBigUint64(MMSGHDR.vector, true))
    const room = Number(vector.getBigUint64(IOVEC.length, true))
    if (nameRoom !== SOCKADDR.bytes) throw new Error(`The name has room for ${nameRoom} octets`)
    const name = this.#view(view.getBigUint64(MMSGHDR.name, true))
    name.setUint16(0, isIPv6 ? AF_INET6 : AF_INET, true)
    name.setUint16(SOCKADDR.port, arrival.port)
    if (isIPv6) {
      bytesOf(name).set(arrival.source, SOCKADDR.address6)
      name.setUint32(24, arrival.scope ?? 0, true)
    } else {
      bytesOf(name).set(arrival.source.subarray(12), SOCKADDR.address4)
    }
    view.setUint32(MMSGHDR.nameLength, isIPv6 ? 28 : 16, true)
    const length = Math.min(room, arrival.bytes.length)
    this.#bytes(vector.getBigUint64(IOVEC.base, true)).set(arrival.bytes.subarray(0, length))
    view.setUint32(MMSGHDR.length, length, true)
    view.setInt32(MMSGHDR.flags, arrival.flags ?? 0, true)
    this.#deliverControl(view, arrival.pktinfo)
  }

  #deliverControl(header: DataView, pktinfo: Arrival['pktinfo']): void {
    if (header.getBigUint64(MMSGHDR.controlLength, true) < 40n)
      throw new Error('There is no room for a control message')
    if (pktinfo === undefined) {
      header.setBigUint64(MMSGHDR.controlLength, 0n, true)
      return
    }
    const isIPv6 = familyOf(pktinfo.asked) === 'IPv6'
    const control = this.#view(header.getBigUint64(MMSGHDR.control, true))
    control.setBigUint64(0, isIPv6 ? 36n : 28n, true)
    control.setInt32(8, isIPv6 ? 41 : 0, true)
    control.setInt32(12, isIPv6 ? 50 : 8, true)
    const bytes = bytesOf(control)
    if (isIPv6) {
      bytes.set(pktinfo.asked, 16)
      control.setInt32(32, pktinfo.interface, true)
    } else {
      control.setInt32(16, pktinfo.interface, true)
      bytes.set((pktinfo.source ?? pktinfo.asked).subarray(12), 20)
      bytes.set(pktinfo.asked.subarray(12), 24)
    }
    header.setBigUint64(MMSGHDR.controlLength, isIPv6 ? 40n : 32n, true)
  }

  #take(pointer: Pointer): Departure {
    const header = this.#view(pointer)
    const name = this.#view(header.getBigUint64(MMSGHDR.name, true))
    const vector = this.#view(header.getBigUint64(MMSGHDR.vector, true))
    const family = name.getUint16(0, true)
    const at = family === AF_INET6 ? SOCKADDR.address6 : SOCKADDR.address4
    const controlLength = Number(header.getBigUint64(MMSGHDR.controlLength, true))
    const length = Number(vector.getBigUint64(IOVEC.length, true))
    return {
      family,
      to: bytesOf(name).slice(at, at + (family === AF_INET6 ? 16 : 4)),
      port: name.getUint16(SOCKADDR.port),
      bytes: this.#bytes(vector.getBigUint64(IOVEC.base, true)).slice(0, length),
      pktinfo:
        controlLength === 0
          ? null
          : this.#bytes(header.getBigUint64(MMSGHDR.control, true)).slice(16, controlLength === 40 ? 36 : 28),
    }
  }

  #bytes(pointer: Pointer): Uint8Array {
    const region = this.#regions[Number(pointer >> REGION_BITS) - 1]
    if (region === undefined) throw new Error(`The pointer ${pointer} leads nowhere`)
    return region.subarray(Number(pointer & ((1n << REGION_BITS) - 1n)))
  }

  #view(pointer: Pointer): DataView {
    const bytes = this.#bytes(pointer)
    return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
}
