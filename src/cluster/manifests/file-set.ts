/** The files of a directory of manifests: reading them at the right moment, and keeping what they last held. */
import { hash } from 'node:crypto'
import { lstatSync, readFileSync, type Stats, statSync } from 'node:fs'
import type { ObjectChange } from '../objects.ts'
import type { SourceProblem } from '../source.ts'
import { Interner } from '../strip.ts'
import { Catalog } from './catalog.ts'
import { fileProblem, isManifestName, readManifest } from './file.ts'
import type { FileContent } from './file-reader.ts'
import { isMissing, reasonOf, signatureOf, type Tree } from './tree.ts'

/** What a set of files needs. */
export interface FileSetOptions {
  /** This path must be looked at again in a moment. */
  readonly again: (path: string) => void
  /** A file was read and its content is used. */
  readonly onRead: (path: string, content: FileContent) => void
}

/** What is known of one file. */
interface KnownFile {
  /** Of the file on disk when it was last looked at; '' when it could not be. */
  signature: string
  /** Of the bytes read last. */
  digest: string
  /** Why those bytes are not used. */
  parseProblem: SourceProblem | null
  /** Why the file cannot be read now. */
  accessProblem: SourceProblem | null
}

/** A file that was written so recently and ends in the middle of a line may not be whole. */
const UNFINISHED_MS = 40
/** How long a file that went at a restless moment is waited for. */
const LONGEST_DOUBT_MS = 1_000
const LARGEST_BYTES = 256 * 1024 * 1024
/** How much text of files is kept, to read only what changed in them. */
const MOST_REMEMBERED_BYTES = 8 * 1024 * 1024

/** See the top of the file. */
export class FileSet {
  readonly #options: FileSetOptions
  readonly #interner = new Interner()
  readonly #catalog = new Catalog()
  readonly #files = new Map<string, KnownFile>()
  /** Files that went at a restless moment, and since when. */
  readonly #doubtful = new Map<string, number>()
  /** Bytes of the files whose text is kept. */
  readonly #remembered = new Map<string, number>()
  #rememberedBytes = 0
  #blocked: readonly SourceProblem[] = []
  /** Until the first changes are taken there is nothing to protect, and nothing is waited for. */
  #isFirst = true

  constructor(options: FileSetOptions) {
    this.#options = options
  }

  get files(): number {
    return this.#files.size
  }

  get objects(): number {
    return this.#catalog.size
  }

  /** The changes since the last call, as one atomic set. */
  takeChanges(): ObjectChange[] {
    this.#isFirst = false
    return this.#catalog.takeChanges()
  }

  problems(): SourceProblem[] {
    const problems = [...this.#blocked]
    for (const { parseProblem, accessProblem } of this.#files.values()) {
      if (accessProblem !== null) problems.push(accessProblem)
      else if (parseProblem !== null) problems.push(parseProblem)
    }
    return [...problems, ...this.#catalog.problems()]
  }

  /**
   * Brings the set to what a whole tree shows: files that look different are read.
   *
   * @param quiet nothing is changing at this moment: what is missing has gone
   */
  update(tree: Tree, quiet: boolean): void {
    this.#blocked = [...tree.unreadable]
      .filter(([path]) => !isManifestName(path))
      .map(([path, reason]) => fileProblem(path, null, reason))
    for (const [path, reason] of tree.unreadable) if (isManifestName(path)) this.#keep(path, reason)
    for (const [path, signature] of tree.files) {
      if (this.#files.get(path)?.signature !== signature) this.lookAt(path, quiet)
    }
    for (const path of this.#files.keys()) {
      if (!tree.files.has(path) && !isBlocked(path, tree)) this.#remove(path, quiet)
    }
  }

  /** Looks at one path. */
  lookAt(path: string, quiet: boolean): void {
    if (!isManifestName(path)) return
    try {
      const stats = statSync(path)
      if (stats.isFile()) this.#read(path, stats)
      else this.#remove(path, quiet)
    } catch (error) {
      if (!isMissing(error)) this.#keep(path, reasonOf(error))
      else if (isLink(path)) this.#keep(path, 'the link leads nowhere')
      else this.#remove(path, quiet)
    }
  }

  #read(path: string, stats: Stats): void {
    this.#doubtful.delete(path)
    const { text, digest } = readText(path)
    if (!this.#isFirst && isUnfinished(path, text, stats)) {
      this.#options.again(path)
      return
    }
    const signature = signatureOf(stats)
    const known = this.#files.get(path)
    if (known?.digest === digest) {
      this.#files.set(path, { ...known, signature, accessProblem: null })
      return
    }
    const isKept = this.#canRemember(path, text.length)
    const result = readManifest(path, text, this.#interner, this.#catalog.content(path), isKept)
    const parseProblem = 'problem' in result ? result.problem : null
    this.#files.set(path, { signature, digest, parseProblem, accessProblem: null })
    if (!('content' in result)) return
    this.#catalog.setFile(path, result.content)
    this.#remember(path, isKept ? text.length : 0)
    this.#options.onRead(path, result.content)
  }

  /** Documents that have not changed are not read again when their text is kept; for all files to a limit. */
  #canRemember(path: string, length: number): boolean {
    return this.#rememberedBytes - (this.#remembered.get(path) ?? 0) + length <= MOST_REMEMBERED_BYTES
  }

  #remember(path: string, length: number): void {
    this.#forget(path)
    this.#remembered.set(path, length)
    this.#rememberedBytes += length
  }

  #forget(path: string): void {
    this.#rememberedBytes -= this.#remembered.get(path) ?? 0
    this.#remembered.delete(path)
  }

  /** The file is there and cannot be read: what it held stays. */
  #keep(path: string, reason: string): void {
    const known = this.#files.get(path) ?? { digest: '', parseProblem: null }
    this.#files.set(path, { ...known, signature: '', accessProblem: fileProblem(path, null, reason) })
  }

  /** While other files are going, too, this may be the end of the whole directory, which would keep everything. */
  #remove(path: string, quiet: boolean): void {
    if (!this.#files.has(path)) return
    const since = this.#doubtful.get(path) ?? performance.now()
    if (!quiet && performance.now() - since < LONGEST_DOUBT_MS) {
      this.#doubtful.set(path, since)
      this.#options.again(path)
      return
    }
    this.#doubtful.delete(path)
    this.#forget(path)
    this.#files.delete(path)
    this.#catalog.setFile(path, null)
  }
}

/** The bytes are let go before the text is parsed: a large file is in memory once, not twice. */
function readText(path: string): { readonly text: string; readonly digest: string } {
  const bytes = readFileSync(path)
  if (bytes.length > LARGEST_BYTES) throw new Error(`the file has more than ${LARGEST_BYTES} bytes`)
  return { text: bytes.toString('utf8'), digest: hash('sha1', bytes, 'base64') }
}

/** Only YAML can be cut without a trace; a cut JSON does not parse. */
function isUnfinished(path: string, text: string, stats: Stats): boolean {
  if (Math.abs(Date.now() - stats.mtimeMs) >= UNFINISHED_MS) return false
  return text === '' || (!path.endsWith('.json') && !text.endsWith('\n'))
}

function isLink(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() === true
}

/** Whether the path, or a directory above it, is there and cannot be looked into. */
function isBlocked(path: string, { unreadable }: Tree): boolean {
  for (const blocked of unreadable.keys()) if (path === blocked || path.startsWith(`${blocked}/`)) return true
  return false
}
