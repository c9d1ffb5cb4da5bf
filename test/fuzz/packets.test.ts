import { describe, expect, it } from 'vitest'
import { PacketMaker, readCorpus } from './packets.ts'
import { Random, seedOf } from './random.ts'
import { fuzzPackets } from './runs/packets.ts'
import { World } from './world.ts'

const RUNS = Number(process.env['WAYPOST_FUZZ'] ?? 20_000)
const SEED = seedOf(process.env)

describe(`packets (seed ${SEED})`, () => {
  it('each is answered as it must be, or dropped', { timeout: 60_000 + RUNS }, () => {
    const { answered } = fuzzPackets(RUNS, SEED)
    expect(answered).toBeGreaterThan(RUNS / 4)
  })

  it('of the corpus are answered over every transport', () => {
    const world = new World()
    const source = new Uint8Array(16).fill(1)
    for (const packet of readCorpus()) {
      for (const transport of [0, 1, 2, 3]) {
        for (const view of [-1, 0, 1]) world.check(packet, { view, transport, capacity: 65_535, source })
      }
    }
  })

  it('are the same again for the same seed', () => {
    const makers = [5, 5].map(seed => new PacketMaker(new Random(seed)))
    for (let i = 0; i < 100; i++) {
      const [one, other] = makers.map(maker => Buffer.from(maker.make()).toString('hex'))
      expect(one).toBe(other)
    }
  })
})
