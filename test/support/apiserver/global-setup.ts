/** Before the end-to-end tests: the API server's program is there, or a sentence says why its tests are skipped. */
import type { TestProject } from 'vitest/node'
import { buildApiServer } from './build.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** Path of the program of test/apiserver; null: its tests are skipped. */
    apiServer: string | null
  }
}

export default async function setup(project: TestProject): Promise<void> {
  const built = await buildApiServer(sentence => process.stdout.write(`e2e: ${sentence}\n`))
  if ('missing' in built) process.stdout.write(`e2e: ${built.missing}; tests on a real API server are skipped\n`)
  project.provide('apiServer', 'program' in built ? built.program : null)
}
