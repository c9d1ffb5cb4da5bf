/** One manifest file: text → objects, and what is wrong with them. */
import type { SourceProblem } from '../source.ts'
import type { Interner } from '../strip.ts'
import { type FileContent, FileReader } from './file-reader.ts'
import { type ManifestDocument, ManifestSyntaxError } from './text/document.ts'
import { readJson } from './text/json.ts'
import { cutYaml, type YamlPart } from './text/yaml.ts'

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
 */
export function readManifest(
  path: string,
  text: string,
  interner: Interner,
  before: FileContent | null = null,
): FileResult {
  if (text === '') return refusal(path, null, 'the file is empty')
  try {
    const parts = path.endsWith('.json') ? [onePart(readJson(text))] : cutYamlOrJson(text)
    const reader = new FileReader(path, interner, before?.documents ?? null)
    for (const part of parts) reader.add(part)
    return { content: reader.content() }
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
function cutYamlOrJson(text: string): YamlPart[] {
  if (!/^\s*\{/.test(text)) return cutYaml(text)
  try {
    return [onePart(readJson(text))]
  } catch {
    return cutYaml(text)
  }
}

function onePart(document: ManifestDocument): YamlPart {
  return { text: null, line: 1, read: () => document }
}
