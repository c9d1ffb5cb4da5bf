/** Gives packets to a server in process and checks every reply. */
import { PacketMaker } from '../packets.ts'
import { Random } from '../random.ts'
import { World } from '../world.ts'

const CAPACITIES: readonly number[] = [512, 513, 1232, 4096, 65_535, 65_535]
const SOURCES: readonly Uint8Array[] = Array.from({ length: 200 }, (_, i) =>
  i < 100 ? Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, i, 1) : new Uint8Array(16).fill(i),
)

/** What came of it. */
export interface PacketRun {
  readonly packets: number
  readonly answered: number
}

/**
 * @param decodeEvery one in so many replies is read to its last record; of all, the header and the size are checked.
 * @throws Error with the packet, the seed and the property that does not hold.
 */
export function fuzzPackets(packets: number, seed: number, decodeEvery = 1): PacketRun {
  const random = new Random(seed)
  const maker = new PacketMaker(random)
  const world = new World()
  let answered = 0
  for (let i = 0; i < packets; i++) {
    if (i % 1000 === 0) world.advance(100)
    const packet = maker.make()
    const arrival = {
      view: random.below(3) - 1,
      transport: random.below(4),
      capacity: random.pick(CAPACITIES),
      source: random.pick(SOURCES),
    }
    try {
      const cookie = world.check(packet, arrival, i % decodeEvery === 0)
      if (cookie !== null) maker.learn(cookie)
      if (packet.length >= 12) answered++
    } catch (error) {
      const hex = Buffer.from(packet).toString('hex')
      throw new Error(`Packet ${i} of seed ${seed} (${JSON.stringify(arrival)}): ${hex}`, { cause: error })
    }
  }
  return { packets, answered }
}
