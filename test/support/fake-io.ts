/** A command's outside that remembers what was written. */
import type { Io } from '#src/cli/io.ts'
import { runCommand } from '#src/cli.ts'
import type { Surroundings } from '#src/config.ts'
import { fakeSurroundings } from './surroundings.ts'

/** What a command did. */
export interface CommandResult {
  readonly status: number
  readonly out: string
  readonly error: string
}

/** Runs a command inside this process. */
export async function runFake(
  args: readonly string[],
  surroundings: Surroundings = fakeSurroundings(),
): Promise<CommandResult> {
  let out = ''
  let error = ''
  const io: Io = {
    out: text => {
      out += text
    },
    error: text => {
      error += text
    },
    surroundings,
    terminal: false,
    signal: new AbortController().signal,
  }
  const status = await runCommand(args, io)
  return { status, out, error }
}
