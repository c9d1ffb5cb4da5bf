/** One manifest file: text → objects, and what is wrong with them. */
import type { SourceProblem } from '../source.ts'
import type { Interner } from '../strip.ts'
import { type FileContent, FileReader } from './file-reader.ts'
import { type ManifestPart, ManifestSyntaxError } from './text/document.ts'
import { cutJson } from './text/json.ts'
import { cutYaml } from './text/yaml.ts'

/** A file that cannot be read is not used at all; what it held before stays. */
export type FileResult = { readonly content: FileContent } | { readonly problem: SourceProblem }

const EXTENSIONS: readonly string[] = ['.yaml', '.yml', '.json']

/** Whether a file of this name is a manifest. */
export function isManifestName(name: string): boolean {
  return EXTENSIONS.some(extension => name.endsWith(extension))
}

/**
 * Reads the text of the manifest at `path`.
 *
 * @param before what the file held: documents that are still there are not read again, and keep their objects
 * @param isKept whether the content keeps the text of its documents for that
 */
export function readManifest(
  path: string,
  text: string,
  interner: Interner,
  before: FileContent | null = null,
  isKept = true,
): FileResult {
  const readAs = (cut: (text: string) => ManifestPart[]): FileResult => {
    try {
      const reader = new FileReader(path, interner, { before: before?.documents ?? null, isKept })
      for (const part of cut(text)) reader.add(part)
      return { content: reader.content() }
    } catch (error) {
      return refused(path, error)
    }
  }
  if (text === '') return { problem: fileProblem(path, null, 'the file is empty') }
  if (path.endsWith('.json')) return readAs(cutJson)
  // JSON in a YAML file is YAML too, but the engine reads JSON a hundred times as fast.
  const asJson = /^\s*\{/.test(text) ? readAs(cutJson) : null
  return asJson !== null && 'content' in asJson ? asJson : readAs(cutYaml)
}

/** The problem of a whole file. */
export function fileProblem(path: string, line: number | null, why: string): SourceProblem {
  const message = `The file cannot be used, and what it held before stays: ${why}`
  return { code: 'WAY_MANIFEST_PARSE', file: path, line, field: null, message }
}

function refused(path: string, error: unknown): FileResult {
  if (error instanceof ManifestSyntaxError) return { problem: fileProblem(path, error.line, error.message) }
  if (error instanceof RangeError) return { problem: fileProblem(path, null, 'the text is nested too deeply') }
  throw error
}
