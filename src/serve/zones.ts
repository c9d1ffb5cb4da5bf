/** The zone files that are served: what is loaded, what is wrong with them, and the log of it. */
import type { Logger } from 'pino'
import type { Control } from '../control/control.ts'
import { type LoadedZone, ZoneFiles } from '../control/zone-files.ts'
import { refusedZones, type ZoneProblem } from '../control/zone-folder.ts'
import type { ZoneFigures } from '../observe/sources.ts'
import { foldName, type NameKey } from '../wire/name.ts'

/** See the top of the file. */
export class ServedZones {
  readonly #log: Logger
  readonly #files: ZoneFiles | null
  #loaded: readonly LoadedZone[] = []
  #faulty: readonly ZoneProblem[] = []
  /** Files of zones that the cluster itself fills. */
  #refused: readonly ZoneProblem[] = []

  /** @param directory null: there are none */
  constructor(directory: string | null, control: Control, log: Logger) {
    this.#log = log
    this.#files =
      directory === null
        ? null
        : new ZoneFiles({
            directory,
            logger: log,
            onChange: zones => this.#serve(zones, control),
            onProblems: problems => {
              this.#faulty = problems
              this.#tell('zone_problem', problems)
            },
          })
  }

  async start(): Promise<void> {
    await this.#files?.start()
  }

  async reload(): Promise<void> {
    await this.#files?.reload()
  }

  async stop(): Promise<void> {
    await this.#files?.stop()
  }

  problems(): readonly ZoneProblem[] {
    return [...this.#faulty, ...this.#refused]
  }

  figures(): ZoneFigures {
    return { loaded: this.#loaded.length - this.#refused.length, faulty: this.problems().length }
  }

  /** The file that a zone came from; null when it came from none. */
  fileOf(apex: NameKey): string | null {
    return this.#loaded.find(({ zone }) => foldName(zone.apex) === apex)?.file ?? null
  }

  async #serve(zones: readonly LoadedZone[], control: Control): Promise<void> {
    this.#loaded = zones
    this.#refused = refusedZones(zones, await control.setZoneFiles(zones.map(({ zone }) => zone)))
    this.#tell('zone_refused', this.#refused)
  }

  #tell(event: string, problems: readonly ZoneProblem[]): void {
    for (const { message, ...fields } of problems) this.#log.error({ event, ...fields }, message)
  }
}
