/**
 * The long run: `npm run fuzz -- --packets 10000000 [--seed N] [--sockets N]`. Packets go to a server in process; with
 * `--sockets`, others go to a real one over UDP and TCP, which must answer a good query after each thousand.
 */
import { parseArgs } from 'node:util'
import { seedOf } from './random.ts'
import { fuzzPackets } from './run-packets.ts'
import { fuzzSockets } from './run-sockets.ts'

/** Packets for one pair of servers; a failure names the seed of its part. */
const PART = 250_000
/** One in so many replies is decoded. */
const DECODE_EVERY = 16

const { values } = parseArgs({
  options: { packets: { type: 'string' }, seed: { type: 'string' }, sockets: { type: 'string' } },
})
const packets = Number(values.packets ?? 1_000_000)
const seed = values.seed === undefined ? seedOf(process.env) : Number(values.seed)
process.stdout.write(`seed ${seed}\n`)
const start = performance.now()
let answered = 0
for (let done = 0; done < packets; done += PART) {
  const run = fuzzPackets(Math.min(PART, packets - done), seed + done / PART, DECODE_EVERY)
  answered += run.answered
}
const seconds = ((performance.now() - start) / 1000).toFixed(0)
process.stdout.write(
  `${packets} packets in process, ${answered} of them long enough to be queries: nothing wrong in ${seconds} s\n`,
)
const sockets = Number(values.sockets ?? 0)
if (sockets > 0) {
  const { sent, replies } = await fuzzSockets(sockets, seed)
  process.stdout.write(
    `${sent} packets over UDP and TCP: ${replies} replies, each with an id that was asked; it answers still\n`,
  )
}
