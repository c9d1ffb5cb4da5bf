import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { startFakeDnsServer } from '#support/dns-server.ts'
import { ROOT } from '#support/source-tree.ts'
import { temporaryFolder, until } from '#support/waypost.ts'

const LAUNCHER = join(ROOT, 'bin/waypost.js')
const older = findOlderNode()

/** A Node.js on the PATH that cannot run the source itself; null when there is none. */
function findOlderNode(): string | null {
  const candidates = (process.env['PATH'] ?? '').split(delimiter).map(folder => join(folder, 'node'))
  const isOlder = (node: string) =>
    Number(/^v(\d+)/.exec(execFileSync(node, ['--version'], { encoding: 'utf8' }))?.[1]) < 26
  return candidates.find(node => existsSync(node) && isOlder(node)) ?? null
}

function run(node: string, ...args: string[]) {
  return spawnSync(node, [LAUNCHER, ...args], { encoding: 'utf8' })
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('bin/waypost.js', () => {
  it('runs a command and passes its status on', () => {
    expect(run(process.execPath, '--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    })
    expect(run(process.execPath, 'nonsense')).toMatchObject({ status: 2, stderr: expect.stringMatching(/^waypost: /) })
  })
})

describe.skipIf(older === null)('bin/waypost.js on an older Node.js', () => {
  const node = older ?? ''

  it('runs with the one that npm ci brought', () => {
    expect(run(node, '--version')).toMatchObject({ status: 0, stdout: run(process.execPath, '--version').stdout })
    expect(run(node, 'nonsense')).toMatchObject({ status: 2, stderr: expect.stringMatching(/^waypost: /) })
  })

  it('says in one sentence what it needs when there is none', () => {
    const folder = temporaryFolder()
    afterAll(folder.dispose)
    mkdirSync(join(folder.path, 'bin'))
    writeFileSync(join(folder.path, 'package.json'), '{"type":"module"}')
    copyFileSync(LAUNCHER, join(folder.path, 'bin/waypost.js'))
    const { status, stderr } = spawnSync(node, [join(folder.path, 'bin/waypost.js'), '--version'], { encoding: 'utf8' })
    expect(status).toBe(1)
    expect(stderr).toMatch(
      /^waypost: Cannot run on Node\.js [\d.]+: version 26 or newer is needed .* \(WAY_NODE_VERSION\)\n$/,
    )
  })

  // The child is found in /proc.
  it.skipIf(process.platform !== 'linux').each(['SIGTERM', 'SIGKILL'] as const)(
    'ends with its child on %s',
    async signal => {
      const { launcher, child, stop } = await startLongCommand(node)
      launcher.kill(signal)
      const [, ended] = await once(launcher, 'exit')
      expect(ended).toBe(signal)
      await until(() => !isAlive(child))
      await stop()
    },
  )
})

/** A query to a server that never answers, run through the launcher; `child` is the process that the launcher started. */
async function startLongCommand(
  node: string,
): Promise<{ launcher: ChildProcess; child: number; stop(): Promise<void> }> {
  const asked = Promise.withResolvers<void>()
  const server = await startFakeDnsServer(() => {
    asked.resolve()
    return null
  })
  const launcher = spawn(node, [LAUNCHER, 'query', 'a', '--server', `[::1]:${server.port}`, '--timeout', '1h'], {
    stdio: 'ignore',
  })
  await asked.promise
  const child = Number(readFileSync(`/proc/${launcher.pid}/task/${launcher.pid}/children`, 'utf8'))
  return { launcher, child, stop: () => server.close() }
}
