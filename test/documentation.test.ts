import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { checkSource } from '#src/cli/check-source.ts'
import { checkZones } from '#src/cli/check-zones.ts'
import { loadConfig } from '#src/config.ts'
import { listDocuments, outputPattern, readBlocks, readCommands, readDocument } from '#support/documents.ts'
import { Shell } from '#support/shell.ts'
import { ROOT } from '#support/source-tree.ts'
import { fakeSurroundings } from '#support/surroundings.ts'
import { generatedTables, presentTable } from '#support/tables.ts'
import { type RunningWaypost, startWaypost, temporaryFolder } from '#support/waypost.ts'

const documents = listDocuments()
const blocks = documents.flatMap(document => readBlocks(document))
const folder = temporaryFolder()
afterAll(() => folder.dispose())

/** Blocks of a kind, with a title for the test. */
function blocksOf(language: string, tag?: string) {
  const found = blocks.filter(block => block.language === language && (tag === undefined || block.tag === tag))
  return found.map(block => [`${block.document}:${block.line}`, block] as const)
}

/** A folder that holds one file with the block's text. */
function folderWith(name: string, text: string, id: string): string {
  const path = join(folder.path, id.replace(/\W/g, '-'))
  mkdirSync(path)
  writeFileSync(join(path, name), text)
  return path
}

describe('documents', () => {
  it.each(documents)('%s links to what is there', document => {
    const links = [...readDocument(document).matchAll(/\]\((?!https?:)([^)#]+)(#[^)]*)?\)/g)].map(
      match => match[1] ?? '',
    )
    expect(links.filter(link => !existsSync(join(ROOT, dirname(document), link)))).toEqual([])
  })

  it('have no block whose kind is not known', () => {
    const known = ['text ', 'sh ', 'json ', 'console ', 'zone ', 'yaml config', 'yaml manifest']
    const kinds = blocks.map(({ document, line, language, tag }) => [`${document}:${line}`, `${language} ${tag}`])
    expect(kinds.filter(([, kind]) => !known.includes(kind ?? ''))).toEqual([])
  })

  it.each(generatedTables())('$file has the table "$name" of the source (node test/support/tables.ts)', table => {
    expect(presentTable(table)).toBe(table.text)
  })

  it.each(blocksOf('yaml', 'config'))('%s is a configuration without fault', (_, { text }) => {
    const surroundings = fakeSurroundings({ '/checkout/waypost.yaml': text })
    expect(() => loadConfig({ file: '/checkout/waypost.yaml', flags: {}, surroundings })).not.toThrow()
  })

  it.each(blocksOf('yaml', 'manifest'))('%s is a manifest without fault', async (title, { text }) => {
    const manifests = folderWith('document.yaml', text, title)
    const surroundings = fakeSurroundings({}, { isFolder: () => true })
    const config = loadConfig({ file: null, flags: { manifests }, surroundings })
    const reports = await Promise.all(config.networks.map(network => checkSource(network, surroundings)))
    expect(reports.flatMap(report => report.findings)).toEqual([])
  })

  it.each(blocksOf('zone'))('%s is a zone without fault', async (title, { text }) => {
    const directory = folderWith('example.org.zone', text, title)
    const report = await checkZones(directory, ['cluster.local'], fakeSurroundings({}, { isFolder: () => true }))
    expect(report).toEqual({ found: expect.stringMatching(/^zones: 1 zone/), findings: [] })
  })

  it.each(blocksOf('json'))('%s is JSON', (_, { text }) => {
    expect(() => JSON.parse(text)).not.toThrow()
  })

  it.each(blocksOf('sh'))('%s names only scripts of package.json and files of the checkout', (_, { text }) => {
    const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const named = [...text.matchAll(/\bnpm (?:run )?(?!ci\b|run\b)([a-z:0-9]+)/g)].map(match => match[1] ?? '')
    expect(named.filter(name => !(name in scripts))).toEqual([])
    const files = [...text.matchAll(/(?<=^|\s)(?:\.ci|bench|test|bin)\/\S+/gm)].map(match => match[0])
    expect(files.filter(file => !existsSync(join(ROOT, file)))).toEqual([])
  })
})

/** What a reader has after `git clone`, as far as a server needs it, and the arguments to serve its example. */
function checkoutCopy(name: string): { cwd: string; args: readonly string[] } {
  const cwd = join(folder.path, `checkout-${name.replace(/\W/g, '-')}`)
  mkdirSync(cwd)
  for (const part of ['examples', 'zones']) cpSync(join(ROOT, part), join(cwd, part), { recursive: true })
  return { cwd, args: ['--manifests', 'examples/kuard', '--zones', 'zones', '--data', 'data'] }
}

describe.each([...new Set(blocksOf('console').map(([, block]) => block.document))])('commands of %s', document => {
  let server: RunningWaypost
  let shell: Shell

  beforeAll(async () => {
    const { args, cwd } = checkoutCopy(document)
    server = await startWaypost({ args, cwd })
    shell = new Shell(cwd, server)
  })
  afterAll(async () => {
    await server?.end('SIGKILL')
  })

  const own = blocksOf('console').filter(([, block]) => block.document === document)
  it.for(own)('%s shows what it says', async ([, block], { skip }) => {
    // Continuous integration has every program (.ci/run).
    const missing = shell.missingPrograms(block)
    skip(missing.length > 0, `not installed: ${missing.join(', ')}`)
    await shell.run(block)
  })
})

describe('docs/http.md', () => {
  it('lists the paths and methods of /openapi.json', async () => {
    const { args, cwd } = checkoutCopy('api')
    const server = await startWaypost({ args, cwd })
    try {
      const { paths } = (await (await fetch(`${server.api}/openapi.json`)).json()) as { paths: Record<string, object> }
      const described = Object.entries(paths).flatMap(([path, methods]) =>
        Object.keys(methods).map(method => `${method.toUpperCase()} ${path}`),
      )
      const listed = [...readDocument('docs/http.md').matchAll(/^\| `((?:GET|POST|DELETE) \/\S*)` \|/gm)].map(
        match => match[1],
      )
      expect(listed.toSorted()).toEqual(described.toSorted())
    } finally {
      await server.end('SIGKILL')
    }
  })
})

describe('the readers of documents', () => {
  it('tell commands from their output', () => {
    expect(readCommands('$ a &\none\n$ b\n$ c\ntwo\nthree\n')).toEqual([
      { line: 'a', background: true, expected: 'one\n' },
      { line: 'b', background: false, expected: '' },
      { line: 'c', background: false, expected: 'two\nthree\n' },
    ])
  })

  it('take … for anything in a line, and alone for any lines', () => {
    expect('a b c\n').toMatch(outputPattern('a … c\n'))
    expect('a b\nc\n').not.toMatch(outputPattern('a … c\n'))
    expect('a\nb\nc\nd\n').toMatch(outputPattern('a\n…\nd\n'))
    expect('a\nd\n').toMatch(outputPattern('a\n…\nd\n'))
    expect('a\n').not.toMatch(outputPattern('a\n…\nd\n'))
    expect('a.c\n').not.toMatch(outputPattern('abc\n'))
  })
})
