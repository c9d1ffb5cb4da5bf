import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { manifest, until, Watched } from './watched.ts'

describe('the first state', () => {
  it('is every manifest below the directory, in one set, and problems are told before it is complete', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', `${manifest('a', 1)}---\n${manifest('b', 2)}`)
    watched.write('deep/er/c.yml', manifest('c', 3))
    watched.write('d.json', JSON.stringify({ kind: 'List', apiVersion: 'v1', items: [] }))
    watched.write('bad.yaml', 'a: b: c\n')
    watched.write('readme.txt', 'a: b: c\n')
    watched.write('.hidden.yaml', manifest('x', 9))
    watched.write('.git/y.yaml', manifest('y', 9))
    await watched.start()
    expect(watched.services()).toBe('a:1 b:2 c:3')
    expect(watched.calls).toEqual(['apply', 'problems', 'synced'])
    expect(watched.faults()).toEqual(['PARSE bad.yaml:1 null'])
    expect(watched.store.service('default/c')?.origin).toBe(`${watched.at('deep/er/c.yml')}:1`)
  })

  it('of an empty directory is complete at once', async () => {
    await using watched = new Watched()
    await watched.start()
    expect(watched.calls).toEqual(['synced'])
    expect(watched.source.lastSeen()).toBe(1_000)
  })

  it('waits for a directory that is not there', async () => {
    await using watched = new Watched()
    rmSync(watched.directory, { recursive: true })
    const started = watched.start()
    expect(watched.faults()).toEqual(['PARSE .:null null'])
    expect(watched.calls).toEqual(['problems'])
    expect(watched.source.lastSeen()).toBe(0)
    watched.write('a.yaml', manifest('a', 1))
    await started
    expect(watched.services()).toBe('a:1')
    expect(watched.faults()).toEqual([])
    await until(() => watched.source.lastSeen(), 1_000)
  })

  it('waits while the path is a file, and says so', async () => {
    await using watched = new Watched()
    rmSync(watched.directory, { recursive: true })
    writeFileSync(watched.directory, '')
    const started = watched.start()
    expect(watched.problemList[0]?.message).toBe('The folder of manifests cannot be used: it is not a directory')
    expect(watched.log.events()).toEqual(['manifests_lost'])
    unlinkSync(watched.directory)
    watched.write('a.yaml', manifest('a', 1))
    await started
    expect(watched.services()).toBe('a:1')
  })

  it('kinds that are not used are told in the debug log', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', 'apiVersion: apps/v1\nkind: Deployment\n')
    await watched.start()
    const [line] = watched.log.lines.filter(({ level }) => level === 'debug')
    expect(line?.fields).toMatchObject({ event: 'manifest_kind_ignored', kind: 'apps/v1 Deployment', count: 1 })
  })
})

describe('a change', () => {
  it.each<[string, (watched: Watched) => void]>([
    ['written in place', watched => watched.write('a.yaml', manifest('a', 2))],
    [
      'by an editor that renames over',
      watched => {
        watched.write('.a.yaml.swp', manifest('a', 2))
        renameSync(watched.at('.a.yaml.swp'), watched.at('a.yaml'))
      },
    ],
    [
      'by an editor that keeps a backup',
      watched => {
        renameSync(watched.at('a.yaml'), watched.at('a.yaml~'))
        watched.write('a.yaml', manifest('a', 2))
      },
    ],
    [
      'in two halves',
      watched => {
        const text = manifest('a', 2)
        writeFileSync(watched.at('a.yaml'), text.slice(0, 30))
        writeFileSync(watched.at('a.yaml'), text.slice(30), { flag: 'a' })
      },
    ],
    [
      'after a truncation',
      watched => {
        writeFileSync(watched.at('a.yaml'), '')
        writeFileSync(watched.at('a.yaml'), manifest('a', 2))
      },
    ],
    ['without a last line end', watched => watched.write('a.yaml', manifest('a', 2).trimEnd())],
  ])('%s is one set', async (_, save) => {
    await using watched = new Watched()
    watched.write('a.yaml', manifest('a', 1))
    await watched.start()
    save(watched)
    await until(() => watched.services(), 'a:2')
    expect(watched.batches.map(batch => batch.length)).toEqual([1, 1])
    expect(watched.problemList).toEqual([])
  })

  it('of several files is one set', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', manifest('a', 1))
    watched.write('b.yaml', manifest('b', 1))
    await watched.start()
    watched.write('a.yaml', manifest('b', 2))
    watched.write('b.yaml', manifest('c', 3))
    await until(() => watched.services(), 'b:2 c:3')
    expect(watched.batches.map(batch => batch.length)).toEqual([2, 3])
    watched.write('new/d.yaml', manifest('d', 4))
    await until(() => watched.services(), 'b:2 c:3 d:4')
  })

  it('that says the same again is none', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', manifest('a', 1))
    await watched.start()
    watched.write('a.yaml', manifest('a', 1))
    watched.write('b.yaml', manifest('b', 1))
    await until(() => watched.services(), 'a:1 b:1')
    expect(watched.batches[1]?.map(({ key }) => key)).toEqual(['default/b'])
  })

  it('removes what went: files, directories, and directories that are moved away', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', manifest('a', 1))
    watched.write('sub/b.yaml', manifest('b', 1))
    watched.write('sub/c.yaml', manifest('c', 1))
    watched.write('other/d.yaml', manifest('d', 1))
    await watched.start()
    unlinkSync(watched.at('a.yaml'))
    await until(() => watched.services(), 'b:1 c:1 d:1')
    rmSync(watched.at('sub'), { recursive: true })
    await until(() => watched.services(), 'd:1')
    renameSync(watched.at('other'), join(watched.root, 'other'))
    await until(() => watched.services(), '')
    renameSync(join(watched.root, 'other'), watched.at('back'))
    await until(() => watched.services(), 'd:1')
  })

  it('of a mounted ConfigMap is followed through its links', async () => {
    await using watched = new Watched()
    const mount = (version: string, port: number): void => {
      watched.write(`..${version}/a.yaml`, manifest('a', port))
      symlinkSync(`..${version}`, watched.at('..data_tmp'))
      renameSync(watched.at('..data_tmp'), watched.at('..data'))
    }
    mount('v1', 1)
    symlinkSync('..data/a.yaml', watched.at('a.yaml'))
    await watched.start()
    expect(watched.services()).toBe('a:1')
    mount('v2', 2)
    rmSync(watched.at('..v1'), { recursive: true })
    await until(() => watched.services(), 'a:2')
    mount('v3', 3)
    await until(() => watched.services(), 'a:3')
    expect(watched.problemList).toEqual([])
  })

  it('below a linked directory is followed, and a link to a directory above is not', async () => {
    await using watched = new Watched()
    mkdirSync(join(watched.root, 'elsewhere'))
    writeFileSync(join(watched.root, 'elsewhere/a.yaml'), manifest('a', 1))
    symlinkSync('../elsewhere', watched.at('linked'))
    symlinkSync('..', watched.at('loop'))
    await watched.start()
    expect(watched.services()).toBe('a:1')
    expect(watched.problemList.map(({ code }) => code)).not.toContain('WAY_MANIFEST_PARSE')
  })

  it('that no event tells is found by looking', async () => {
    await using watched = new Watched({ lookMs: 20 })
    watched.write('a.yaml', manifest('a', 1))
    const outside = join(watched.root, 'b.yaml')
    writeFileSync(outside, manifest('b', 1))
    symlinkSync(outside, watched.at('b.yaml'))
    await watched.start()
    renameSync(watched.directory, join(watched.root, 'old'))
    mkdirSync(watched.directory)
    watched.write('c.yaml', manifest('c', 1))
    await until(() => watched.services(), 'c:1')
  })
})

describe('what is wrong keeps what was right', () => {
  it.each([
    ['does not parse', 'a: b: c\n', 'PARSE a.yaml:1 null'],
    ['is empty', '', 'PARSE a.yaml:null null'],
    ['breaks in its second document', `${manifest('z', 9)}---\n{`, 'PARSE a.yaml:9 null'],
  ])('a file that %s', async (_, text, fault) => {
    await using watched = new Watched()
    watched.write('a.yaml', `${manifest('a', 1)}---\n${manifest('b', 1)}`)
    await watched.start()
    watched.write('a.yaml', text)
    await until(() => watched.faults(), [fault])
    expect(watched.services()).toBe('a:1 b:1')
    watched.write('a.yaml', manifest('a', 2))
    await until(() => watched.services(), 'a:2')
    expect(watched.faults()).toEqual([])
    expect(watched.log.events()).toContain('manifest_problem')
  })

  it('a file that cannot be read', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', manifest('a', 1))
    await watched.start()
    unlinkSync(watched.at('a.yaml'))
    symlinkSync('a.yaml', watched.at('a.yaml'))
    await until(() => watched.faults(), ['PARSE a.yaml:null null'])
    expect(watched.services()).toBe('a:1')
    unlinkSync(watched.at('a.yaml'))
    symlinkSync('nowhere.yaml', watched.at('a.yaml'))
    await until(() => watched.problemList.map(({ message }) => /leads nowhere|no such file/.test(message)), [true])
    expect(watched.services()).toBe('a:1')
    unlinkSync(watched.at('a.yaml'))
    watched.write('a.yaml', manifest('a', 1))
    await until(() => watched.faults(), [])
  })

  it('an invalid object goes alone, its last good version with it', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', `${manifest('a', 1)}---\n${manifest('b', 1)}`)
    await watched.start()
    watched.write('a.yaml', `${manifest('a', 99_999)}---\n${manifest('b', 2)}`)
    await until(() => watched.services(), 'b:2')
    expect(watched.faults()).toEqual(['OBJECT a.yaml:7 spec.ports[0].port'])
  })

  it('a directory that vanishes, and it is found again', async () => {
    await using watched = new Watched()
    for (let i = 0; i < 300; i++) watched.write(`s${i}.yaml`, manifest(`s${i}`, 1))
    await watched.start()
    rmSync(watched.directory, { recursive: true })
    await until(() => watched.faults(), ['PARSE .:null null'])
    watched.now = 2_000
    expect(watched.store.stats().services).toBe(300)
    expect(watched.batches).toHaveLength(1)
    expect(watched.log.events()).toContain('manifests_lost')
    mkdirSync(watched.directory)
    await until(() => watched.problemList[0]?.message.includes('another directory'), true)
    expect(watched.store.stats().services).toBe(300)
    expect(watched.source.lastSeen()).toBe(1_000)
    watched.write('a.yaml', manifest('a', 1))
    await until(() => watched.services(), 'a:1')
    expect(watched.faults()).toEqual([])
    await until(() => watched.source.lastSeen(), 2_000)
  })

  it('a directory that is emptied by hand is empty', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', manifest('a', 1))
    await watched.start()
    for (const name of readdirSync(watched.directory)) unlinkSync(watched.at(name))
    await until(() => watched.services(), '')
    expect(watched.faults()).toEqual([])
  })
})

describe('an object in two places', () => {
  it('counts where its path is first, then where it is first in the file', async () => {
    await using watched = new Watched()
    watched.write('b.yaml', `${manifest('x', 3)}---\n${manifest('x', 4)}`)
    watched.write('a.yaml', manifest('x', 2))
    await watched.start()
    expect(watched.services()).toBe('x:2')
    expect(watched.faults()).toEqual(['DUPLICATE b.yaml:1 null', 'DUPLICATE b.yaml:9 null'])
    expect(watched.problemList[0]?.message).toContain(`"${watched.at('a.yaml')}:1"`)
    unlinkSync(watched.at('a.yaml'))
    await until(() => watched.services(), 'x:3')
    expect(watched.faults()).toEqual(['DUPLICATE b.yaml:9 null'])
    watched.write('a/first.yaml', manifest('x', 1))
    await until(() => watched.services(), 'x:1')
    watched.write('b.yaml', manifest('z', 5))
    await until(() => watched.faults(), [])
    expect(watched.services()).toBe('x:1 z:5')
  })

  it('the other takes over when the first becomes invalid', async () => {
    await using watched = new Watched()
    watched.write('a.yaml', manifest('x', 1))
    watched.write('b.yaml', manifest('x', 2))
    await watched.start()
    watched.write('a.yaml', manifest('x', 0))
    await until(() => watched.services(), 'x:2')
    expect(watched.faults()).toEqual(['OBJECT a.yaml:7 spec.ports[0].port'])
  })
})

describe('stopping', () => {
  it('ends all calls', async () => {
    await using watched = new Watched()
    await watched.start()
    watched.write('a.yaml', manifest('a', 1))
    await watched.source.stop()
    const calls = watched.calls.length
    const other = watched.makeSource()
    await other.start({ apply: () => undefined, problems: () => undefined, synced: () => undefined })
    await other.stop()
    expect(watched.calls).toHaveLength(calls)
  })
})
