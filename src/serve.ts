/**
 * The composition root of the control thread: makes every part, hands each what it needs, starts them in order and
 * ends them in the other order.
 *
 * ```
 *  ledger ─► zone files ─┬─► last state ──┬─► HTTP API ─► sources ─► ready
 *                        └─► DNS threads ─┘
 * ```
 */

import type { Logger } from 'pino'
import { type Config, type ConfigChange, loadChange } from './config.ts'
import { WaypostError } from './errors.ts'
import { createLog } from './observe/log.ts'
import { banner } from './serve/banner.ts'
import { type RunningServer, startServer } from './serve/server.ts'
import { oneAtATime, takeSignals, watchConfig } from './serve/signals.ts'

/** How `waypost serve` runs. */
export interface ServeOptions {
  readonly config: Config
  /** Watched for changes; null without a file. */
  readonly configFile: string | null
  /** Reads the configuration again. @throws WaypostError when it is wrong; the present one stays. */
  readonly reload: () => Config
  /** stdout is a terminal: a person starts it and is told what to try. */
  readonly terminal: boolean
}

/** Runs until SIGTERM or SIGINT; resolves with the exit status. Errors of the start are thrown. */
export async function serve(options: ServeOptions): Promise<number> {
  const log = createLog(options.config.log.level)
  const signals = takeSignals()
  const server = await startServer(options.config, log)
  if (options.terminal) process.stdout.write(banner(options.config, server.bound))
  let config = options.config
  // A signal and a changed file may come together; the later one must not be undone by the earlier.
  const reload = oneAtATime(async () => {
    config = await applyReload(server, log, config, options.reload)
  })
  const stopWatching = watchConfig(options.configFile, reload)
  signals.onReload(reload)
  const signal = await Promise.race([signals.ended, server.failed.then(() => 'failed')])
  log.info({ event: 'stopping', signal }, 'Stopping')
  stopWatching()
  await server.stop()
  log.info({ event: 'stopped' }, 'Stopped')
  signals.close()
  return signal === 'failed' ? 1 : 0
}

/** Takes over what can change at run time and says what cannot. A configuration that is wrong changes nothing. */
async function applyReload(server: RunningServer, log: Logger, before: Config, read: () => Config): Promise<Config> {
  let after: Config
  try {
    after = read()
  } catch (error) {
    if (!(error instanceof WaypostError)) throw error
    log.error({ event: 'reload_refused', code: error.code }, error.message)
    return before
  }
  const change: ConfigChange = loadChange(before, after)
  await server.reconfigure(after)
  if (change.fixed.length > 0) {
    log.warn(
      { event: 'reload_needs_restart', settings: change.fixed },
      `Changed settings that need a restart: ${change.fixed.join(', ')}`,
    )
  }
  log.info({ event: 'reloaded', settings: change.reloadable }, 'Configuration and zones are reloaded')
  return after
}
