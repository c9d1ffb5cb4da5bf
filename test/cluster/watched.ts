/** A directory of manifests under watch, and what its source says. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { ManifestSource, type ManifestSourceOptions } from '#src/cluster/manifests.ts'
import type { ObjectChange } from '#src/cluster/objects.ts'
import type { SourceProblem, SourceSink } from '#src/cluster/source.ts'
import { Store } from '#src/cluster/store.ts'
import { Lines } from './values.ts'

const DEADLINE_MS = 5_000
const POLL_MS = 2

/** Keeps what a source says, and a store of it. */
export class Watched implements SourceSink {
  readonly root: string
  readonly directory: string
  readonly log: Lines = new Lines()
  readonly store: Store = new Store()
  /** The Service keys of each atomic set. */
  readonly batches: (readonly ObjectChange[])[] = []
  /** `apply`, `problems`, `synced` in the order of the calls. */
  readonly calls: string[] = []
  problemList: readonly SourceProblem[] = []
  now = 1_000
  source: ManifestSource

  constructor(options: Partial<ManifestSourceOptions> = {}) {
    this.root = mkdtempSync(join(tmpdir(), 'waypost-'))
    this.directory = join(this.root, 'manifests')
    mkdirSync(this.directory)
    this.source = this.makeSource(options)
  }

  makeSource(options: Partial<ManifestSourceOptions> = {}): ManifestSource {
    const { directory, log } = this
    return new ManifestSource({ directory, logger: log, clock: () => this.now, lookMs: 50, ...options })
  }

  async start(): Promise<void> {
    await this.source.start(this)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.source.stop()
    rmSync(this.root, { recursive: true, force: true })
  }

  apply(changes: readonly ObjectChange[]): void {
    this.calls.push('apply')
    this.batches.push(changes)
    this.store.apply(changes)
  }

  problems(list: readonly SourceProblem[]): void {
    this.calls.push('problems')
    this.problemList = list
  }

  synced(): void {
    this.calls.push('synced')
  }

  /** Path below the directory. */
  at(path: string): string {
    return join(this.directory, path)
  }

  write(path: string, text: string): void {
    mkdirSync(dirname(this.at(path)), { recursive: true })
    writeFileSync(this.at(path), text)
  }

  /** `name:port` of every Service, sorted. */
  services(): string {
    return [...this.store.services()]
      .map(service => `${service.name}:${service.ports[0]?.port}`)
      .sort()
      .join(' ')
  }

  /** `file:line field`, sorted as reported, files below the directory. */
  faults(): string[] {
    return this.problemList.map(({ code, file, line, field }) => {
      const path = (file ?? '').replace(`${this.directory}/`, '').replace(this.directory, '.')
      return `${code.replace('WAY_MANIFEST_', '')} ${path}:${line} ${field}`
    })
  }
}

/** Waits until the expression has the value. */
export async function until<T>(actual: () => T, expected: T): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  const wanted = JSON.stringify(expected)
  while (JSON.stringify(actual()) !== wanted) {
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(actual())}, not ${wanted}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/** A manifest of one Service. */
export function manifest(name: string, port: number): string {
  return `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  ports:\n  - port: ${port}\n`
}
