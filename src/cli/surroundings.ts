/** The machine that the process runs on, as the configuration sees it. */
import { readFileSync, statSync } from 'node:fs'
import { availableParallelism, homedir, hostname } from 'node:os'
import { fileURLToPath } from 'node:url'
import type { Surroundings } from '../config.ts'

const PACKAGE = fileURLToPath(new URL('../..', import.meta.url))

/** See the top of the file. */
export function surroundingsOfProcess(): Surroundings {
  return {
    cwd: process.cwd(),
    home: homedir(),
    hostname: hostname(),
    cpus: availableParallelism(),
    env: process.env,
    packageFolder: PACKAGE,
    readFile: path => readFileSync(path, 'utf8'),
    isFolder: path => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
  }
}
