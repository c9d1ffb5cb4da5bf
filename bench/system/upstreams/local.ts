/**
 * Whether names of our own notice what happens to foreign ones. The whole server, all of its threads, has one core; the
 * good client, the attack and the upstream share the other. `native/load.c` runs before everything else there and counts
 * from the kernel's time stamps, so what it measures is the server and not its own waiting for a processor.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { cpuOfTree, type LoadResult, median, needNative, runFlood, runLoad } from '../measure.ts'
import type { Behaviour } from './fake.ts'
import { FakeProcess } from './fake-process.ts'
import { HOME, HOME_NAMES, startForwarding } from './server.ts'

/** How names of our own fare beside one attack; medians over the rounds. */
export interface LocalFigure {
  readonly attack: string
  /** Queries a second that the attack sent. */
  readonly attackRate: number
  /** 99th percentile without it and beside it, microseconds, and the second over the first in each round. */
  readonly idle: number
  readonly p99: number
  readonly ratio: number
  readonly p50: number
  /** The percentiles of {@link idle} and {@link p99} over TCP, whose thread forwards, too. */
  readonly tcpIdle: number
  readonly tcpP99: number
  /** Of all rounds. */
  readonly sent: number
  readonly lost: number
  readonly wrong: number
  /** How much of its core the server used. */
  readonly busy: number
}

/** How long, and how much. */
export interface LocalSetting {
  readonly folder: string
  readonly seconds: number
  readonly rounds: number
  /** Queries a second of the good client, and of an attack. */
  readonly rate: number
  readonly attackRate: number
}

interface Attack {
  readonly name: string
  readonly upstream: Behaviour
  readonly delayMs: number
  /** Zone of the random names, and what is said of them: 255 any code. */
  readonly zone: string
  readonly rcode: number
}

const SERVER_CPU = 0
const CLIENT_CPU = 1
const NXDOMAIN = 3
const ANY = 255
/** In the format of `native/load.c`: not counted. */
const ANY_COUNT = 254
const ATTACKS: readonly Attack[] = [
  // Of 5,000 a second so many wait that the bound of 10,000 is reached.
  {
    name: 'random foreign names, an upstream of 2.5 s',
    upstream: 'good',
    delayMs: 2500,
    zone: 'attack.example',
    rcode: ANY,
  },
  {
    name: 'random foreign names, no upstream answers',
    upstream: 'silent',
    delayMs: 0,
    zone: 'attack.example',
    rcode: ANY,
  },
  {
    name: 'random foreign names, no upstream is there',
    upstream: 'gone',
    delayMs: 0,
    zone: 'attack.example',
    rcode: ANY,
  },
  { name: 'random names of our own zone', upstream: 'good', delayMs: 0, zone: HOME, rcode: NXDOMAIN },
]
/** Queries a second over TCP, and connections. */
const TCP_RATE = 500
const TCP_CONNECTIONS = 4
/** Time for the bound to be reached. */
const LEAD_MS = 2500
/** For what waits to come to its end. */
const REST_MS = 4500

/** Measures without and beside each attack, in turn. */
export async function measureLocal(setting: LocalSetting): Promise<LocalFigure[]> {
  const { folder, rounds } = setting
  mkdirSync(folder, { recursive: true })
  const upstream = await FakeProcess.start(CLIENT_CPU)
  const server = await startForwarding({
    folder,
    upstreams: [upstream.port],
    isStaleGiven: true,
    cpu: SERVER_CPU,
  })
  const bench = new LocalBench(setting, server.dnsPort, server.child.pid as number)
  try {
    await bench.idle()
    const figures: LocalFigure[] = []
    for (const attack of ATTACKS) {
      const all: LocalFigure[] = []
      for (let round = 0; round < rounds; round++) {
        const idle = await bench.idle()
        await upstream.behave(attack.upstream, attack.delayMs)
        all.push(await bench.beside(attack, idle))
        await upstream.behave('good')
        await delay(REST_MS)
      }
      figures.push(summed(all))
      console.error(`${attack.name} is done`)
    }
    return figures
  } finally {
    await server.end()
    await upstream.stop()
  }
}

interface Both {
  readonly udp: LoadResult
  readonly tcp: LoadResult
}

class LocalBench {
  readonly #setting: LocalSetting
  readonly #port: number
  readonly #pid: number
  readonly #load: string
  readonly #flood: string
  readonly #queries: string
  #part = 0

  constructor(setting: LocalSetting, port: number, pid: number) {
    const { folder } = setting
    this.#setting = setting
    this.#port = port
    this.#pid = pid
    this.#load = needNative('load', folder)
    this.#flood = needNative('flood', folder)
    this.#queries = join(folder, 'home.bin')
    const names = Array.from({ length: HOME_NAMES }, (_, i) => entry(`n${i}.${HOME}`, 0, 1))
    writeFileSync(this.#queries, Buffer.concat(names))
  }

  /** What is measured without an attack. */
  async idle(): Promise<Both> {
    return await this.#ask(this.#setting.seconds)
  }

  async beside({ name, zone, rcode }: Attack, idle: Both): Promise<LocalFigure> {
    const { seconds, attackRate, folder } = this.#setting
    const length = seconds + LEAD_MS / 1000
    const queries = join(folder, 'attack.bin')
    const part = this.#part++
    const count = Math.ceil(attackRate * (length + 1))
    const labels = Array.from({ length: count }, (_, i) => `${part}-${String(i).padStart(8, '0')}`)
    writeFileSync(queries, Buffer.concat(labels.map(label => entry(`${label}.${zone}`, rcode, ANY_COUNT))))
    const shape = { sockets: 64, burst: 8, cpu: CLIENT_CPU }
    const flooding = runFlood(this.#flood, { port: this.#port, queries, seconds: length, rate: attackRate, ...shape })
    await delay(LEAD_MS)
    const before = cpuOfTree(this.#pid)
    const start = performance.now()
    const { udp, tcp } = await this.#ask(seconds - 0.5)
    const busy = (cpuOfTree(this.#pid) - before) / 1000 / (performance.now() - start)
    const flood = await flooding
    const { p50, p99 } = udp
    return {
      attack: name,
      attackRate: flood.rate,
      idle: idle.udp.p99,
      p99,
      ratio: p99 / idle.udp.p99,
      p50,
      tcpIdle: idle.tcp.p99,
      tcpP99: tcp.p99,
      sent: udp.sent + tcp.sent,
      lost: udp.lost + tcp.lost,
      wrong: flood.wrong + wrongOf(udp) + wrongOf(tcp),
      busy,
    }
  }

  /** Names of ours, over both at one time. */
  async #ask(seconds: number): Promise<Both> {
    const shape = { port: this.#port, queries: this.#queries, seconds, cpu: CLIENT_CPU }
    const [udp, tcp] = await Promise.all([
      runLoad(this.#load, { ...shape, rate: this.#setting.rate, sockets: 4 }),
      runLoad(this.#load, { ...shape, rate: TCP_RATE, tcp: TCP_CONNECTIONS }),
    ])
    return { udp, tcp }
  }
}

function wrongOf({ wrongId, wrongRcode, wrongCount, wrongQuestion }: LoadResult): number {
  return wrongId + wrongRcode + wrongCount + wrongQuestion
}

function summed(all: readonly LocalFigure[]): LocalFigure {
  const of = (pick: (figure: LocalFigure) => number): number => median(all.map(pick))
  const sum = (pick: (figure: LocalFigure) => number): number => all.map(pick).reduce((a, b) => a + b, 0)
  return {
    attack: all[0]?.attack ?? '',
    attackRate: of(figure => figure.attackRate),
    idle: of(figure => figure.idle),
    p99: of(figure => figure.p99),
    ratio: of(figure => figure.ratio),
    p50: of(figure => figure.p50),
    tcpIdle: of(figure => figure.tcpIdle),
    tcpP99: of(figure => figure.tcpP99),
    sent: sum(figure => figure.sent),
    lost: sum(figure => figure.lost),
    wrong: sum(figure => figure.wrong),
    busy: of(figure => figure.busy),
  }
}

/** One query, in the format of `native/load.c`. */
function entry(name: string, rcode: number, answers: number): Buffer {
  const labels = name.split('.').flatMap(label => [label.length, ...Buffer.from(label)])
  const message = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...labels, 0, 0, 28, 0, 1]
  return Buffer.from([message.length >> 8, message.length & 255, rcode, answers, ...message])
}
