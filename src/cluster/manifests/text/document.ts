/** What the readers of YAML and JSON give: values, and the lines that messages name. */

/** One document of a manifest file. */
export interface ManifestDocument {
  readonly value: unknown
  /** Line of the document's first content, from 1. */
  readonly line: number
  /** Lines of the elements of a top-level `items`; null when there is none, or when they are on one line. */
  readonly itemLines: readonly number[] | null
  /**
   * The line of a field by its path (`items[2].spec.ports[0].port`), or of the nearest thing above it that is there.
   * Slow: it is for messages about faults.
   */
  locate(path: string): number
}

/** One document of a text, or one item of a list, not read yet: a large file is never in memory as values at once. */
export interface ManifestPart {
  /** Equal texts are equal documents. Null when the text means something only where it stands. */
  readonly text: string | null
  /** The line number of the text's first line. */
  readonly line: number
  /** Reads it; null when it is empty. Throws {@link ManifestSyntaxError}. */
  read(): ManifestDocument | null
}

/** The text is no YAML or no JSON. */
export class ManifestSyntaxError extends Error {
  /** From 1. */
  readonly line: number

  constructor(message: string, line: number) {
    super(message)
    this.name = 'ManifestSyntaxError'
    this.line = line
  }
}

/** How many lines end in `text` between `from` and `to`. */
export function countLines(text: string, from: number, to: number): number {
  let count = 0
  for (let i = text.indexOf('\n', from); i >= 0 && i < to; i = text.indexOf('\n', i + 1)) count++
  return count
}
