import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { findCycle, ROOT, readSource, readSources } from '#support/source-tree.ts'

/**
 * Which folder may import which. `zone/rrset` means that one file only. A root file belongs to the folder of its name
 * (`cli.ts` to `cli`), and every folder may import `errors.ts` and `version.ts`. The same table is in ARCHITECTURE.md.
 */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  ip: [],
  wire: ['ip'],
  zone: ['wire', 'ip'],
  index: ['wire', 'zone/rrset'],
  cluster: ['ip'],
  pool: ['ip'],
  admission: ['pool', 'cluster', 'ip'],
  naming: ['zone', 'wire', 'ip', 'cluster/objects'],
  route: ['ip', 'cluster/objects'],
  config: ['wire', 'ip'],
  control: ['config', 'naming', 'route', 'pool', 'cluster', 'index', 'zone', 'wire', 'ip'],
  dns: ['index', 'zone', 'wire', 'ip'],
  feed: ['route', 'ip'],
  status: ['cluster/objects', 'cluster/kubernetes/client', 'ip'],
  observe: [],
  serve: [
    'admission',
    'control',
    'dns',
    'feed',
    'status',
    'observe',
    'config',
    'naming',
    'route',
    'pool',
    'cluster',
    'index',
    'zone',
    'wire',
    'ip',
  ],
  cli: ['serve', 'control', 'feed', 'config', 'cluster', 'zone', 'wire', 'ip'],
  errors: [],
  version: [],
}

/** Folders that take time, randomness and logging as arguments and import no module of Node.js and no package. */
const PURE = ['ip', 'wire', 'zone', 'index', 'naming', 'route']

/** Files near 250 lines; nothing beyond this. */
const LONGEST = 400

const files = readSources()

function folderOf(path: string): string {
  return path.split('/')[0]?.replace(/\.ts$/, '') ?? ''
}

/** Imports of a file that the table does not have. */
function forbidden(path: string, imports: readonly string[]): string[] {
  const allowed = ['errors', 'version', folderOf(path), ...(ALLOWED[folderOf(path)] ?? [])]
  const fits = (target: string) => allowed.includes(folderOf(target)) || allowed.includes(target.replace(/\.ts$/, ''))
  return imports.filter(target => !fits(target)).map(target => `${path} → ${target}`)
}

describe('the source tree', () => {
  it('has only folders that the import table knows', () => {
    expect([...new Set(files.map(file => folderOf(file.path)))].filter(folder => !(folder in ALLOWED))).toEqual([])
  })

  it('imports only in the directions of the table', () => {
    expect(files.flatMap(file => forbidden(file.path, file.imports))).toEqual([])
  })

  it('has no import cycle, types included', () => {
    expect(findCycle(files)).toBeNull()
  })

  it('imports no module in pure folders', () => {
    const impure = files.filter(file => PURE.includes(folderOf(file.path)) && file.modules.length > 0)
    expect(impure.map(file => `${file.path}: ${file.modules.join(', ')}`)).toEqual([])
  })

  it('has kebab-case file names', () => {
    expect(
      files
        .map(file => file.path)
        .filter(path => !/^([a-z0-9]+(-[a-z0-9]+)*\/)*[a-z0-9]+(-[a-z0-9]+)*\.ts$/.test(path)),
    ).toEqual([])
  })

  it(`has no file of more than ${LONGEST} lines`, () => {
    const long = files.map(file => ({ path: file.path, lines: file.text.split('\n').length - 1 }))
    expect(long.filter(({ lines }) => lines > LONGEST)).toEqual([])
  })

  it('has a comment at the head of every file that says what it is for', () => {
    expect(files.filter(file => !/^(\/\*\*|import )/.test(file.text)).map(file => file.path)).toEqual([])
  })
})

describe('ARCHITECTURE.md', () => {
  it('has the same import table', () => {
    const text = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8')
    const rows = [...text.matchAll(/^\| `([a-z]+)` \|[^|]*\| ([^|]*) \|$/gm)]
    const table = Object.fromEntries(
      rows.map(([, folder, imports]) => [folder, [...(imports ?? '').matchAll(/`([^`]+)`/g)].map(match => match[1])]),
    )
    expect(table).toEqual(Object.fromEntries(Object.entries(ALLOWED)))
  })
})

describe('these tests', () => {
  it('see an edge that is not in the table', () => {
    const file = readSource('dns/x.ts', "import type {\n  A,\n} from '../control/network.ts'\n")
    expect(forbidden(file.path, file.imports)).toEqual(['dns/x.ts → control/network.ts'])
  })

  it('see that one file of a folder is allowed and its neighbour is not', () => {
    const file = readSource(
      'route/x.ts',
      "import { READY } from '../cluster/objects.ts'\nimport { Store } from '../cluster/store.ts'\n",
    )
    expect(forbidden(file.path, file.imports)).toEqual(['route/x.ts → cluster/store.ts'])
  })

  it('see a cycle', () => {
    const a = readSource('ip/a.ts', "import { b } from './b.ts'\n")
    const b = readSource('ip/b.ts', "export { a } from './a.ts'\n")
    expect(findCycle([a, b])).toEqual(['ip/a.ts', 'ip/b.ts', 'ip/a.ts'])
  })
})
