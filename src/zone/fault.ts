/** What is wrong with a zone: where, and one sentence. */

/** A fault stops the zone from being loaded, a warning does not; both have this form. */
export interface ZoneFault {
  /** As it was given to the parser; a file that is included has its own. */
  readonly file: string
  /** Counted from 1; 0 when it is about the file as a whole. */
  readonly line: number
  /** A whole sentence without the final dot. */
  readonly message: string
}

/** So many faults of one zone are listed; a file that is no zone file at all has one in every line. */
export const MAX_FAULTS = 100

/** A message repeats words of the file, and one word can fill the file. */
const MAX_MESSAGE = 400

/** Collects faults up to {@link MAX_FAULTS}. */
export class FaultList {
  readonly #faults: ZoneFault[] = []

  /** Whether nothing more will be listed. */
  get isFull(): boolean {
    return this.#faults.length >= MAX_FAULTS
  }

  get isEmpty(): boolean {
    return this.#faults.length === 0
  }

  add(file: string, line: number, message: string): void {
    if (!this.isFull) this.#faults.push({ file, line, message: message.length > MAX_MESSAGE ? clip(message) : message })
  }

  /** The faults in the order in which they were found; a last one says so when the list is full. */
  list(): readonly ZoneFault[] {
    const last = this.#faults.at(-1)
    if (last === undefined || !this.isFull) return this.#faults
    return [...this.#faults, { ...last, message: `Only the first ${MAX_FAULTS} are listed; there may be more` }]
  }
}

function clip(message: string): string {
  return `${message.slice(0, MAX_MESSAGE / 2)} ... ${message.slice(-MAX_MESSAGE / 2)}`
}
