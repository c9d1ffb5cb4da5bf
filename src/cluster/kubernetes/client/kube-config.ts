/**
 * Reads a kubeconfig with @kubernetes/client-node in a process of its own that ends at once: the library takes 90 MB
 * when it is loaded whole, half of that in part, and it is needed for no more than a few texts.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { WaypostError } from '../../../errors.ts'
import type { Access } from './access.ts'

/** What the program is asked, as JSON in its argument. */
export interface AccessQuestion {
  readonly kubeconfig: string | null
  readonly context: string | null
}

/** What it prints, as JSON. */
export type AccessAnswer = { readonly access: Access } | { readonly reason: string }

const PROGRAM = fileURLToPath(new URL('./kube-config-program.ts', import.meta.url))
/** An exec plugin may ask a server far away. */
const DEADLINE_MS = 60_000
const LARGEST_ANSWER = 4 * 1024 * 1024

/** @throws WaypostError WAY_KUBERNETES_CONFIG, with the reason. */
export async function accessFromKubeConfig(
  { kubeconfig, context }: AccessQuestion,
  signal?: AbortSignal,
): Promise<Access> {
  const answer = await run({ kubeconfig, context }, signal)
  if ('access' in answer) return answer.access
  const where = kubeconfig === null ? 'of the surroundings' : `in "${kubeconfig}"`
  throw new WaypostError('WAY_KUBERNETES_CONFIG', `Cannot use the Kubernetes credentials ${where}: ${answer.reason}`)
}

async function run(question: AccessQuestion, signal?: AbortSignal): Promise<AccessAnswer> {
  const { promise, resolve } = Promise.withResolvers<AccessAnswer>()
  const options = {
    timeout: DEADLINE_MS,
    maxBuffer: LARGEST_ANSWER,
    encoding: 'utf8' as const,
    ...(signal && { signal }),
  }
  execFile(process.execPath, [PROGRAM, JSON.stringify(question)], options, (error, stdout) => {
    try {
      resolve(JSON.parse(stdout) as AccessAnswer)
    } catch {
      resolve({ reason: error === null ? 'the reader printed no JSON' : firstLine(error.message) })
    }
  })
  return await promise
}

/** The first line of a message, which may carry a whole stderr. */
export function firstLine(message: string): string {
  return message.trim().split('\n')[0] ?? ''
}
