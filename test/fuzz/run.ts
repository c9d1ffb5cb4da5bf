/**
 * The long run: `npm run fuzz -- --packets 10000000 [--seed N] [--sockets N]`. Packets go to a server in process; one
 * tenth as many answers of upstreams, and one thousandth as many streams, HTTP bodies, zone files and manifests go to
 * what reads them. With `--sockets`, others go to a real server over UDP and TCP, which must answer a good query after
 * each 500.
 */
import { parseArgs } from 'node:util'
import { seedOf } from './random.ts'
import { fuzzAnswers } from './runs/answers.ts'
import { fuzzManifests, fuzzZoneFiles } from './runs/files.ts'
import { fuzzPackets } from './runs/packets.ts'
import { fuzzSockets } from './runs/sockets.ts'
import { fuzzBodies, fuzzFrames, fuzzGarbage, fuzzHeads } from './runs/streams.ts'

/** Packets for one pair of servers; a failure names the seed of its part. */
const PART = 250_000
/** One in so many replies is decoded. */
const DECODE_EVERY = 16

const { values } = parseArgs({
  options: { packets: { type: 'string' }, seed: { type: 'string' }, sockets: { type: 'string' } },
})
const packets = Number(values.packets ?? 1_000_000)
const seed = values.seed === undefined ? seedOf(process.env) : Number(values.seed)
const sockets = Number(values.sockets ?? 0)
say(`seed ${seed}`)

await part(`${packets} packets in process`, () => `${inProcess()} of them long enough to be queries`)
await part(`${part10()} answers of upstreams`, () => {
  const { answer, failed, cut, stranger } = fuzzAnswers(part10(), seed)
  return `${answer} taken, ${failed} failures, ${cut} cut, ${stranger} strangers`
})
await part(`${2 * part1000()} streams and ${10 * part1000()} HTTP heads`, () => {
  fuzzFrames(part1000(), seed)
  fuzzGarbage(part1000(), seed)
  fuzzHeads(10 * part1000(), seed)
  return 'read as they are'
})
await part(`${part1000()} HTTP bodies over HTTP/2`, async () => {
  const counts = await fuzzBodies(part1000(), seed)
  return `${counts[200]} replies, ${counts[400]} refused`
})
await part(`${part1000()} zone files`, () => `${fuzzZoneFiles(part1000(), seed).good} without a fault`)
await part(`${part1000()} manifests`, () => `${fuzzManifests(part1000(), seed).good} without a fault`)
if (sockets > 0) {
  await part(`${sockets} packets over UDP and TCP`, async () => {
    const { replies } = await fuzzSockets(sockets, seed)
    return `${replies} replies, each with an id that was asked; it answers still`
  })
}

/** @returns how many of the packets were long enough to be queries. */
function inProcess(): number {
  let answered = 0
  for (let done = 0; done < packets; done += PART) {
    answered += fuzzPackets(Math.min(PART, packets - done), seed + done / PART, DECODE_EVERY).answered
  }
  return answered
}

async function part(what: string, run: () => string | Promise<string>): Promise<void> {
  const start = performance.now()
  const outcome = await run()
  say(`${what}: ${outcome}; nothing wrong in ${((performance.now() - start) / 1000).toFixed(0)} s`)
}

function part10(): number {
  return Math.ceil(packets / 10)
}

function part1000(): number {
  return Math.ceil(packets / 1000)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
