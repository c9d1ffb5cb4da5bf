import { mkdtempSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileSet } from '#src/cluster/manifests/file-set.ts'
import { readTree } from '#src/cluster/manifests/tree.ts'
import { manifest } from './watched.ts'

let directory: string
let path: string
let files: FileSet
let again: string[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waypost-'))
  path = join(directory, 'a.yaml')
  again = []
  files = new FileSet({ again: postponed => again.push(postponed), onRead: () => undefined })
})

afterEach(() => rmSync(directory, { recursive: true }))

/** Writes the file as if it had been written so long ago. */
function write(text: string, secondsAgo = 0): void {
  writeFileSync(path, text)
  const then = Date.now() / 1_000 - secondsAgo
  utimesSync(path, then, then)
}

/** The port of the one Service after a look, or what else happened. */
function look(quiet = true): unknown {
  files.lookAt(path, quiet)
  const [change] = files.takeChanges()
  if (change === undefined) return again.length > 0 ? 'again' : 'nothing'
  return change.object?.kind === 'Service' ? change.object.ports[0]?.port : 'gone'
}

describe('a file that was written this moment', () => {
  beforeEach(() => {
    write(manifest('a', 1))
    expect(look()).toBe(1)
  })

  it.each([
    ['ends in the middle of a line', manifest('a', 25).slice(0, -2)],
    ['is empty', ''],
  ])('and %s is looked at again, and read when it stays so', (_, text) => {
    write(text)
    expect(look()).toBe('again')
    expect(files.problems()).toEqual([])
    again = []
    write(text, 1)
    expect(look()).toBe(text === '' ? 'nothing' : 2)
    expect(files.problems()).toHaveLength(text === '' ? 1 : 0)
  })

  it('and ends with a line is read', () => {
    write(manifest('a', 2))
    expect(look()).toBe(2)
  })
})

describe('a file that went', () => {
  beforeEach(() => {
    write(manifest('a', 1))
    expect(look()).toBe(1)
    unlinkSync(path)
  })

  it('is gone at a quiet moment', () => {
    expect(look()).toBe('gone')
    expect(files.files).toBe(0)
  })

  it('is looked at again while others are going, and nothing has happened when it is back', () => {
    expect(look(false)).toBe('again')
    expect(files.files).toBe(1)
    again = []
    write(manifest('a', 1), 1)
    expect(look(false)).toBe('nothing')
    expect(again).toEqual([])
  })
})

it('a link that leads nowhere keeps what the file held, until it is gone, too', () => {
  write(manifest('a', 1))
  expect(look()).toBe(1)
  unlinkSync(path)
  symlinkSync('nowhere.yaml', path)
  expect(look()).toBe('nothing')
  expect(files.problems()).toMatchObject([{ file: path, message: expect.stringContaining('the link leads nowhere') }])
  unlinkSync(path)
  expect(look()).toBe('gone')
  expect(files.problems()).toEqual([])
})

it('a file whose bytes are the same is not read again', () => {
  write(manifest('a', 1), 9)
  expect(look()).toBe(1)
  write(manifest('a', 1), 5)
  expect(look()).toBe('nothing')
})

it('a whole tree brings what is new, changed and gone as one set', () => {
  const put = (name: string, port: number): void => writeFileSync(join(directory, `${name}.yaml`), manifest(name, port))
  put('a', 1)
  put('b', 1)
  files.update(readTree(directory), true)
  expect(files.takeChanges()).toHaveLength(2)
  files.update(readTree(directory), true)
  expect(files.takeChanges()).toEqual([])
  unlinkSync(path)
  put('b', 22)
  put('c', 1)
  files.update(readTree(directory), true)
  expect(files.takeChanges().map(({ key, object }) => [key, object === null])).toEqual([
    ['default/b', false],
    ['default/c', false],
    ['default/a', true],
  ])
  expect([files.files, files.objects]).toEqual([2, 2])
})
