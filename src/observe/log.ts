/** The log: pino JSON on stdout, one object a line, each with a stable `event`. */
import { type DestinationStream, type Logger, pino } from 'pino'

/** Where a token could appear in what is logged. */
const SECRETS = ['token', '*.token', 'headers.authorization', '*.headers.authorization']

/**
 * Makes the logger. Lines look like
 * `{"level":"info","time":"2026-11-21T05:00:00.000Z","event":"zone_loaded",…,"msg":"…"}`.
 *
 * @param destination where the lines go; stdout, written synchronously, when left out: a line about a crash must be
 *   out before the process is.
 */
export function createLog(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRETS, censor: '[redacted]' },
  }
  return destination === undefined ? pino(options) : pino(options, destination)
}
