/**
 * The program of test/apiserver: the real kube-apiserver, kube-controller-manager and kubectl. It is built once, into
 * the user's cache folder under a key of its sources, which takes a quarter of an hour on two cores and a second later.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SOURCES = fileURLToPath(new URL('../../apiserver', import.meta.url))

/** Of the line `go` in go.mod. */
const NEEDED_MINOR = 26

const UNUSED_MS = 7 * 24 * 60 * 60 * 1000

/** The program, or why there is none. */
export type Built = { readonly program: string } | { readonly missing: string }

/** Builds the program unless the cache has it. @throws Error when the build fails. */
export async function buildApiServer(say: (sentence: string) => void): Promise<Built> {
  const go = spawnSync('go', ['version'], { encoding: 'utf8' })
  const minor = Number(/ go1\.(\d+)/.exec(go.stdout ?? '')?.[1] ?? 0)
  if (minor < NEEDED_MINOR)
    return { missing: `There is no Go 1.${NEEDED_MINOR}, which builds the Kubernetes API server` }
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'waypost', 'apiserver')
  const program = join(folder, `waypost-apiserver-${keyOf(go.stdout)}`)
  if (existsSync(program)) {
    const now = new Date()
    utimesSync(program, now, now)
    return { program }
  }
  say('Building the Kubernetes API server for the tests; on a new machine this takes 10 to 20 minutes')
  mkdirSync(folder, { recursive: true })
  const begin = performance.now()
  // Tests of several checkouts may build at the same time: each writes its own file and the last one stays.
  const draft = `${program}.${process.pid}`
  await run('go', ['build', '-buildvcs=false', '-ldflags', linkerFlags(), '-o', draft, '.'])
  renameSync(draft, program)
  dropOld(folder)
  say(`Built in ${Math.round((performance.now() - begin) / 1000)} s`)
  return { program }
}

/** What decides how the program comes out: its sources, its modules and the compiler. */
function keyOf(goVersion: string): string {
  const hash = createHash('sha256').update(goVersion)
  const files = readdirSync(SOURCES).filter(name => /\.go$|^go\.(mod|sum)$/.test(name))
  for (const name of files.sort()) hash.update(name).update(readFileSync(join(SOURCES, name)))
  return hash.digest('hex').slice(0, 16)
}

/** Without these the programs say that they are v0.0.0. No symbols: they are two fifths of the file. */
function linkerFlags(): string {
  const [, version = ''] = /k8s\.io\/kubernetes (v\S+)/.exec(readFileSync(join(SOURCES, 'go.mod'), 'utf8')) ?? []
  const [, major, minor] = /^v(\d+)\.(\d+)/.exec(version) ?? []
  const values = { gitVersion: version, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' }
  const packages = ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version']
  const set = packages.flatMap(name => Object.entries(values).map(([key, value]) => `-X ${name}.${key}=${value}`))
  return ['-s', '-w', ...set].join(' ')
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const env = { ...process.env, CGO_ENABLED: '0' }
  const child = spawn(command, args, { cwd: SOURCES, env, stdio: ['ignore', 'inherit', 'inherit'] })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', resolve)
  })
  if (code !== 0) throw new Error(`Cannot build test/apiserver: ${command} ended with ${code}`)
}

/** Programs that no checkout has used for a week; each has 130 MB. */
function dropOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    if (Date.now() - statSync(file).mtimeMs > UNUSED_MS) rmSync(file, { force: true })
  }
}
