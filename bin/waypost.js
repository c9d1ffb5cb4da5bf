#!/usr/bin/env node
// Plain JavaScript that every Node.js of the last years can run: it finds a Node.js that can run the rest.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NEEDED = 26
const major = Number(process.versions.node.split('.')[0])
// `npm ci` brings this one along (the npm package `node`).
const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))

if (major >= NEEDED) {
  if (process.argv[2] === 'serve') await restartWithFlags()
  dieWithParent()
  const { main } = await import('../src/cli.ts')
  await main()
} else if (existsSync(bundled) && process.env.WAYPOST_REEXEC !== '1') {
  await runWith(bundled)
} else {
  process.stderr.write(
    `waypost: Cannot run on Node.js ${process.versions.node}: version ${NEEDED} or newer is needed (npm ci brings one) (WAY_NODE_VERSION)\n`,
  )
  process.exitCode = 1
}

/** Runs the same command with another Node.js: same terminal, same signals, same end. */
async function runWith(node) {
  const { FLAGS, leanEnvironment } = await import('./settings.js')
  const env = { ...leanEnvironment(), WAYPOST_REEXEC: '1' }
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc']
  const child = spawn(node, [...FLAGS, fileURLToPath(import.meta.url), ...process.argv.slice(2)], { env, stdio })
  for (const signal of ['SIGTERM', 'SIGHUP', 'SIGINT']) {
    process.on(signal, () => {
      // Ctrl-C reaches the whole foreground group; passing it on would send it twice.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

/** The same process once more, with the flags; where that is impossible it runs without them. */
async function restartWithFlags() {
  if (process.platform === 'win32' || process.env.WAYPOST_REEXEC === '1') return
  const { FLAGS, leanEnvironment } = await import('./settings.js')
  if (process.execArgv.includes(FLAGS[0])) return
  const script = fileURLToPath(import.meta.url)
  const args = [process.execPath, ...process.execArgv, ...FLAGS, script, ...process.argv.slice(2)]
  process.execve(process.execPath, args, leanEnvironment())
}

/** When the process that started us with `runWith` is killed, nobody would pass signals on: end as it did. */
function dieWithParent() {
  if (process.env.WAYPOST_REEXEC !== '1' || process.channel === undefined) return
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}
