/** The manifest files of a directory, as they are on disk at one moment. */
import { readdirSync, type Stats, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { isManifestName } from './file.ts'

/** What a look at a directory tree found. */
export interface Tree {
  /** Path → {@link signatureOf} of each manifest that can be reached. */
  readonly files: ReadonlyMap<string, string>
  /** Paths that are there and cannot be looked into, with the reason; for a directory it stands for all below it. */
  readonly unreadable: ReadonlyMap<string, string>
}

/**
 * Whether a name is passed over: hidden files, and the `..data` directories in which Kubernetes keeps the versions of
 * a mounted ConfigMap (its manifests are reached by the links beside them).
 */
export function isHidden(path: string): boolean {
  return basename(path).startsWith('.')
}

/** Changes whenever the file does: inode, size and times. */
export function signatureOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`
}

/** Whether the path is the same directory as before. */
export function identityOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}`
}

/** Looks at everything below `root`. Links are followed, but never to a directory that is being looked at. */
export function readTree(root: string): Tree {
  const files = new Map<string, string>()
  const unreadable = new Map<string, string>()
  visit(root, [], files, unreadable)
  return { files, unreadable }
}

function visit(
  directory: string,
  above: readonly string[],
  files: Map<string, string>,
  unreadable: Map<string, string>,
): void {
  try {
    const identity = identityOf(statSync(directory))
    if (above.includes(identity)) return
    for (const entry of readdirSync(directory, { withFileTypes: true })) {
      if (isHidden(entry.name) || entry.isSocket() || entry.isFIFO()) continue
      const path = join(directory, entry.name)
      if (entry.isDirectory()) visit(path, [...above, identity], files, unreadable)
      else if (entry.isSymbolicLink()) visitLink(path, [...above, identity], files, unreadable)
      else if (isManifestName(path)) visitFile(path, files, unreadable)
    }
  } catch (error) {
    unreadable.set(directory, reasonOf(error))
  }
}

/** A link that leads nowhere is reported when it has a manifest's name: it may lead somewhere again in a moment. */
function visitLink(
  path: string,
  above: readonly string[],
  files: Map<string, string>,
  unreadable: Map<string, string>,
): void {
  try {
    const stats = statSync(path)
    if (stats.isDirectory()) visit(path, above, files, unreadable)
    else if (isManifestName(path)) files.set(path, signatureOf(stats))
  } catch (error) {
    if (isManifestName(path)) unreadable.set(path, reasonOf(error))
  }
}

function visitFile(path: string, files: Map<string, string>, unreadable: Map<string, string>): void {
  try {
    files.set(path, signatureOf(statSync(path)))
  } catch (error) {
    if (!isMissing(error)) unreadable.set(path, reasonOf(error))
  }
}

/** Whether the error says that there is nothing at the path. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')
}

/** The system's words, `permission denied`, without the path. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message.replace(/^[A-Z]+: /, '').replace(/, \w+( '.*)?$/s, '')
}
