/** Runs the commands that a document shows, beside a server, as its reader would. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Block, type Command, outputPattern, readCommands } from './documents.ts'
import { ROOT } from './source-tree.ts'
import { type RunningWaypost, until } from './waypost.ts'

/** Time for a command to show what the document says. */
const DEADLINE_MS = 10_000

/** Time for the output of a command that goes on. A command that ended is run again instead. */
const SETTLE_MS = 5000

/** Commands that may be run again until they show what they should: they change nothing. */
const READS = /^(dig|kdig|curl|npx waypost|cat|grep) /

/** A folder in which commands run, beside a server. */
export class Shell {
  readonly #folder: string
  readonly #server: RunningWaypost
  readonly #env: NodeJS.ProcessEnv

  /** @param folder what a reader would see as the checkout. */
  constructor(folder: string, server: RunningWaypost) {
    this.#folder = folder
    this.#server = server
    const tools = join(folder, '.tools')
    mkdirSync(tools)
    writeFileSync(join(tools, 'npx'), npxScript(server))
    chmodSync(join(tools, 'npx'), 0o755)
    this.#env = { ...process.env, PATH: `${tools}${delimiter}${process.env['PATH']}` }
  }

  /** Programs of the block's commands that this machine does not have. */
  missingPrograms(block: Block): string[] {
    const programs = readCommands(block.text).map(command => command.line.split(' ')[0] ?? '')
    const isMissing = (program: string) =>
      spawnSync('bash', ['-c', `command -v ${program}`], { env: this.#env }).status !== 0
    return [...new Set(programs)].filter(isMissing)
  }

  /** Runs the block; throws when a command does not show what the block says. */
  async run(block: Block): Promise<void> {
    const background: ChildProcess[] = []
    let output = ''
    const collect = (child: ChildProcess): void => {
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on('data', chunk => {
          output += String(chunk)
        })
      }
    }
    try {
      for (const command of readCommands(block.text)) {
        const shown = async (): Promise<boolean> => {
          output = command.background || background.length > 0 ? output : ''
          const child = this.#spawn(command)
          collect(child)
          if (command.background) background.push(child)
          else await once(child, 'close')
          if (command.expected === '') return command.background || child.exitCode === 0
          return await this.#settles(command, background.length === 0, () => output)
        }
        const retry = !command.background && READS.test(command.line)
        const matched = retry ? await until(shown, DEADLINE_MS).catch(() => false) : await shown()
        if (!matched)
          throw new Error(
            `${block.document}:${block.line}: $ ${command.line}\nexpected:\n${command.expected}\nshown:\n${output}`,
          )
        output = ''
      }
    } finally {
      for (const child of background) if (child.pid !== undefined) process.kill(-child.pid)
    }
  }

  /** Whether the output is what the command should show, or becomes it while something goes on in the background. */
  async #settles({ expected }: Command, ended: boolean, output: () => string): Promise<boolean> {
    const pattern = outputPattern(expected)
    // curl ends a body as it came, without a line feed.
    const lines = (): string => (output().endsWith('\n') ? output() : `${output()}\n`)
    if (ended) return pattern.test(lines())
    return await until(() => pattern.test(lines()), SETTLE_MS).catch(() => false)
  }

  #spawn({ line, background }: Command): ChildProcess {
    const command = this.#withPorts(line)
    return spawn('bash', ['-c', command], {
      cwd: this.#folder,
      env: this.#env,
      detached: background,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  }

  /** Documents show the default ports; the server of a test has others. */
  #withPorts(line: string): string {
    const { dnsPort, api } = this.#server
    return line
      .replaceAll('-p 1053', `-p ${dnsPort}`)
      .replaceAll('[::1]:1053', `[::1]:${dnsPort}`)
      .replaceAll('http://[::1]:8053', api)
  }
}

/** `npx waypost …` as in a checkout, talking to the server of the test. */
function npxScript({ dnsPort, api }: RunningWaypost): string {
  const run = `exec "${process.execPath}" "${join(ROOT, 'bin/waypost.js')}" "$@"`
  return `#!/bin/sh
shift
case "$1" in
  query) set -- "$@" --server "[::1]:${dnsPort}" ;;
  routes|addresses|explain) set -- "$@" --http "${api}" ;;
esac
${run}
`
}
