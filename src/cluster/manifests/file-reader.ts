/** The documents of one file → objects and problems. */
import type { ClusterObject } from '../objects.ts'
import type { SourceProblem } from '../source.ts'
import { detach } from '../strip/intern.ts'
import { describeObject, type Fault, type Interner, listItems, stripObject } from '../strip.ts'
import type { ManifestDocument, ManifestPart } from './text/document.ts'

/** An object and the line where it begins. */
export interface FileObject {
  readonly object: ClusterObject
  readonly line: number
}

/** What one document of a file holds. */
interface DocumentContent {
  /** Line of the document's text. */
  readonly line: number
  readonly objects: readonly FileObject[]
  readonly problems: readonly SourceProblem[]
  /** `apiVersion kind` of each object that is not used. */
  readonly ignored: readonly string[]
}

/** What a file holds. The order is the file's. */
export interface FileContent {
  readonly objects: readonly FileObject[]
  /** Faults of single objects, which are left out. */
  readonly problems: readonly SourceProblem[]
  /** Kinds that Waypost has no use for: how many of each, `apiVersion kind`. */
  readonly ignored: ReadonlyMap<string, number>
  /** By the text of the document, to be used again when the file changes elsewhere. Keeps the file's text in memory. */
  readonly documents: ReadonlyMap<string, DocumentContent> | null
}

/** Faults behind these are reported with the line of their object. */
const MOST_LOCATED = 100

/** How a {@link FileReader} uses what the file held before. */
interface FileReaderOptions {
  /** The documents that the file held, whose objects are used again. */
  readonly before: FileContent['documents']
  /** Whether {@link FileContent.documents} is wanted. */
  readonly isKept: boolean
}

/** Gathers the objects of one file, document by document. */
export class FileReader {
  readonly #path: string
  readonly #interner: Interner
  readonly #before: ReadonlyMap<string, DocumentContent> | null
  readonly #contents: DocumentContent[] = []
  readonly #documents: Map<string, DocumentContent> | null
  #located = 0

  constructor(path: string, interner: Interner, { before, isKept }: FileReaderOptions) {
    this.#path = path
    this.#interner = interner
    this.#before = before
    this.#documents = isKept ? new Map() : null
  }

  /** Adds a document; one that was in the file before is not read. */
  add(part: ManifestPart): void {
    const known = part.text === null ? undefined : this.#before?.get(part.text)
    const content = known === undefined ? this.#read(part) : this.#move(known, part.line)
    this.#contents.push(content)
    if (part.text !== null) this.#documents?.set(part.text, content)
  }

  content(): FileContent {
    const ignored = new Map<string, number>()
    for (const content of this.#contents) {
      for (const kind of content.ignored) ignored.set(kind, (ignored.get(kind) ?? 0) + 1)
    }
    return {
      objects: this.#contents.flatMap(content => content.objects),
      problems: this.#contents.flatMap(content => content.problems),
      ignored,
      documents: this.#documents,
    }
  }

  #read(part: ManifestPart): DocumentContent {
    const document = part.read()
    const objects: FileObject[] = []
    const problems: SourceProblem[] = []
    const ignored: string[] = []
    for (const { value, line, path } of document === null ? [] : valuesOf(document)) {
      const stripped = stripObject(value, this.#origin(line), this.#interner)
      if (stripped.outcome === 'ignored') {
        const { apiVersion, kind } = value as { apiVersion: string; kind: string }
        ignored.push(`${apiVersion} ${kind}`)
        continue
      }
      if (stripped.outcome === 'object') objects.push({ object: stripped.object, line })
      const what = `${stripped.outcome === 'object' ? 'A part' : 'All'} of ${describeObject(value)}`
      for (const fault of stripped.faults) {
        const isFew = this.#located++ < MOST_LOCATED
        const at = isFew ? (document?.locate(join(path, fault.field)) ?? line) : line
        problems.push(this.#problem(what, fault, at))
      }
    }
    return { line: part.line, objects, problems, ignored }
  }

  /** The content of a document that may stand at another line now. */
  #move(known: DocumentContent, line: number): DocumentContent {
    const shift = line - known.line
    if (shift === 0) return known
    return {
      line,
      objects: known.objects.map(({ object, line: before }) => {
        const origin = this.#origin(before + shift)
        return { object: { ...object, origin }, line: before + shift }
      }),
      problems: known.problems.map(problem => ({ ...problem, line: (problem.line ?? 0) + shift })),
      ignored: known.ignored,
    }
  }

  #problem(what: string, fault: Fault, line: number): SourceProblem {
    const field = fault.field === '' ? null : fault.field
    const message = `${what} is left out: ${fault.message}`
    return { code: 'WAY_MANIFEST_OBJECT', file: this.#path, line, field, message }
  }

  #origin(line: number): string {
    return detach(`${this.#path}:${line}`)
  }
}

/** The objects of a document, unpacked when it is a list, with their lines and paths. */
function* valuesOf(document: ManifestDocument): Iterable<{ value: unknown; line: number; path: string }> {
  const items = listItems(document.value)
  if (items === null) {
    yield { value: document.value, line: document.line, path: '' }
    return
  }
  for (const [i, value] of items.entries()) {
    yield* itemsOf(value, document.itemLines?.[i] ?? document.line, `items[${i}]`)
  }
}

/** An item of a list, or, of a list in a list, its items; they have the line of the outer item. */
function* itemsOf(
  value: unknown,
  line: number,
  path: string,
): Iterable<{ value: unknown; line: number; path: string }> {
  const items = listItems(value)
  if (items === null) yield { value, line, path }
  else for (const [i, item] of items.entries()) yield* itemsOf(item, line, `${path}.items[${i}]`)
}

function join(path: string, field: string): string {
  return path === '' || field === '' ? path + field : `${path}.${field}`
}
