/** One manifest file: bytes → objects, and what is wrong with them. */
import type { ClusterObject } from '../objects.ts'
import type { SourceProblem } from '../source.ts'
import { detach } from '../strip/intern.ts'
import { describeObject, type Fault, type Interner, listItems, stripObject } from '../strip.ts'
import { type ManifestDocument, ManifestSyntaxError } from './document.ts'
import { readJson } from './json.ts'
import { readYaml } from './yaml.ts'

/** An object and the line where it begins. */
export interface FileObject {
  readonly object: ClusterObject
  readonly line: number
}

/** What a file holds. The order is the file's. */
export interface FileContent {
  readonly objects: readonly FileObject[]
  /** Faults of single objects, which are left out. */
  readonly problems: readonly SourceProblem[]
  /** Kinds that Waypost has no use for: how many of each, `apiVersion kind`. */
  readonly ignored: ReadonlyMap<string, number>
}

/** A file that cannot be read is not used at all; what it held before stays. */
export type FileResult = { readonly content: FileContent } | { readonly problem: SourceProblem }

const EXTENSIONS: readonly string[] = ['.yaml', '.yml', '.json']
const LARGEST_BYTES = 256 * 1024 * 1024
/** Faults behind these are reported with the line of their object. */
const MOST_LOCATED = 100

/** Whether a file of this name is a manifest. */
export function isManifestName(name: string): boolean {
  return EXTENSIONS.some(extension => name.endsWith(extension))
}

/** Reads the bytes of the manifest at `path`. */
export function readManifest(path: string, bytes: Buffer, interner: Interner): FileResult {
  if (bytes.length === 0) return refusal(path, null, 'the file is empty')
  if (bytes.length > LARGEST_BYTES) return refusal(path, null, `the file has more than ${LARGEST_BYTES} bytes`)
  try {
    const text = bytes.toString('utf8')
    const documents = path.endsWith('.json') ? [readJson(text)] : readYamlOrJson(text)
    return { content: new FileReader(path, interner).read(documents) }
  } catch (error) {
    if (error instanceof ManifestSyntaxError) return refusal(path, error.line, error.message)
    if (error instanceof RangeError) return refusal(path, null, 'the text is nested too deeply')
    throw error
  }
}

/** The problem of a whole file. */
export function fileProblem(path: string, line: number | null, why: string): SourceProblem {
  const message = `The file cannot be used, and what it held before stays: ${why}`
  return { code: 'WAY_MANIFEST_PARSE', file: path, line, field: null, message }
}

function refusal(path: string, line: number | null, why: string): FileResult {
  return { problem: fileProblem(path, line, why) }
}

/** JSON in a YAML file is YAML too, but the engine reads JSON a hundred times as fast. */
function readYamlOrJson(text: string): ManifestDocument[] {
  if (!/^\s*\{/.test(text)) return readYaml(text)
  try {
    return [readJson(text)]
  } catch {
    return readYaml(text)
  }
}

/** Gathers the objects of one file. */
class FileReader {
  readonly #path: string
  readonly #interner: Interner
  readonly #objects: FileObject[] = []
  readonly #problems: SourceProblem[] = []
  readonly #ignored = new Map<string, number>()

  constructor(path: string, interner: Interner) {
    this.#path = path
    this.#interner = interner
  }

  read(documents: readonly ManifestDocument[]): FileContent {
    for (const document of documents) {
      const items = listItems(document.value)
      if (items === null) {
        this.#add(document.value, document.line, '', document)
        continue
      }
      for (const [i, item] of items.entries()) {
        this.#add(item, document.itemLines?.[i] ?? document.line, `items[${i}]`, document)
      }
    }
    return { objects: this.#objects, problems: this.#problems, ignored: this.#ignored }
  }

  #add(value: unknown, line: number, path: string, document: ManifestDocument): void {
    const stripped = stripObject(value, detach(`${this.#path}:${line}`), this.#interner)
    if (stripped.outcome === 'ignored') {
      const { apiVersion, kind } = value as { apiVersion: string; kind: string }
      const name = `${apiVersion} ${kind}`
      this.#ignored.set(name, (this.#ignored.get(name) ?? 0) + 1)
      return
    }
    if (stripped.outcome === 'object') this.#objects.push({ object: stripped.object, line })
    for (const fault of stripped.faults) this.#report(value, fault, path, line, document, stripped.outcome === 'object')
  }

  #report(
    value: unknown,
    fault: Fault,
    path: string,
    objectLine: number,
    document: ManifestDocument,
    isKept: boolean,
  ): void {
    const field = fault.field === '' ? null : fault.field
    const line = this.#problems.length < MOST_LOCATED ? document.locate(join(path, fault.field)) : objectLine
    const whole = isKept ? 'A part' : 'All'
    const message = `${whole} of ${describeObject(value)} is left out: ${fault.message}`
    this.#problems.push({ code: 'WAY_MANIFEST_OBJECT', file: this.#path, line, field, message })
  }
}

function join(path: string, field: string): string {
  return path === '' || field === '' ? path + field : `${path}.${field}`
}
