/** The source files as a graph of imports, read from their text. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout. */
export const ROOT: string = fileURLToPath(new URL('../..', import.meta.url))

/** One file below `src/`, paths relative to it and with `/`. */
export interface SourceFile {
  readonly path: string
  readonly text: string
  /** Files below `src/` that it imports, types included. */
  readonly imports: readonly string[]
  /** `node:` modules and packages. */
  readonly modules: readonly string[]
}

const IMPORT = /^\s*(?:import|export)\b[^'";]*?\bfrom\s*'([^']+)'|^\s*import\s*'([^']+)'|\bimport\(\s*'([^']+)'/gm

/** Every TypeScript file below `src/`. */
export function readSources(): readonly SourceFile[] {
  return globSync('**/*.ts', { cwd: join(ROOT, 'src') })
    .map(path => path.replaceAll('\\', '/'))
    .sort()
    .map(path => readSource(path, readFileSync(join(ROOT, 'src', path), 'utf8')))
}

/** One file of this text. */
export function readSource(path: string, text: string): SourceFile {
  const specifiers = [...text.matchAll(IMPORT)].map(match => match[1] ?? match[2] ?? match[3] ?? '')
  const own = specifiers.filter(specifier => specifier.startsWith('.'))
  return {
    path,
    text,
    imports: own
      .map(specifier => normalize(join(dirname(path), specifier)).replaceAll('\\', '/'))
      .filter(target => !target.startsWith('../')),
    modules: specifiers.filter(specifier => !specifier.startsWith('.')),
  }
}

/** A cycle of imports as a list of files that begins and ends with the same one, or null. */
export function findCycle(files: readonly SourceFile[]): readonly string[] | null {
  const byPath = new Map(files.map(file => [file.path, file]))
  const done = new Set<string>()
  const visit = (path: string, trail: readonly string[]): readonly string[] | null => {
    if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path]
    if (done.has(path)) return null
    for (const target of byPath.get(path)?.imports ?? []) {
      const cycle = visit(target, [...trail, path])
      if (cycle !== null) return cycle
    }
    done.add(path)
    return null
  }
  for (const { path } of files) {
    const cycle = visit(path, [])
    if (cycle !== null) return cycle
  }
  return null
}
