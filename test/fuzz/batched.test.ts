import { describe, expect, it } from 'vitest'
import { allocateCounters, readCounters } from '#src/dns/counters.ts'
import { BatchedUdp } from '#src/dns/udp/batched.ts'
import { packViews } from '#src/dns/views.ts'
import { CONTROL_BYTES } from '#src/index/layout.ts'
import type { Address } from '#src/ip/address.ts'
import { type Arrival, FakeKernel } from '#support/fake-kernel.ts'
import { prefix as prefixOf } from '#support/ip.ts'
import { proxyHeader } from '#support/proxy.ts'
import { ASK, stubContext, stubQuery } from '#support/stub-answerer.ts'
import { joined, mutateOctets, Random, seedOf } from './random.ts'

const SEED = seedOf(process.env)
const OWN = Uint8Array.of(0xfd, 0xaa, ...Array(13).fill(0), 0x53) as Address
const PORT = 53
const ERRORS = [11, 1, 4, 105, 101, 22]

/** A packet of any length with any flags from anywhere, with a control message or without one. */
function arrivalOf(random: Random, id: number): Arrival {
  const isMapped = random.once(8)
  const source = Uint8Array.from(isMapped ? [...Array(10).fill(0), 255, 255, 1, 2, 3, 4] : [0xfd, ...random.octets(15)])
  const query = stubQuery(id, random.pick([ASK.answer, ASK.nothing, ASK.failure]), 12 + random.below(100))
  const header = random.once(3) ? mutateOctets(proxyHeader('fdaa::7', { protocol: 2 }), random) : new Uint8Array(0)
  const asked = Uint8Array.from(random.once(4) ? [0xff, 2, ...random.octets(14)] : [0xfe, 0x80, ...random.octets(14)])
  return {
    source: (random.once(20) ? OWN : isMapped ? Uint8Array.from([0xfd, ...random.octets(15)]) : source) as Address,
    port: random.once(10) ? random.pick([0, PORT]) : random.below(65_536),
    bytes: random.once(6) ? random.octets(random.below(11)) : joined(header, query),
    flags: random.once(10) ? random.below(256) : 0,
    scope: random.below(10),
    ...(random.once(3) ? { pktinfo: { interface: random.below(9), asked: asked as Address } } : {}),
  }
}

describe(`the memory of the batched transport (seed ${SEED})`, () => {
  it.each([
    ['an address', 'fdaa::53', false],
    ['a wildcard', '::', false],
    ['a balancer', 'fdaa::53', true],
  ] as const)('leads every reply of a socket bound to %s to who asked', async (_, address, isProxied) => {
    const random = new Random(SEED)
    const batches = Array.from({ length: 150 }, (_unused, batch) =>
      Array.from({ length: 1 + random.below(64) }, (_none, i) => arrivalOf(random, (batch * 64 + i) & 0xffff)),
    )
    const results = Array.from({ length: 200 }, () => (random.once(3) ? -random.pick(ERRORS) : 1 + random.below(64)))
    const asked = new Set<string>()
    for (const { source, port } of batches.flat()) asked.add(`${Buffer.from(source).toString('hex')} ${port}`)
    const count = batches.flat().length
    const kernel = new FakeKernel(batches, results)
    const counters = allocateCounters(1)
    const everyone = packViews([{ prefix: prefixOf('::/0'), view: 0 }])
    const { context } = stubContext({ control: new SharedArrayBuffer(CONTROL_BYTES), counters, views: everyone })
    const bound = address === '::' ? (new Uint8Array(16) as Address) : OWN
    const proxy = isProxied ? { listen: [{ address, port: PORT }], trusted: everyone } : null
    const transport = new BatchedUdp(kernel, context, [{ descriptor: 3, address: bound, port: PORT }], proxy)
    await expect(transport.run()).rejects.toThrow(/EBADF/)
    expect(kernel.sent.length).toBeGreaterThan(100)
    for (const { to, port, bytes, pktinfo } of kernel.sent) {
      expect(asked.has(`${Buffer.from(to).toString('hex')} ${port}`)).toBe(true)
      // The stub answers also what is shorter than a header.
      expect([bytes.length < 12 || bytes[2] === 0x80, port !== 0]).toEqual([true, true])
      expect(pktinfo === null).toBe(address !== '::')
    }
    const { receivedPackets, sentPackets } = readCounters(counters)
    expect(receivedPackets[0]?.value).toBe(count)
    expect(sentPackets[0]?.value).toBe(kernel.sent.length)
  })
})
