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
  dieWithParent()
  const { main } = await import('../src/cli.ts')
  await main()
} else if (existsSync(bundled) && process.env.WAYPOST_REEXEC !== '1') {
  runWith(bundled)
} else {
  process.stderr.write(
    `waypost: Cannot run on Node.js ${process.versions.node}: version ${NEEDED} or newer is needed (npm ci brings one) (WAY_NODE_VERSION)\n`,
  )
  process.exitCode = 1
}

/** Runs the same command with another Node.js: same terminal, same signals, same end. */
function runWith(node) {
  const env = { ...process.env, WAYPOST_REEXEC: '1' }
  const stdio = ['inherit', 'inherit', 'inherit', 'ipc']
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { env, stdio })
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

/** When the process that started us with `runWith` is killed, nobody would pass signals on: end as it did. */
function dieWithParent() {
  if (process.env.WAYPOST_REEXEC !== '1' || process.channel === undefined) return
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}
