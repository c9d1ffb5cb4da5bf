#!/usr/bin/env node
// Plain JavaScript that every Node.js of the last years can run: it finds a Node.js that can run the rest.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const NEEDED = 26
/**
 * Few objects live long here, and every thread's young generation counts: with small semi-spaces the server takes a
 * third less memory and is no slower. With `gc` at hand it gives back what a bulk of work has left behind. Both can be
 * set only when the process starts.
 */
const FLAGS = ['--max-semi-space-size=4', '--expose-gc']
const major = Number(process.versions.node.split('.')[0])
// `npm ci` brings this one along (the npm package `node`).
const bundled = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url))

if (major >= NEEDED) {
  if (process.argv[2] === 'serve') restartWithFlags()
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
function restartWithFlags() {
  if (process.platform === 'win32' || process.env.WAYPOST_REEXEC === '1' || process.execArgv.includes(FLAGS[0])) return
  const script = fileURLToPath(import.meta.url)
  const args = [process.execPath, ...process.execArgv, ...FLAGS, script, ...process.argv.slice(2)]
  process.execve(process.execPath, args, leanEnvironment())
}

/**
 * glibc gives each thread a heap of its own that grows and stays; two are enough for us. Blocks of a megabyte and more
 * are given back to the system when they are freed. The compile cache spares every thread the TypeScript compiler after
 * the first start; where its folder cannot be written there is none.
 */
function leanEnvironment() {
  const cache = fileURLToPath(new URL('../node_modules/.cache/waypost', import.meta.url))
  const allocator = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_TRIM_THRESHOLD_: '4194304' }
  return { ...allocator, NODE_COMPILE_CACHE: cache, ...process.env }
}

/** When the process that started us with `runWith` is killed, nobody would pass signals on: end as it did. */
function dieWithParent() {
  if (process.env.WAYPOST_REEXEC !== '1' || process.channel === undefined) return
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel.unref()
}
