/**
 * `npm run bench:forward`: Waypost as a forwarder beside Unbound, dnsmasq and CoreDNS, each over the same upstream on
 * loopback, on the same core, in the same minutes. What is measured is the forwarder's own processor time for each query
 * that was answered: of names that are asked again and again, and of names that nobody has asked before. Ours is also
 * asked for names of a zone of its own, for comparison.
 *
 * node bench/system/forward.ts [--rounds N] [--seconds S] [--only NAME,NAME] [--rate QPS]
 *
 * CoreDNS takes part when COREDNS_BIN names its program. The upstream is NSD or Knot DNS, whichever is installed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { comparedWithOwn, formatTable } from './forward-table.ts'
import { authorities, type Forwarder, forwarders, HOT_NAMES, OWN_ZONE, writeQueries } from './forwarders.ts'
import { compileNative, cpuOfTree, machine, median, memoryOfTree, runLoad } from './measure.ts'

/** Names that the cache has, names that nobody has asked, and names of a zone that the server has itself. */
export type ForwardWorkload = 'hit' | 'miss' | 'own'

/** One forwarder under one workload: medians over the rounds. */
export interface ForwardFigure {
  readonly server: string
  readonly workload: ForwardWorkload
  /** Answered queries a second when saturated, and the share that was lost. */
  readonly qps: number
  readonly lost: number
  /** Processor time of the whole process tree for one answered query, saturated; microseconds. */
  readonly cpu: number
  /** The same at the fixed rate. */
  readonly cpuAtRate: number
  /** Latencies at the fixed rate; microseconds. */
  readonly p50: number
  readonly p99: number
  /** Megabytes after the load. */
  readonly memory: number
}

const UPSTREAM_PORT = 5361
const PORT = 5362
const SERVER_CPU = 0
const CLIENT_CPU = 1

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '4' },
    rate: { type: 'string', default: '5000' },
    only: { type: 'string' },
  },
})

await main()

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'waypost-forward-'))
  const undo: (() => unknown)[] = [() => rmSync(directory, { recursive: true, force: true })]
  try {
    const load = compileNative('load', directory)
    if (load === null) throw new Error('bench:forward needs a C compiler (cc) for its load generator')
    undo.push(await startAuthority(directory))
    const figures: ForwardFigure[] = []
    for (let round = 0; round < Number(flags.rounds); round++) {
      for (const forwarder of forwarders()) {
        if (flags.only !== undefined && !flags.only.split(',').includes(forwarder.name)) continue
        if (forwarder.program === null) {
          if (round === 0) console.error(`skipped ${forwarder.name}: it is not installed`)
          continue
        }
        figures.push(...(await measureForwarder(forwarder, load, directory, round)))
      }
      console.error(`round ${round + 1} of ${flags.rounds} is done`)
    }
    report(figures)
  } finally {
    for (const step of undo.reverse()) await step()
  }
}

async function startAuthority(directory: string): Promise<() => Promise<void>> {
  const authority = authorities().find(({ program }) => program !== null)
  if (authority === undefined) throw new Error('bench:forward needs NSD or Knot DNS as its upstream')
  return await startProgram(authority, join(directory, 'authority'), UPSTREAM_PORT, UPSTREAM_PORT, CLIENT_CPU).then(
    ({ stop }) => stop,
  )
}

async function measureForwarder(
  forwarder: Forwarder,
  load: string,
  directory: string,
  round: number,
): Promise<ForwardFigure[]> {
  const place = join(directory, `${forwarder.name.replaceAll(/[^a-zA-Z]+/g, '-').toLowerCase()}-${round}`)
  const { child, stop } = await startProgram(forwarder, place, PORT, UPSTREAM_PORT, SERVER_CPU)
  try {
    const pid = child.pid as number
    const workloads: ForwardWorkload[] = forwarder.hasOwnZone ? ['own', 'hit', 'miss'] : ['hit', 'miss']
    const figures: ForwardFigure[] = []
    for (const workload of workloads) figures.push(await measure(forwarder, workload, pid, load, place))
    return figures
  } finally {
    await stop()
  }
}

/** Names of a miss are new in each part: what was asked while warming up is not asked again. */
async function measure(
  forwarder: Forwarder,
  workload: ForwardWorkload,
  pid: number,
  load: string,
  place: string,
): Promise<ForwardFigure> {
  const seconds = Number(flags.seconds)
  const rate = Number(flags.rate)
  const queries = (part: string, count: number): string =>
    workload === 'miss'
      ? writeQueries(place, `${part}${Math.floor(Math.random() * 1e9)}`, count)
      : writeQueries(place, 'hot', HOT_NAMES, workload === 'own' ? OWN_ZONE : undefined)
  const base = { port: PORT, cpu: CLIENT_CPU }
  const shape = { window: 64, sockets: 4 }
  await runLoad(load, { ...base, ...shape, queries: queries('warm', 600_000), seconds: 2 })
  const [saturated, cpu] = await withCpu(pid, () =>
    runLoad(load, { ...base, ...shape, queries: queries('full', 300_000 * seconds), seconds }),
  )
  const [paced, cpuAtRate] = await withCpu(pid, () =>
    runLoad(load, { ...base, queries: queries('rate', rate * (seconds + 1)), seconds, rate }),
  )
  const { qps, lost, sent, wrongId, wrongRcode, wrongCount, wrongQuestion } = saturated
  const wrong = wrongId + wrongRcode + wrongCount + wrongQuestion
  if (wrong > 0) console.error(`${forwarder.name}: ${wrong} of ${sent} answers (${workload}) are wrong`)
  return {
    server: forwarder.name,
    workload,
    qps,
    lost: lost / Math.max(sent, 1),
    cpu: cpu / Math.max(saturated.received, 1),
    cpuAtRate: cpuAtRate / Math.max(paced.received, 1),
    p50: paced.p50,
    p99: paced.p99,
    memory: memoryOfTree(pid),
  }
}

async function withCpu<T>(pid: number, run: () => Promise<T>): Promise<[T, number]> {
  const before = cpuOfTree(pid)
  const result = await run()
  return [result, cpuOfTree(pid) - before]
}

async function startProgram(
  { name, program, command }: Forwarder,
  directory: string,
  port: number,
  upstream: number,
  cpu: number,
): Promise<{ child: ChildProcess; stop: () => Promise<void> }> {
  mkdirSync(directory, { recursive: true })
  const { args, env } = command(directory, port, upstream)
  const child = spawn('taskset', ['-c', String(cpu), program as string, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  })
  let stderr = ''
  child.stderr?.on('data', chunk => {
    stderr += String(chunk)
  })
  const deadline = performance.now() + 30_000
  for (let answered = 0; answered < 5; ) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}: ${stderr}`)
    if (performance.now() > deadline) throw new Error(`${name} does not answer: ${stderr}`)
    answered = (await probe(port)) ? answered + 1 : 0
  }
  return { child, stop: () => stopChild(child) }
}

/** Whether a name of the upstream's zone has an address. */
async function probe(port: number): Promise<boolean> {
  const socket = createSocket('udp6')
  const name = ['probe', 'bench', 'example'].flatMap(label => [label.length, ...Buffer.from(label)])
  const message = Buffer.from([0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 1, 0, 1])
  try {
    return await new Promise<boolean>(resolve => {
      const timer = setTimeout(() => resolve(false), 200)
      socket.on('error', () => setTimeout(() => resolve(false), 50))
      socket.on('message', reply => {
        clearTimeout(timer)
        resolve(reply.readUInt16BE(6) > 0)
      })
      socket.send(message, port, '::1')
    })
  } finally {
    socket.close()
  }
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), 5000)
  await ended
  clearTimeout(timer)
}

function report(all: readonly ForwardFigure[]): void {
  const groups = Map.groupBy(all, figure => `${figure.workload} ${figure.server}`)
  const figures = Array.from(groups.values(), group => {
    const of = (pick: (figure: ForwardFigure) => number): number => median(group.map(pick))
    return {
      ...(group[0] as ForwardFigure),
      qps: of(figure => figure.qps),
      lost: of(figure => figure.lost),
      cpu: of(figure => figure.cpu),
      cpuAtRate: of(figure => figure.cpuAtRate),
      p50: of(figure => figure.p50),
      p99: of(figure => figure.p99),
      memory: of(figure => figure.memory),
    }
  })
  const date = new Date().toISOString()
  const head = `${machine()}; medians of ${flags.rounds} rounds of ${flags.seconds} s; ${date.slice(0, 10)}`
  const text = [
    head,
    ...(['hit', 'miss'] as const).map(kind => formatTable(kind, figures, flags.rate)),
    comparedWithOwn(figures),
  ].join('\n\n')
  console.log(text)
  const results = new URL('../results/', import.meta.url)
  mkdirSync(results, { recursive: true })
  writeFileSync(new URL('forward.md', results), `${text}\n`)
  writeFileSync(new URL('forward.json', results), JSON.stringify({ machine: machine(), date, flags, figures }, null, 2))
}
