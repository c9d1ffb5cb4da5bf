/**
 * A program of one run: answers where the API server is and with which credentials it is asked, as JSON on stdout. It
 * alone loads @kubernetes/client-node, which finds the kubeconfig, runs exec plugins and refreshes OpenID tokens.
 */
import { readFileSync } from 'node:fs'
import type { RequestOptions } from 'node:https'
import { registerHooks } from 'node:module'
import { delimiter, dirname, join, resolve } from 'node:path'
import type { KubeConfig } from '@kubernetes/client-node'
import { parse } from 'yaml'
import type { Access } from './access.ts'
import { type AccessAnswer, type AccessQuestion, firstLine } from './kube-config.ts'

/** The library's clients of every API, 800 modules, of which a kubeconfig needs none: without them it loads in a third. */
const GENERATED = './gen/index.js'
const NOTHING = 'data:text/javascript,export const createConfiguration=null,ServerConfiguration=null'

async function emptyKubeConfig(): Promise<KubeConfig> {
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const isGenerated = specifier === GENERATED && context.parentURL?.includes('/@kubernetes/client-node/') === true
      return isGenerated ? { url: NOTHING, format: 'module', shortCircuit: true } : next(specifier, context)
    },
  })
  const library = await import('@kubernetes/client-node/dist/config.js')
  hooks.deregister()
  return new library.KubeConfig()
}

async function answer({ kubeconfig, context }: AccessQuestion): Promise<Access> {
  const config = await emptyKubeConfig()
  if (kubeconfig === null) config.loadFromDefault()
  else config.loadFromFile(kubeconfig)
  // What the library falls back to when it finds nothing.
  if (kubeconfig === null && config.getCurrentContext() === 'loaded-context') {
    throw new Error('there is neither a kubeconfig nor a service account')
  }
  if (context !== null) config.setCurrentContext(context)
  const present = config.getContextObject(config.getCurrentContext())
  if (present === null) {
    const known = config.getContexts().map(({ name }) => name)
    throw new Error(
      `there is no context "${config.getCurrentContext()}"; the contexts are ${known.join(', ') || 'none'}`,
    )
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw new Error(`there is no cluster "${present.cluster}"`)
  const user = config.getCurrentUser()
  const options: RequestOptions = { headers: {} }
  const proxy = cluster.proxyUrl ?? null
  if (proxy?.startsWith('socks') === true) throw new Error(`its proxy "${proxy}" is no HTTP proxy`)
  await config.applyToHTTPSOptions(options)
  const headers = Object.fromEntries(Object.entries(options.headers ?? {}).map(([key, value]) => [key, String(value)]))
  if (typeof options.auth === 'string') headers['Authorization'] = `Basic ${btoa(options.auth)}`
  const tokenFile =
    (user?.authProvider?.config?.['tokenFile'] as string | undefined) ?? tokenFileOf(kubeconfig, user?.name)
  if (tokenFile !== null) delete headers['Authorization']
  return {
    server: cluster.server,
    headers,
    tls: {
      ...pem('ca', options.ca),
      ...pem('cert', options.cert),
      ...pem('key', options.key),
      ...(options.rejectUnauthorized === undefined ? {} : { rejectUnauthorized: options.rejectUnauthorized }),
      ...(options.servername === undefined ? {} : { servername: options.servername }),
    },
    tokenFile,
    proxy,
    namespace: present.namespace?.trim() || 'default',
  }
}

function pem(name: 'ca' | 'cert' | 'key', value: unknown): Record<string, string> {
  return value === undefined || value === null ? {} : { [name]: String(value) }
}

/** `users[].user.tokenFile`, which the library does not know (client-go's api/v1 AuthInfo; it goes before `token`). */
function tokenFileOf(kubeconfig: string | null, user: string | undefined): string | null {
  const fallback = process.env['KUBECONFIG'] ?? join(process.env['HOME'] ?? '', '.kube', 'config')
  const files = kubeconfig === null ? fallback.split(delimiter) : [kubeconfig]
  for (const file of files.filter(name => name !== '')) {
    const content = parsed(file)
    const tokenFile = content?.users?.find(entry => entry?.name === user)?.user?.tokenFile
    if (typeof tokenFile === 'string' && tokenFile !== '') return resolve(dirname(file), tokenFile)
  }
  return null
}

interface KubeConfigFile {
  readonly users?: readonly ({ name?: unknown; user?: { tokenFile?: unknown } | null } | null)[]
}

function parsed(file: string): KubeConfigFile | null {
  try {
    return parse(readFileSync(file, 'utf8')) as KubeConfigFile | null
  } catch {
    return null
  }
}

const question = JSON.parse(process.argv[2] ?? '{}') as AccessQuestion
const result: AccessAnswer = await answer(question).then(
  access => ({ access }),
  (error: unknown) => ({ reason: firstLine(error instanceof Error ? error.message : String(error)) }),
)
process.stdout.write(JSON.stringify(result))
