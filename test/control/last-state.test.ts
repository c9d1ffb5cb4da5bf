import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { ClusterObject } from '#src/cluster/objects.ts'
import { LastState } from '#src/control/last-state.ts'
import { service } from '../naming/builders.ts'
import { temporaryFolder, until } from '../support/waypost.ts'

const cleanUps: (() => void)[] = []
afterEach(() => {
  for (const cleanUp of cleanUps.splice(0)) cleanUp()
})

function make(
  objects: Iterable<ClusterObject>,
  directory: string,
  cluster = 'hello',
): { state: LastState; errors: string[] } {
  const errors: string[] = []
  const quiet = (): void => undefined
  const log = {
    debug: quiet,
    info: quiet,
    warn: quiet,
    error: (_: object, message: string) => void errors.push(message),
  }
  const state = new LastState({
    directory,
    network: 'personal',
    cluster,
    objects: () => objects,
    log,
    now: () => 42,
    intervalMs: 1,
  })
  return { state, errors }
}

function folder(): string {
  const { path, dispose } = temporaryFolder()
  cleanUps.push(dispose)
  return path
}

describe('LastState', () => {
  it('gives back what was saved, with the time of the save', async () => {
    const directory = folder()
    const objects = [service({ name: 'one' }), service({ name: 'two' })]
    const { state } = make(objects, directory)
    state.touch()
    await state.close()
    expect(make([], directory).state.load()).toEqual({ objects, savedAt: 42 })
  })

  it('saves by itself soon after a change', async () => {
    const directory = folder()
    const { state } = make([service()], directory)
    state.touch()
    await until(() => make([], directory).state.load())
    await state.close()
  })

  it('saves a large state without holding up other work', async () => {
    const directory = folder()
    let turns = 0
    const turnOfObject: number[] = []
    const objects = {
      *[Symbol.iterator]() {
        for (let i = 0; i < 2000; i++) {
          turnOfObject[i] = turns
          yield service({ name: `service-${i}` })
        }
      },
    }
    const { state } = make(objects, directory)
    const count = (): void => {
      turns++
      immediate = setImmediate(count)
    }
    let immediate = setImmediate(count)
    state.touch()
    const saved = await until(() => make([], directory).state.load())
    clearImmediate(immediate)
    await state.close()
    expect(saved.objects).toHaveLength(2000)
    expect(new Set(turnOfObject).size).toBeGreaterThan(10)
  })

  it('writes nothing when nothing changed', async () => {
    const directory = folder()
    await make([service()], directory).state.close()
    expect(readdirSync(directory)).toEqual([])
  })

  it('takes the state of another cluster, a damaged and a missing file for none', async () => {
    const directory = folder()
    expect(make([], directory).state.load()).toBeNull()
    const { state } = make([service()], directory)
    state.touch()
    await state.close()
    expect(make([], directory, 'other').state.load()).toBeNull()
    const path = join(directory, 'last-state-personal')
    const bytes = readFileSync(path)
    for (const damaged of [
      bytes.subarray(0, bytes.length >> 1),
      Buffer.alloc(0),
      Buffer.from('{}\n'),
      Buffer.from('x'),
    ]) {
      writeFileSync(path, damaged)
      expect(make([], directory).state.load()).toBeNull()
    }
  })

  it('reports a folder that cannot be written once and does not throw', async () => {
    const directory = folder()
    const { state, errors } = make([service()], join(directory, 'missing'))
    for (let i = 0; i < 2; i++) {
      state.touch()
      await state.close()
    }
    expect(errors).toHaveLength(1)
  })
})
