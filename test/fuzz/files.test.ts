import { describe, expect, it } from 'vitest'
import { seedOf } from './random.ts'
import { type FileRun, fuzzManifests, fuzzZoneFiles } from './runs/files.ts'

const SEED = seedOf(process.env)
const FILES = 1500

describe(`files (seed ${SEED})`, () => {
  it('any zone file is a zone or has faults, each with its line', { timeout: 60_000 }, () => {
    expectBoth(fuzzZoneFiles(FILES, SEED))
  })

  it('any manifest has content or a problem', { timeout: 60_000 }, () => {
    expectBoth(fuzzManifests(FILES, SEED))
  })
})

/** A run of which all or none is good says nothing. */
function expectBoth({ files, good }: FileRun): void {
  expect(good).toBeGreaterThan(0)
  expect(good).toBeLessThan(files)
}
