/**
 * The system calls of the batched transport, bound with koffi: Linux on x86-64 and arm64, whose structures and constants
 * agree. Calls return what the C function returns, or the negative `errno` (−11 is EAGAIN); nothing here allocates on
 * the JavaScript heap in `receive`, `send`, `wait` and `now`.
 */
import { getSystemErrorName } from 'node:util'
import type { default as Koffi } from 'koffi'
import { type Address, familyOf, parseAddress } from '../../ip/address.ts'
import { isWildcard } from '../listen.ts'
import { scheduling } from './scheduling.ts'

/** A pointer into memory that the caller keeps referenced. */
export type Pointer = bigint

/** An open and bound UDP socket. The descriptor belongs to the process: every thread may use it. */
export interface UdpSocket {
  readonly descriptor: number
  readonly port: number
}

/** How to open a socket. */
export interface UdpSocketOptions {
  readonly address: Address
  /** 0: any free port. */
  readonly port: number
  /** Several sockets share the port (SO_REUSEPORT), and the kernel spreads the clients over them. */
  readonly shared: boolean
  /** Bytes of the receive buffer; best effort, the kernel has a limit of its own. */
  readonly receiveBuffer: number
}

/** The calls, see recvmmsg(2), sendmmsg(2), poll(2), clock_gettime(2). */
export interface SystemCalls {
  /** @throws SystemCallError */
  openUdp(options: UdpSocketOptions): UdpSocket
  /** A socket that is bound to a port of every address and connected. @throws SystemCallError */
  connectUdp(address: Address, port: number, localPort: number): number
  close(descriptor: number): void
  /**
   * Makes the kernel give every packet to one of the `sockets` that share a port by chance, in place of one that it
   * chooses by the sender's address and port: one busy sender is served by all threads and holds up no other. Call it for
   * any one of them, when all are bound. @throws SystemCallError where the system has no such choice.
   */
  spread(descriptor: number, sockets: number): void
  /**
   * Asks the scheduler to run this thread soon when it wakes, for a short time each, in front of threads that compute, so
   * that it does not wait for the end of the control thread's slice (Linux 6.12 and later heed it); and, where the process
   * may (CAP_SYS_NICE), to weigh it more than those when there is too little processor for all.
   */
  runSoon(): void
  /** Asks the scheduler to let V8's own threads, which collect garbage and compile, come after all others of the process. */
  runHelpersLater(): void
  /** How full a socket's queue is and what it has lost (`SK_MEMINFO`); the array is written again by the next call. */
  memoryOf(descriptor: number): Uint32Array
  /** Messages received into an array of `struct mmsghdr`. */
  receive(descriptor: number, messages: Pointer, count: number, flags: number): number
  /** Messages sent from an array of `struct mmsghdr`. Never waits for room in the socket's buffer. */
  send(descriptor: number, messages: Pointer, count: number): number
  /** Sockets of a `struct pollfd` array that are ready. */
  wait(sockets: Pointer, count: number, milliseconds: number): number
  /** Writes the monotonic clock into a `struct timespec`. */
  now(timespec: Pointer): void
  /** A pipe whose writing end never waits. @throws SystemCallError */
  openPipe(): { readonly readEnd: number; readonly writeEnd: number }
  /** Another descriptor of the same file. @throws SystemCallError */
  duplicate(descriptor: number): number
  /** Writes one octet into a pipe; one that is full has enough of them. */
  ring(descriptor: number): void
  /** Where the bytes of a buffer lie. The buffer must not be resized, and stay referenced while the pointer is used. */
  pointerTo(bytes: Uint8Array): Pointer
}

/** A system call failed; `code` is the name of the error, for example `EADDRINUSE`. */
export class SystemCallError extends Error {
  readonly code: string
  readonly call: string

  constructor(call: string, errno: number) {
    const code = getSystemErrorName(-errno)
    super(`Cannot ${call}: ${code}`)
    this.name = 'SystemCallError'
    this.code = code
    this.call = call
  }
}

/** Stop waiting for a packet after this long, to look at the stop flag. */
export const RECEIVE_TIMEOUT_MS = 50

export const MSG_TRUNC = 0x20
export const MSG_DONTWAIT = 0x40
/** Wait for the first message only. */
export const MSG_WAITFORONE = 0x10000
export const POLLIN = 1
export const EINTR = 4
export const EAGAIN = 11
export const ENOBUFS = 105

/** Offsets in the structures below, in bytes. */
export const MMSGHDR = {
  bytes: 64,
  name: 0,
  nameLength: 8,
  vector: 16,
  vectorLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
  length: 56,
} as const
export const IOVEC = { bytes: 16, base: 0, length: 8 } as const
/** sockaddr_in6 is the larger one; sockaddr_in has its address at 4. */
export const SOCKADDR = { bytes: 28, port: 2, address4: 4, address6: 8 } as const
/** A control message with one in_pktinfo or in6_pktinfo. */
export const PKTINFO = {
  data: 16,
  bytes4: 32,
  bytes6: 40,
  index4: 16,
  source4: 20,
  asked4: 24,
  asked6: 16,
  index6: 32,
} as const

const AF_INET = 2
const O_NONBLOCK = 0x800
const O_CLOEXEC = 0x80000
const F_DUPFD_CLOEXEC = 1030
const AF_INET6 = 10
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0x80000
const CLOCK_MONOTONIC = 1

const SOL_SOCKET = 1
const SO_SNDBUF = 7
const SO_RCVBUF = 8
const SO_REUSEPORT = 15
const SO_RCVTIMEO = 20
const SO_RCVBUFFORCE = 33
const SO_ATTACH_REUSEPORT_CBPF = 51
const SO_MEMINFO = 55
const IPPROTO_IP = 0
const IP_PKTINFO = 8
const IP_MTU_DISCOVER = 10
const IPPROTO_IPV6 = 41
const IPV6_MTU_DISCOVER = 23
const IPV6_V6ONLY = 26
const IPV6_RECVPKTINFO = 49
/** Send whatever path MTU somebody claims for us, fragmented by the interface's MTU only. */
const PMTUDISC_OMIT = 5

/** Instructions of the classic packet filter: linux/filter.h, linux/bpf_common.h. */
const BPF = { loadAbsolute: 0x20, moduloConstant: 0x94, returnAccumulator: 0x16 } as const
/** Loading from here gives a random number (SKF_AD_OFF + SKF_AD_RANDOM). */
const BPF_RANDOM = 0xffff_f000 + 56

/** Room for the answers of some batches. */
const SEND_BUFFER = 1 << 20

/** Answers that one socket to an upstream may hold. */
const UPSTREAM_BUFFER = 1 << 19

/** Words that SO_MEMINFO gives (linux/sock_diag.h): octets in the queue, octets that it may have, packets lost so far. */
export const SK_MEMINFO = { allocated: 0, limit: 1, drops: 8, words: 9 } as const

const ANY_IPV6: Address = parseAddress('::') as Address
const ANY_IPV4: Address = parseAddress('0.0.0.0') as Address

const ARCHITECTURES: readonly string[] = ['x64', 'arm64']

/**
 * Binds the calls.
 *
 * @returns null where the batched transport does not exist: another system or architecture, or koffi does not load.
 */
export async function loadSystemCalls(): Promise<SystemCalls | null> {
  if (process.platform !== 'linux' || !ARCHITECTURES.includes(process.arch)) return null
  try {
    const { default: koffi } = await import('koffi')
    return isLayoutAsExpected(koffi) ? bindSystemCalls(koffi) : null
  } catch {
    return null
  }
}

/** Whether the platform's C structures are the ones that {@link MMSGHDR} and {@link IOVEC} describe. */
function isLayoutAsExpected(koffi: typeof Koffi): boolean {
  const iovec = koffi.struct({ base: 'void *', length: 'size_t' })
  const msghdr = koffi.struct({
    name: 'void *',
    nameLength: 'uint32',
    vector: 'void *',
    vectorLength: 'size_t',
    control: 'void *',
    controlLength: 'size_t',
    flags: 'int',
  })
  const mmsghdr = koffi.struct({ header: msghdr, length: 'uint32' })
  const offsets = (['name', 'nameLength', 'vector', 'vectorLength', 'control', 'controlLength', 'flags'] as const).map(
    member => koffi.offsetof(msghdr, member) === MMSGHDR[member],
  )
  return (
    offsets.every(Boolean) &&
    koffi.offsetof(mmsghdr, 'length') === MMSGHDR.length &&
    koffi.sizeof(mmsghdr) === MMSGHDR.bytes &&
    koffi.offsetof(iovec, 'length') === IOVEC.length &&
    koffi.sizeof(iovec) === IOVEC.bytes
  )
}

function bindSystemCalls(koffi: typeof Koffi): SystemCalls {
  const libc = koffi.load(null)
  const socket = libc.func('int socket(int, int, int)')
  const setsockopt = libc.func('int setsockopt(int, int, int, void *, uint)')
  const getsockopt = libc.func('int getsockopt(int, int, int, void *, void *)')
  const bind = libc.func('int bind(int, void *, uint)')
  const connect = libc.func('int connect(int, void *, uint)')
  const getsockname = libc.func('int getsockname(int, void *, void *)')
  const close = libc.func('int close(int)')
  const recvmmsg = libc.func('int recvmmsg(int, void *, uint, int, void *)')
  const sendmmsg = libc.func('int sendmmsg(int, void *, uint, int)')
  const poll = libc.func('int poll(void *, ulong, int)')
  const clockGettime = libc.func('int clock_gettime(int, void *)')
  const syscall = libc.func('long syscall(long, int, void *, uint, uint)')

  const orErrno = (result: number): number => (result < 0 ? -koffi.errno() : result)
  const check = (call: string, result: number): number => {
    if (result < 0) throw new SystemCallError(call, koffi.errno())
    return result
  }
  const setOption = (fd: number, level: number, option: number, ...words: number[]): number => {
    const value = Buffer.from(Int32Array.from(words).buffer)
    return setsockopt(fd, level, option, value, value.length)
  }
  const pointerTo = (bytes: Uint8Array): Pointer => koffi.address(bytes)
  const pipe2 = libc.func('int pipe2(void *, int)')
  const fcntl = libc.func('int fcntl(int, int, int)')
  const write = libc.func('long write(int, void *, ulong)')
  const octet = Uint8Array.of(1)
  const memoryInfo = new Uint32Array(new ArrayBuffer(4 * SK_MEMINFO.words))
  const memoryInfoBytes = new Uint32Array(new ArrayBuffer(4))
  const pointerToOctet = koffi.address(octet)
  return {
    openUdp,
    connectUdp,
    close: fd => close(fd),
    spread,
    ...scheduling(syscall),
    memoryOf,
    receive,
    send,
    wait,
    now,
    openPipe,
    duplicate: fd => check('duplicate a descriptor', fcntl(fd, F_DUPFD_CLOEXEC, 0)),
    ring: fd => write(fd, pointerToOctet, octet.length),
    pointerTo,
  }

  function connectUdp(address: Address, port: number, localPort: number): number {
    const isIPv6 = familyOf(address) === 'IPv6'
    const fd = check('open a socket', socket(isIPv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
    try {
      const local = socketAddress(isIPv6 ? ANY_IPV6 : ANY_IPV4, localPort)
      check('bind', bind(fd, local, local.length))
      const peer = socketAddress(address, port)
      check('connect', connect(fd, peer, peer.length))
      setOption(fd, SOL_SOCKET, SO_RCVBUF, UPSTREAM_BUFFER)
      return fd
    } catch (error) {
      close(fd)
      throw error
    }
  }

  function openPipe(): { readEnd: number; writeEnd: number } {
    const ends = new Int32Array(2)
    check('open a pipe', pipe2(Buffer.from(ends.buffer), O_NONBLOCK | O_CLOEXEC))
    return { readEnd: ends[0] as number, writeEnd: ends[1] as number }
  }

  function openUdp({ address, port, shared, receiveBuffer }: UdpSocketOptions): UdpSocket {
    const isIPv6 = familyOf(address) === 'IPv6'
    const fd = check('open a socket', socket(isIPv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
    try {
      if (isIPv6) check('set IPV6_V6ONLY', setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1))
      if (shared) check('set SO_REUSEPORT', setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1))
      if (isWildcard(address)) {
        const [level, option] = isIPv6 ? [IPPROTO_IPV6, IPV6_RECVPKTINFO] : [IPPROTO_IP, IP_PKTINFO]
        check('ask for the address that packets were sent to', setOption(fd, level, option, 1))
      }
      check('set SO_RCVTIMEO', setOption(fd, SOL_SOCKET, SO_RCVTIMEO, 0, 0, RECEIVE_TIMEOUT_MS * 1000, 0))
      setBestEffort(fd, isIPv6, receiveBuffer)
      const name = socketAddress(address, port)
      check('bind', bind(fd, name, name.length))
      check('read the port', getsockname(fd, name, Buffer.from(Uint32Array.of(name.length).buffer)))
      return { descriptor: fd, port: name.readUInt16BE(SOCKADDR.port) }
    } catch (error) {
      close(fd)
      throw error
    }
  }

  function setBestEffort(fd: number, isIPv6: boolean, receiveBuffer: number): void {
    // Above net.core.rmem_max only with CAP_NET_ADMIN.
    if (setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, receiveBuffer) < 0)
      setOption(fd, SOL_SOCKET, SO_RCVBUF, receiveBuffer)
    setOption(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER)
    if (isIPv6) setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_OMIT)
    else setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_OMIT)
  }

  function spread(fd: number, sockets: number): void {
    const program = filterProgram([
      [BPF.loadAbsolute, BPF_RANDOM],
      [BPF.moduloConstant, sockets],
      [BPF.returnAccumulator, 0],
    ])
    // struct sock_fprog: the number of instructions, and a pointer to them at 8.
    const head = Buffer.alloc(16)
    head.writeUInt16LE(program.length / BPF_INSTRUCTION)
    head.writeBigUInt64LE(pointerTo(program), 8)
    check('spread packets over sockets', setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, head, head.length))
  }

  function memoryOf(fd: number): Uint32Array {
    memoryInfoBytes[0] = memoryInfo.byteLength
    if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memoryInfo, memoryInfoBytes) < 0) memoryInfo.fill(0)
    return memoryInfo
  }

  function receive(fd: number, messages: Pointer, count: number, flags: number): number {
    return orErrno(recvmmsg(fd, messages, count, flags, null))
  }

  function send(fd: number, messages: Pointer, count: number): number {
    return orErrno(sendmmsg(fd, messages, count, MSG_DONTWAIT))
  }

  function wait(sockets: Pointer, count: number, milliseconds: number): number {
    return orErrno(poll(sockets, count, milliseconds))
  }

  function now(timespec: Pointer): void {
    clockGettime(CLOCK_MONOTONIC, timespec)
  }
}

/** Octets of a struct sock_filter: code (16 bits), two jumps (8 bits each), constant (32 bits). */
const BPF_INSTRUCTION = 8

function filterProgram(instructions: readonly (readonly [code: number, constant: number])[]): Buffer {
  // Not from the pool of small buffers: its address is handed out.
  const program = Buffer.alloc(instructions.length * BPF_INSTRUCTION)
  instructions.forEach(([code, constant], i) => {
    program.writeUInt16LE(code, i * BPF_INSTRUCTION)
    program.writeUInt32LE(constant, i * BPF_INSTRUCTION + 4)
  })
  return program
}

/** struct sockaddr_in or sockaddr_in6. */
function socketAddress(address: Address, port: number): Buffer {
  const isIPv6 = familyOf(address) === 'IPv6'
  const name = Buffer.alloc(isIPv6 ? SOCKADDR.bytes : 16)
  name.writeUInt16LE(isIPv6 ? AF_INET6 : AF_INET)
  name.writeUInt16BE(port, SOCKADDR.port)
  if (isIPv6) name.set(address, SOCKADDR.address6)
  else name.set(address.subarray(12), SOCKADDR.address4)
  return name
}
