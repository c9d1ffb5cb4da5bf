/**
 * UDP on Linux without an event loop: the thread blocks in recvmmsg(2), answers up to 64 packets from fixed memory, and
 * sends the replies with one sendmmsg(2). Nothing is allocated for a packet or a batch.
 *
 * With one socket the thread blocks in recvmmsg itself; with several it waits in poll(2) and reads those that are ready.
 * Either wait ends after 50 ms at the latest, to see the stop flag.
 */
import { type Address, familyOf, formatAddress } from '../../ip/address.ts'
import { CELL, DROP as DROPPED } from '../counters.ts'
import { isWildcard } from '../listen.ts'
import { ProxiedPackets } from '../proxy/packets.ts'
import { isProxied, type ProxySetting } from '../proxy/setting.ts'
import { type AnswerContext, DEFERRED, UDP, type UdpTransport } from '../transport.ts'
import { FairShare } from './fair-share.ts'
import { BATCH, controlOffset, MAX_REPLY, MessageVector, nameOffset, SLOT } from './message-vector.ts'
import { OwnAddresses } from './own-addresses.ts'
import {
  EAGAIN,
  EINTR,
  ENOBUFS,
  MSG_DONTWAIT,
  MSG_TRUNC,
  MSG_WAITFORONE,
  PKTINFO,
  POLLIN,
  type Pointer,
  RECEIVE_TIMEOUT_MS,
  SOCKADDR,
  SystemCallError,
  type SystemCalls,
} from './system-calls.ts'

/** A socket that {@link SystemCalls.openUdp} opened, and the address that it is bound to. */
export interface BatchedSocket {
  readonly descriptor: number
  readonly address: Address
  readonly port: number
}

interface Socket extends BatchedSocket {
  /** Packets begin with a PROXY header. */
  readonly isProxied: boolean
  readonly isIPv6: boolean
  readonly isWildcard: boolean
  readonly share: FairShare
}

const POLLFD_WORDS = 2
/** Batches that are still answered from each socket when the thread stops. */
const DRAINED_BATCHES = 32
/** In place of a view: the packet gets no reply. */
const IGNORE = -2

/** Serves open sockets; it does not own them, so that a thread that takes over finds their queues as they are. */
export class BatchedUdp implements UdpTransport {
  readonly #calls: SystemCalls
  readonly #context: AnswerContext
  readonly #sockets: readonly Socket[]
  readonly #own: OwnAddresses
  readonly #packets: ProxiedPackets | null
  readonly #vector: MessageVector
  /** The IPv4 source of the present packet in its mapped form; the first 12 bytes stay as they are. */
  readonly #mapped: Uint8Array = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0)
  /** Two struct timespec: when the batch came and when it was done. Seconds and nanoseconds are the words 0, 2 and 4, 6. */
  readonly #times: Int32Array = new Int32Array(new ArrayBuffer(32))
  readonly #begin: Pointer
  readonly #finish: Pointer
  /** struct pollfd: descriptor; events (low half) and returned events (high half). */
  readonly #polled: Int32Array
  readonly #polledPointer: Pointer
  /** Octets of the batch. */
  #received = 0
  #sent = 0

  constructor(
    calls: SystemCalls,
    context: AnswerContext,
    sockets: readonly BatchedSocket[],
    proxy: ProxySetting | null = null,
  ) {
    this.#calls = calls
    this.#context = context
    this.#sockets = sockets.map(socket => ({
      ...socket,
      isProxied: isProxied(proxy, { address: formatAddress(socket.address), port: socket.port }),
      isIPv6: familyOf(socket.address) === 'IPv6',
      isWildcard: isWildcard(socket.address),
      share: new FairShare(),
    }))
    this.#packets = proxy === null ? null : new ProxiedPackets(proxy)
    this.#own = new OwnAddresses(sockets)
    this.#vector = new MessageVector(calls)
    this.#begin = calls.pointerTo(new Uint8Array(this.#times.buffer))
    this.#finish = this.#begin + 16n
    this.#polled = new Int32Array(new ArrayBuffer(4 * POLLFD_WORDS * sockets.length))
    sockets.forEach(({ descriptor }, i) => {
      this.#polled.set([descriptor, POLLIN], POLLFD_WORDS * i)
    })
    this.#polledPointer = calls.pointerTo(new Uint8Array(this.#polled.buffer))
  }

  async open(): Promise<undefined> {
    this.#calls.runSoon()
  }

  /** Blocks the thread until it is to stop. @throws SystemCallError when a socket fails for good. */
  async run(): Promise<void> {
    const [only, ...others] = this.#sockets
    const context = this.#context
    if (only !== undefined && others.length === 0) {
      while (!context.isStopping()) this.#serve(only, MSG_WAITFORONE)
    } else {
      while (!context.isStopping()) this.#serveReady()
    }
    this.#drain()
  }

  /** Answers what has arrived before the stop. */
  #drain(): void {
    for (const socket of this.#sockets) {
      for (let batch = 0; batch < DRAINED_BATCHES; batch++) if (this.#serve(socket, MSG_DONTWAIT) === 0) break
    }
  }

  #serveReady(): void {
    const sockets = this.#sockets
    const ready = this.#calls.wait(this.#polledPointer, sockets.length, RECEIVE_TIMEOUT_MS)
    if (ready < 0 && ready !== -EINTR) throw new SystemCallError('wait for packets', -ready)
    if (ready <= 0) {
      this.#context.refresh()
      return
    }
    for (let i = 0; i < sockets.length; i++) {
      const returned = (this.#polled[POLLFD_WORDS * i + 1] as number) >> 16
      if (returned !== 0) this.#serve(sockets[i] as Socket, MSG_DONTWAIT)
    }
  }

  /** One batch: receive, answer, send. @returns how many packets came. */
  #serve(socket: Socket, flags: number): number {
    const calls = this.#calls
    const vector = this.#vector
    const received = calls.receive(socket.descriptor, vector.receivePointer, BATCH, flags)
    this.#context.refresh()
    if (received <= 0) {
      if (received === -EAGAIN || received === -EINTR) return 0
      throw new SystemCallError('receive packets', -received)
    }
    calls.now(this.#begin)
    this.#context.clock.tick(Math.imul(this.#times[0] as number, 1000) + Math.floor((this.#times[2] as number) / 1e6))
    const replies = this.#answerAll(socket, received)
    vector.rearm(received)
    if (replies > 0) this.#send(socket.descriptor, replies)
    calls.now(this.#finish)
    this.#count(received, replies)
    if (socket.share.note(received)) this.#lookAtQueue(socket)
    return received
  }

  #answerAll(socket: Socket, received: number): number {
    const vector = this.#vector
    this.#received = 0
    this.#sent = 0
    let replies = 0
    const isLimited = socket.share.isLimited && !socket.isProxied
    for (let i = 0; i < received; i++) {
      this.#received += vector.lengthOf(i)
      if (isLimited && this.#isSurplus(socket, i)) continue
      const view = this.#viewOf(socket, i)
      if (view === IGNORE) continue
      const length = socket.isProxied ? this.#respondFor(socket, i, replies) : this.#respond(socket, i, replies, view)
      if (length === 0) continue
      this.#sent += length
      vector.address(replies++, i, length, socket.isWildcard ? controlBytes(socket) : 0)
    }
    this.#context.handOver?.flush()
    return replies
  }

  #isSurplus({ share, isIPv6 }: Socket, i: number): boolean {
    if (!share.isSurplus(this.#vector.words.memory, nameOffset(i) >> 2, isIPv6)) return false
    this.#context.counters.add(DROPPED.share, 1)
    return true
  }

  /** The kernel drops what a full queue has no room for, whoever sent it. */
  #lookAtQueue({ descriptor, share }: Socket): void {
    const lost = share.look(this.#calls.memoryOf(descriptor))
    if (lost > 0) this.#context.counters.add(DROPPED.queue, lost)
  }

  #respond(socket: Socket, i: number, j: number, view: number): number {
    const { isIPv6 } = socket
    const source = isIPv6 ? this.#vector.memory : this.#mapped
    return this.#ask(socket, i, j, 0, view, source, isIPv6 ? nameOffset(i) + SOCKADDR.address6 : 0)
  }

  /** Answers packet i for the client that its PROXY header names. */
  #respondFor(socket: Socket, i: number, j: number): number {
    const { isIPv6 } = socket
    const vector = this.#vector
    const packets = this.#packets as ProxiedPackets
    const peer = isIPv6 ? vector.memory : this.#mapped
    const peerAt = isIPv6 ? nameOffset(i) + SOCKADDR.address6 : 0
    const skipped = packets.open(vector.input, i * SLOT, vector.lengthOf(i), peer, peerAt)
    if (skipped === 0) {
      this.#ignore(DROPPED.proxy)
      return 0
    }
    const { source, sourceAt } = packets
    return this.#ask(socket, i, j, skipped, this.#context.views.find(source, sourceAt), source, sourceAt)
  }

  /** Answers packet i, from octet `skipped` on, with reply j; or hands it over. */
  #ask(
    socket: Socket,
    i: number,
    j: number,
    skipped: number,
    view: number,
    source: Uint8Array,
    sourceAt: number,
  ): number {
    const { input, output } = this.#vector
    const at = i * SLOT + skipped
    const length = this.#vector.lengthOf(i) - skipped
    const { answerer } = this.#context
    try {
      const octets = answerer.respond(input, at, length, output, j * SLOT, MAX_REPLY, view, UDP, source, sourceAt)
      return octets === DEFERRED ? this.#handOver(socket, i, j, skipped, view, source, sourceAt) : octets
    } catch (error) {
      this.#context.fault(error)
      return 0
    }
  }

  /** Gives packet i to the thread that forwards. @returns 0, or the length of a reply that says that it is too busy. */
  #handOver(
    socket: Socket,
    i: number,
    j: number,
    skipped: number,
    view: number,
    source: Uint8Array,
    sourceAt: number,
  ): number {
    const { handOver, answerer } = this.#context
    const { input, output, words } = this.#vector
    const at = i * SLOT
    const length = this.#vector.lengthOf(i) - skipped
    const control = socket.isWildcard ? controlBytes(socket) : 0
    // Words are handed over: the query begins at a whole one.
    if (skipped > 0) input.copyWithin(at, at + skipped, at + skipped + length)
    const isTaken =
      handOver?.put(
        words,
        nameOffset(i),
        controlOffset(i),
        control,
        at,
        length,
        socket.descriptor,
        view,
        source,
        sourceAt,
      ) ?? false
    if (isTaken) return 0
    return answerer.decline(input, at, length, output, j * SLOT, MAX_REPLY, view, UDP, source, sourceAt)
  }

  /** The network of packet i's source, or {@link IGNORE} when it is not to be answered at all. */
  #viewOf(socket: Socket, i: number): number {
    const vector = this.#vector
    const memory = vector.memory
    if ((vector.flagsOf(i) & MSG_TRUNC) !== 0) return this.#ignore(DROPPED.oversized)
    const name = nameOffset(i)
    const port = ((memory[name + SOCKADDR.port] as number) << 8) | (memory[name + SOCKADDR.port + 1] as number)
    if (port === 0) return this.#ignore(DROPPED.source)
    if (socket.isWildcard && !this.#aimReply(socket, i)) return this.#ignore(DROPPED.source)
    if (socket.isIPv6) return this.#viewAt(memory, name + SOCKADDR.address6, port)
    const mapped = this.#mapped
    for (let k = 0; k < 4; k++) mapped[12 + k] = memory[name + SOCKADDR.address4 + k] as number
    return this.#viewAt(mapped, 0, port)
  }

  #viewAt(bytes: Uint8Array, offset: number, port: number): number {
    if (this.#own.isOwn(bytes, offset, port)) return this.#ignore(DROPPED.source)
    return this.#context.views.find(bytes, offset)
  }

  #ignore(reason: number): number {
    this.#context.counters.add(reason, 1)
    return IGNORE
  }

  /**
   * Turns the control message that says where packet i was sent to into one that says where its reply comes from.
   *
   * The interface is cleared, so that the reply follows the routes and not the way that the query came; only a
   * link-local address of ours has no meaning without it.
   *
   * @returns false when the packet was not sent to one address of ours: broadcast, multicast.
   */
  #aimReply(socket: Socket, i: number): boolean {
    const vector = this.#vector
    if (!vector.hasControl(i)) return false
    const memory = vector.memory
    const data = controlOffset(i)
    if (!socket.isIPv6) {
      // The kernel sends from "source"; for a query to one address it is that address (ip(7), IP_PKTINFO).
      for (let k = 0; k < 4; k++)
        if (memory[data + PKTINFO.source4 + k] !== memory[data + PKTINFO.asked4 + k]) return false
      clearWord(memory, data + PKTINFO.index4)
      return true
    }
    const asked = data + PKTINFO.asked6
    if (memory[asked] === 0xff) return false
    const isLinkLocal = memory[asked] === 0xfe && ((memory[asked + 1] as number) & 0xc0) === 0x80
    if (!isLinkLocal) clearWord(memory, data + PKTINFO.index6)
    return true
  }

  /** Sends the first `replies` replies. What the kernel has no room for is dropped: the client asks again. */
  #send(descriptor: number, replies: number): void {
    const vector = this.#vector
    let sent = 0
    while (sent < replies) {
      const result = this.#calls.send(descriptor, vector.sendPointers[sent] as Pointer, replies - sent)
      if (result > 0) {
        sent += result
      } else if (result === -EAGAIN || result === -ENOBUFS) {
        while (sent < replies) this.#dropReply(sent++)
      } else if (result !== -EINTR) {
        // This one cannot be sent, no route back or a firewall forbids it: go on behind it.
        this.#dropReply(sent++)
      }
    }
  }

  #dropReply(j: number): void {
    const { counters } = this.#context
    counters.add(DROPPED.send, 1)
    counters.add(CELL.sentPackets + UDP, -1)
    this.#sent -= this.#vector.replyLength(j)
  }

  #count(received: number, replies: number): void {
    const { counters } = this.#context
    const times = this.#times
    const seconds = (times[4] as number) - (times[0] as number)
    counters.observe(received, seconds * 1e9 + (times[6] as number) - (times[2] as number))
    counters.add(CELL.receivedPackets + UDP, received)
    counters.add(CELL.receivedBytes + UDP, this.#received)
    counters.add(CELL.sentPackets + UDP, replies)
    counters.add(CELL.sentBytes + UDP, this.#sent)
  }
}

function controlBytes(socket: Socket): number {
  return socket.isIPv6 ? PKTINFO.bytes6 : PKTINFO.bytes4
}

function clearWord(bytes: Uint8Array, offset: number): void {
  for (let k = 0; k < 4; k++) bytes[offset + k] = 0
}
