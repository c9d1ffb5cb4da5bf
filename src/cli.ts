/** The command line. Every error is one sentence with its code on stderr; exit status 1: failure, 2: usage. */
import { Command, CommanderError } from 'commander'
import { addAddresses } from './cli/addresses.ts'
import { addCheck } from './cli/check.ts'
import { addExplain } from './cli/explain.ts'
import type { Io } from './cli/io.ts'
import { addQuery } from './cli/query.ts'
import { addRoutes } from './cli/routes.ts'
import { addServe } from './cli/serve.ts'
import { surroundingsOfProcess } from './cli/surroundings.ts'
import { WaypostError } from './errors.ts'
import { VERSION } from './version.ts'

/** Runs the process's own command line and ends the process. */
export async function main(): Promise<void> {
  const ended = new AbortController()
  process.stdout.on('error', endQuietly)
  const io: Io = {
    out: text => void process.stdout.write(text),
    error: text => void process.stderr.write(text),
    surroundings: surroundingsOfProcess(),
    terminal: process.stdout.isTTY === true,
    signal: ended.signal,
  }
  process.exitCode = await runCommand(process.argv.slice(2), io)
  process.stdout.write('', () => process.exit())
}

/**
 * Runs one command.
 *
 * @returns the exit status.
 */
export async function runCommand(args: readonly string[], io: Io): Promise<number> {
  let status = 0
  const program = createProgram(io, result => {
    status = result
  })
  try {
    await program.parseAsync(args, { from: 'user' })
    return status
  } catch (error) {
    return report(error, io)
  }
}

/** The program with all its commands, for parsing and for its help. */
function createProgram(io: Io, finish: (status: number) => void): Command {
  const program = new Command('waypost')
    .description('An address, a name and a route for every Kubernetes Service on an IPv6 private network.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print the help of the command')
    .helpCommand('help [command]', 'print the help of a command')
    .exitOverride()
    .configureOutput({ writeOut: text => io.out(text), writeErr: text => io.error(text), outputError: () => undefined })
  addServe(program, io, finish)
  addQuery(program, io)
  addRoutes(program, io)
  addAddresses(program, io)
  addExplain(program, io)
  addCheck(program, io, finish)
  return program
}

/** Says what went wrong and gives the exit status. */
function report(error: unknown, io: Io): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    const bare = error.code === 'commander.help'
    const sentence = bare ? 'Cannot run without a command' : usageSentence(error.message)
    io.error(`waypost: ${sentence} (WAY_USAGE)\n`)
    return 2
  }
  if (error instanceof WaypostError) {
    io.error(`waypost: ${error.message} (${error.code})\n`)
    return error.code === 'WAY_USAGE' ? 2 : 1
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  io.error(`waypost: ${message} (WAY_INTERNAL)\n${stack ?? ''}\n`)
  return 1
}

/** commander's "error: unknown option '--x'\n(Did you mean --y?)" as our kind of sentence. */
function usageSentence(message: string): string {
  const text = message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*/g, ' ')
    .replace(/\.$/, '')
  return `Cannot run the command: ${text}`
}

/** A reader that went away (`waypost routes | head`) is no failure. */
function endQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}
