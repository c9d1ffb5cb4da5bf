import { describe, expect, it } from 'vitest'
import { allocateCounters, type CounterSnapshot, readCounters } from '#src/dns/counters.ts'
import { BatchedUdp } from '#src/dns/udp/batched.ts'
import { packViews } from '#src/dns/views.ts'
import { CONTROL_BYTES } from '#src/index/layout.ts'
import { type Arrival, FakeKernel } from '#support/fake-kernel.ts'
import { address as parse } from '#support/ip.ts'
import { ASK, stubContext, stubQuery } from '#support/stub-answerer.ts'

const EAGAIN = 11
const EPERM = 1
const EINTR = 4
const ENOBUFS = 105
const MSG_TRUNC = 0x20
const PORT = 53
const CLIENT = parse('fdaa::c')

describe('batched UDP over a kernel of our own', () => {
  it('receives into a fresh name and control message after every batch', async () => {
    const batches = [['fdaa::1', 'fdaa::2'], ['fdaa::3'], ['fdaa::4', 'fdaa::5', 'fdaa::6']]
    const kernel = new FakeKernel(batches.map(batch => batch.map((source, i) => arrival(i, { source: parse(source) }))))
    await serve(kernel)
    expect(kernel.sent.map(({ to }) => to[15])).toEqual([1, 2, 3, 4, 5, 6])
  })

  it('packs the replies of a batch in which some packets get none, each with its own client and octets', async () => {
    const batch = Array.from({ length: 64 }, (_, i) =>
      arrival(i, {
        source: parse(`fdaa::${(i + 1).toString(16)}`),
        port: 1000 + i,
        bytes: stubQuery(i, i % 3 === 1 ? ASK.nothing : ASK.answer, 12 + i),
      }),
    )
    const kernel = new FakeKernel([batch])
    await serve(kernel)
    const expected = batch.map((_, i) => i).filter(i => i % 3 !== 1)
    expect(kernel.sent.map(({ port, bytes }) => [port - 1000, bytes[1], bytes.length])).toEqual(
      expected.map(i => [i, i, 12 + i]),
    )
    expect(kernel.sent.map(({ to }) => to[15])).toEqual(expected.map(i => i + 1))
  })

  it('drops source port 0, a packet that was cut, and our own address and port', async () => {
    const own = parse('fdaa::53')
    const kernel = new FakeKernel([
      [
        arrival(1, { port: 0 }),
        arrival(2, { flags: MSG_TRUNC }),
        arrival(3, { source: own, port: PORT }),
        arrival(4, { source: own, port: PORT + 1 }),
        arrival(5, { port: PORT }),
      ],
    ])
    const counters = await serve(kernel, 'fdaa::53')
    expect(kernel.sent.map(({ bytes }) => bytes[1])).toEqual([4, 5])
    expect(dropped(counters)).toEqual({ source: 2, oversized: 1 })
  })

  it('goes on behind the packets that were sent, and behind one that cannot be sent', async () => {
    const kernel = new FakeKernel([range(10).map(i => arrival(i))], [3, -EINTR, -EPERM, 2])
    const counters = await serve(kernel)
    expect(kernel.sent.map(({ bytes }) => bytes[1])).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9])
    expect(dropped(counters)).toEqual({ send: 1 })
    expect(counters.sentPackets[0]?.value).toBe(9)
    expect(counters.sentBytes[0]?.value).toBe(9 * 12)
  })

  it('answers those who ask little, beside one who fills a queue that is long', async () => {
    const busy = range(60).map(i => arrival(i, { source: parse('fdaa::b') }))
    const others = range(4).map(i => arrival(60 + i, { source: parse(`fdaa::${i + 1}`), port: 2000 + i }))
    const batches = 16 * 20
    const kernel = new FakeKernel(range(batches).map(() => [...busy, ...others]))
    for (let look = 0; look < 20; look++) kernel.queues.push({ fill: 0.9, lost: 5 * look })
    const counters = await serve(kernel)
    // One of them may have the busy one's hash.
    expect(kernel.sent.filter(({ to }) => to[15] !== 0xb).length).toBeGreaterThanOrEqual(3 * batches)
    const { share = 0, queue } = dropped(counters)
    expect(queue).toBe(5 * 19)
    // At the end 128 in 16 batches are answered to the busy one.
    expect(share).toBeGreaterThan(40 * batches)
    expect(kernel.sent).toHaveLength(64 * batches - share)
  })

  it.each([
    ['EAGAIN', EAGAIN],
    ['ENOBUFS', ENOBUFS],
  ])('drops the rest of a batch when the kernel has no room (%s)', async (_, errno) => {
    const kernel = new FakeKernel([range(10).map(i => arrival(i)), [arrival(10)]], [4, -errno])
    const counters = await serve(kernel)
    expect(kernel.sent.map(({ bytes }) => bytes[1])).toEqual([0, 1, 2, 3, 10])
    expect(dropped(counters)).toEqual({ send: 6 })
  })

  it('replies over IPv6 from the address that was asked, with the interface for a link-local one only', async () => {
    const global = parse('fdaa::53')
    const local = parse('fe80::53')
    const kernel = new FakeKernel([
      [
        arrival(1, { pktinfo: { interface: 7, asked: global } }),
        arrival(2, { pktinfo: { interface: 7, asked: local } }),
        arrival(3, { pktinfo: { interface: 7, asked: parse('ff02::1') } }),
        arrival(4),
      ],
    ])
    const counters = await serve(kernel, '::')
    expect(kernel.sent.map(({ pktinfo }) => pktinfo)).toEqual([
      Uint8Array.of(...global, 0, 0, 0, 0),
      Uint8Array.of(...local, 7, 0, 0, 0),
    ])
    expect(dropped(counters)).toEqual({ source: 2 })
  })

  it('replies over IPv4 from the address that was asked, through any interface, and not to a broadcast', async () => {
    const source = parse('10.0.0.9')
    const asked = parse('10.0.0.1')
    const kernel = new FakeKernel([
      [
        arrival(1, { source, pktinfo: { interface: 7, asked } }),
        arrival(2, { source, pktinfo: { interface: 7, asked: parse('10.0.0.255'), source: asked } }),
      ],
    ])
    const counters = await serve(kernel, '0.0.0.0')
    expect(kernel.sent).toMatchObject([
      { family: 2, to: Uint8Array.of(10, 0, 0, 9), pktinfo: Uint8Array.of(0, 0, 0, 0, 10, 0, 0, 1, 10, 0, 0, 1) },
    ])
    expect(dropped(counters)).toEqual({ source: 1 })
  })

  it('sends no control message from a socket that is bound to an address', async () => {
    const kernel = new FakeKernel([[arrival(1)]])
    await serve(kernel)
    expect(kernel.sent.map(({ pktinfo }) => pktinfo)).toEqual([null])
  })

  it('ends with the error of a socket that fails for good, and not when none has come', async () => {
    const kernel = new FakeKernel([[], [arrival(1)], []])
    await expect(serveToEnd(kernel)).rejects.toMatchObject({ code: 'EBADF' })
    expect(kernel.sent.length).toBe(1)
  })
})

function arrival(id: number, other: Partial<Arrival> = {}): Arrival {
  return { source: CLIENT, port: 4000, bytes: stubQuery(id), ...other }
}

/** Serves until the kernel has nothing more to deliver. */
async function serve(kernel: FakeKernel, address = 'fdaa::53'): Promise<CounterSnapshot> {
  const counters = allocateCounters(1)
  await serveToEnd(kernel, address, counters).catch(() => {})
  return readCounters(counters)
}

async function serveToEnd(kernel: FakeKernel, address = 'fdaa::53', counters = allocateCounters(1)): Promise<void> {
  const { context } = stubContext({ control: new SharedArrayBuffer(CONTROL_BYTES), counters, views: packViews([]) })
  await new BatchedUdp(kernel, context, [{ descriptor: 3, address: parse(address), port: PORT }]).run()
}

/** Reasons that have a count. */
function dropped(counters: CounterSnapshot): Record<string, number> {
  const counted = counters.dropped.filter(({ value }) => value > 0)
  return Object.fromEntries(counted.map(({ labels, value }) => [labels[0], value]))
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i)
}
