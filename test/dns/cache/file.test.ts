import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ENTRY, USE } from '#src/dns/cache/memory/layout.ts'
import { foreignForm } from '#src/dns/cache/read/foreign-form.ts'
import { type CacheOptions, makeCacheSetup } from '#src/dns/cache/setup.ts'
import { CacheFileError, loadCache, saveCache } from '#src/dns/cache/write/file.ts'
import { CacheService } from '#src/dns/cache/write/service.ts'
import type { ForeignQuestion } from '#src/dns/forward/question.ts'
import { parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { RULES } from '#support/cache.ts'
import { type AnswerText, makeForeign, soaLine } from '#support/foreign-answer.ts'

const MORE = 1 << 24
const NOW = 1_800_000_000_000

let folder: string
let file: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'waypost-cache-'))
  file = join(folder, 'cache')
})
afterEach(() => rmSync(folder, { recursive: true }))

function makeService(change: Partial<CacheOptions> = {}): CacheService {
  return new CacheService(
    makeCacheSetup({ maxBytes: 1 << 22, maxEntries: 10_000, rules: RULES, except: [], file: null, ...change }, 0),
  )
}

function question(name: string, change: Partial<ForeignQuestion> = {}): ForeignQuestion {
  const base = { name: parseName(name), type: TYPE.A, isDnssecOk: false, isCheckingDisabled: false, zone: 0 }
  return { ...base, ...change }
}

function put(service: CacheService, answer: Omit<AnswerText, 'type'>, change: Partial<ForeignQuestion> = {}): void {
  service.store(question(answer.name, change), makeForeign({ ...answer, type: 'A' }))
}

/** The entry of a question; 0: none. */
function find(service: CacheService, name: string, flags = 0): number {
  service.setKey(parseName(name), TYPE.A, flags)
  return service.writer.reader.find()
}

const CHAIN = {
  name: 'www.example',
  answers: ['www.example 300 CNAME edge.cdn.net', 'edge.cdn.net 60 A 192.0.2.1'],
  isAuthentic: true,
}

describe('the cache on disk', () => {
  it('comes back as it was, with its marks, and a minute older after a minute', async () => {
    const before = makeService()
    put(before, CHAIN)
    put(before, { name: 'no.example', rcode: 3, authority: [soaLine('example', 900, 900)] }, { isDnssecOk: true })
    before.failed(question('broken.example'), { ...makeForeign({ ...CHAIN, type: 'A' }), rcode: 2 })
    for (let i = 0; i < 2; i++) before.writer.reader.mark(find(before, 'www.example'))
    expect(saveCache(before, file, NOW)).toBe(2)

    const after = makeService()
    expect(await loadCache(after, file, MORE, NOW + 50_000)).toBe(2)
    const place = find(after, 'www.example')
    const { reader } = after.writer
    expect(foreignForm(reader, place)).toEqual(foreignForm(before.writer.reader, find(before, 'www.example')))
    expect([reader.age(place), reader.isStale(place), reader.use(place, USE.frequency)]).toEqual([50, false, 2])
    const denied = find(after, 'no.example', 1 << 8)
    expect([reader.rcode(denied), reader.age(denied)]).toEqual([3, 50])
    expect(find(after, 'broken.example')).toBe(0)
    expect(after.writer.figures.entries).toBe(2)
  })

  it('is out of date when its time has passed meanwhile, and gone when nobody would take it any more', async () => {
    const before = makeService()
    put(before, CHAIN)
    saveCache(before, file, NOW)
    const late = makeService()
    expect(await loadCache(late, file, MORE, NOW + 61_000)).toBe(1)
    expect(late.writer.reader.isStale(find(late, 'www.example'))).toBe(true)
    const tooLate = makeService()
    expect(await loadCache(tooLate, file, MORE, NOW + 61_000 + 3_600_000)).toBe(0)
    expect(tooLate.writer.figures.entries).toBe(0)
  })

  it.each([7, 10, 20, 60])('is gone after %i years, or when a clock says so that was wrong', async years => {
    const before = makeService()
    put(before, CHAIN)
    saveCache(before, file, NOW)
    const after = makeService()
    expect(await loadCache(after, file, MORE, NOW + years * 365 * 86_400_000)).toBe(0)
    expect(find(after, 'www.example')).toBe(0)
  })

  it('does not grow younger when the clock was set back', async () => {
    const before = makeService()
    put(before, CHAIN)
    saveCache(before, file, NOW)
    const after = makeService()
    await loadCache(after, file, MORE, NOW - 1_000_000)
    expect(after.writer.reader.age(find(after, 'www.example'))).toBe(0)
  })

  it('has as much as there was time for, and is whole', async () => {
    const before = makeService()
    for (let i = 0; i < 10_000; i++) put(before, { name: `n${i}.example`, answers: [`n${i}.example 300 A 192.0.2.1`] })
    const saved = saveCache(before, file, NOW, () => true)
    expect(saved).toBeGreaterThan(1000)
    expect(saved).toBeLessThan(9000)
    expect(await loadCache(makeService(), file, MORE, NOW)).toBe(saved)
  })

  it('does not bring back names that are not kept any more', async () => {
    const before = makeService()
    put(before, CHAIN)
    put(before, { name: 'www.other', answers: ['www.other 300 A 192.0.2.9'] })
    saveCache(before, file, NOW)
    const after = makeService({ except: [parseName('example')] })
    expect(await loadCache(after, file, MORE, NOW)).toBe(1)
    expect([find(after, 'www.example'), find(after, 'www.other')]).toEqual([0, expect.any(Number)])
  })

  it('does not take the place of what is there already', async () => {
    const before = makeService()
    put(before, CHAIN)
    saveCache(before, file, NOW)
    const after = makeService()
    put(after, { name: 'www.example', answers: ['www.example 300 A 192.0.2.9'] })
    expect(await loadCache(after, file, MORE, NOW + 10_000)).toBe(0)
    expect(after.writer.reader.word(find(after, 'www.example'), ENTRY.sections) >>> 16).toBe(1)
  })

  it('is ignored as a whole when one octet is wrong or missing, when it is something else, or too large', async () => {
    const before = makeService()
    for (let i = 0; i < 20; i++) put(before, { name: `n${i}.example`, answers: [`n${i}.example 300 A 192.0.2.1`] })
    saveCache(before, file, NOW)
    const good = readFileSync(file)
    const isRefused = async (bytes: Uint8Array, maxBytes = MORE): Promise<boolean> => {
      writeFileSync(file, bytes)
      const service = makeService()
      const result = await loadCache(service, file, maxBytes, NOW).catch(error => error)
      return result instanceof CacheFileError && service.writer.figures.entries === 0
    }
    for (let at = 0; at < good.length; at += 29) {
      const bad = Uint8Array.from(good)
      bad[at] = (bad[at] ?? 0) ^ 1
      expect(await isRefused(bad)).toBe(true)
    }
    for (const length of [0, 10, 24, 60, good.length - 1]) expect(await isRefused(good.subarray(0, length))).toBe(true)
    expect(await isRefused(new TextEncoder().encode('something else entirely, and long enough to be a cache'))).toBe(
      true,
    )
    expect(await isRefused(good, good.length - 1)).toBe(true)
    expect(await isRefused(good)).toBe(false)
  })

  it('may be missing, and is written for its owner only', async () => {
    expect(await loadCache(makeService(), file, MORE, NOW)).toBeNull()
    saveCache(makeService(), file, NOW)
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it('stays as it was when it cannot be written', () => {
    expect(() => saveCache(makeService(), join(folder, 'none', 'cache'), NOW)).toThrow('ENOENT')
  })

  it('takes many answers, more than are written at once', async () => {
    const before = makeService()
    for (let i = 0; i < 3000; i++) {
      const name = `name-${i}.example`
      put(before, { name, answers: [1, 2, 3, 4].map(n => `${name} 300 A 192.0.2.${n}`) })
    }
    expect(saveCache(before, file, NOW)).toBe(3000)
    expect(statSync(file).size).toBeGreaterThan(1 << 18)
    const after = makeService()
    expect(await loadCache(after, file, MORE, NOW)).toBe(3000)
    expect(find(after, 'name-2999.example')).not.toBe(0)
  })
})
