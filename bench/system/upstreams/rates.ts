/** What clients get while an upstream misbehaves: alone and beside a good one, with and without answers out of date. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Outcome, SteadyClient } from './client.ts'
import type { Behaviour } from './fake.ts'
import { FakeProcess } from './fake-process.ts'
import { startForwarding } from './server.ts'

/** One server under one behaviour. */
export interface RateFigure {
  readonly behaviour: Behaviour
  readonly isBesideGood: boolean
  readonly isStaleGiven: boolean
  /** Names that were answered before and whose TTL has passed. */
  readonly known: Shares
  /** Names that nobody has asked before. */
  readonly fresh: Shares
  /** Seconds from the end of the trouble to the first answer of a new name; null: none came in time. */
  readonly back: number | null
}

/** Parts of all questions, 0 … 1; milliseconds. */
export interface Shares {
  readonly asked: number
  readonly answered: number
  readonly stale: number
  readonly servfail: number
  readonly unanswered: number
  /** How many said something that is not so, or had another code. */
  readonly wrong: number
  readonly p50: number
  readonly p99: number
}

/** How long, and how much. */
export interface RatesSetting {
  /** For the servers' files. */
  readonly folder: string
  /** Of each behaviour. */
  readonly seconds: number
  /** That an upstream is gone. */
  readonly gone: number
  readonly only?: readonly string[]
}

const BEHAVIOURS: readonly Behaviour[] = [
  'good',
  'silent',
  'wrong-id',
  'wrong-question',
  'lies',
  'cuts',
  'cuts-only',
  'flaps',
  'gone',
]
/** Questions a second to each server; half of them for names that are known. */
const RATE = 200
const KNOWN_NAMES = 200
/** The TTL of every answer, and a little. */
const EXPIRY_MS = 1300
/** How often is asked whether it is over, and for how long. */
const BACK_EVERY_MS = 50
const BACK_WITHIN_MS = 15_000

/** One after the other; four servers at a time, which share the upstreams. */
export async function measureRates(setting: RatesSetting): Promise<RateFigure[]> {
  const [bad, good] = [await FakeProcess.start(), await FakeProcess.start()]
  const figures: RateFigure[] = []
  try {
    for (const behaviour of BEHAVIOURS) {
      if (setting.only !== undefined && !setting.only.includes(behaviour)) continue
      figures.push(...(await measureBehaviour(behaviour, bad, good, setting)))
      console.error(`${behaviour} is done`)
    }
  } finally {
    await Promise.all([bad.stop(), good.stop()])
  }
  return figures
}

async function measureBehaviour(
  behaviour: Behaviour,
  bad: FakeProcess,
  good: FakeProcess,
  { folder, seconds, gone }: RatesSetting,
): Promise<RateFigure[]> {
  await bad.behave('good')
  const kinds = [false, true].flatMap(isBesideGood =>
    [true, false].map(isStaleGiven => ({ isBesideGood, isStaleGiven })),
  )
  const runs = await Promise.all(
    kinds.map(async ({ isBesideGood, isStaleGiven }, i) => {
      const place = join(folder, `${behaviour}-${i}`)
      mkdirSync(place)
      const upstreams = isBesideGood ? [bad.port, good.port] : [bad.port]
      const server = await startForwarding({ folder: place, upstreams, isStaleGiven })
      return { server, client: await SteadyClient.open(server.dnsPort), isBesideGood, isStaleGiven }
    }),
  )
  try {
    await Promise.all(runs.map(({ client }) => client.run(known, 2 * KNOWN_NAMES, 1)))
    await delay(EXPIRY_MS)
    await bad.behave(behaviour)
    const length = behaviour === 'gone' ? gone : seconds
    const outcomes = await Promise.all(
      runs.map(async ({ client }) => [
        await Promise.all([client.run(known, RATE / 2, length), client.run(unknown, RATE / 2, length)]),
      ]),
    )
    await bad.behave('good')
    const backs = await Promise.all(runs.map(({ client }) => timeToBack(client)))
    return runs.map(({ isBesideGood, isStaleGiven }, i) => {
      const [ofKnown = [], ofNew = []] = outcomes[i]?.[0] ?? []
      const back = backs[i] ?? null
      return { behaviour, isBesideGood, isStaleGiven, known: sharesOf(ofKnown), fresh: sharesOf(ofNew), back }
    })
  } finally {
    for (const { client } of runs) client.close()
    await Promise.all(runs.map(({ server }) => server.end()))
  }
}

function known(number: number): string {
  return `known-${number % KNOWN_NAMES}.example`
}

let counter = 0
function unknown(): string {
  return `new-${counter++}.example`
}

async function timeToBack(client: SteadyClient): Promise<number | null> {
  const start = performance.now()
  let backAt: number | null = null
  const asked: Promise<void>[] = []
  while (backAt === null && performance.now() - start < BACK_WITHIN_MS) {
    const answer = client.ask(unknown()).then(({ verdict }) => {
      if (verdict === 'fresh') backAt ??= (performance.now() - start) / 1000
    })
    asked.push(answer)
    await delay(BACK_EVERY_MS)
  }
  return backAt
}

function sharesOf(outcomes: readonly Outcome[]): Shares {
  const part = (kind: Outcome['verdict']): number =>
    outcomes.filter(({ verdict }) => verdict === kind).length / Math.max(1, outcomes.length)
  const times = outcomes.filter(({ verdict }) => verdict !== 'unanswered').map(({ ms }) => ms)
  times.sort((a, b) => a - b)
  const quantile = (share: number): number => times[Math.min(times.length - 1, Math.floor(share * times.length))] ?? 0
  return {
    asked: outcomes.length,
    answered: part('fresh'),
    stale: part('stale'),
    servfail: part('servfail'),
    unanswered: part('unanswered'),
    wrong: outcomes.filter(({ verdict }) => verdict === 'wrong' || verdict === 'other').length,
    p50: quantile(0.5),
    p99: quantile(0.99),
  }
}
