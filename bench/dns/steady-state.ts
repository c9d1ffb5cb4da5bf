/**
 * Answers the mixed load until everything is optimised, says so, and goes on: run with `--trace-deopt`, nothing may be
 * deoptimised after that. `responder.bench.ts` counts it, and test/dns/steady-state.test.ts wants it to be nothing.
 */
import { execFile } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { loadOf, makeResponder, play, type Respond } from './mixed-load.ts'

/** Printed when the warm-up is over, and at the end. */
const STEADY = 'steady'
const DONE = 'done'
const WARM_ROUNDS = 5
const ANSWERS_A_ROUND = 300_000
/** Queries in one call of the load, which then is optimised as a function and not in the middle of its loop. */
const CALL = 64 * 80

/** The lines in which V8 told of functions of ours that it deoptimised in the steady state. */
export async function deoptimisations(): Promise<string[]> {
  const args = ['--trace-deopt', fileURLToPath(import.meta.url)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 })
  const steady = stdout.indexOf(`\n${STEADY}\n`)
  const done = stdout.indexOf(`\n${DONE}\n`)
  if (steady < 0 || done < steady) throw new Error('The load did not run to its end')
  const bailouts = stdout
    .slice(steady, done)
    .split('\n')
    .filter(line => line.includes('bailout'))
  return bailouts.filter(line => !line.includes('<JSFunction play'))
}

function round(respond: Respond, queries: readonly Uint8Array[]): void {
  for (let i = 0; i < ANSWERS_A_ROUND; i += CALL) play(respond, queries, i % queries.length, CALL)
}

if (import.meta.main) {
  const respond = makeResponder()
  const queries = loadOf(-1)
  // Optimised code is installed when the thread is idle.
  for (let i = 0; i < WARM_ROUNDS; i++) {
    round(respond, queries)
    await delay(20)
  }
  console.log(`\n${STEADY}`)
  for (let i = 0; i < 3; i++) round(respond, queries)
  console.log(`\n${DONE}`)
}
