import { describe, expect, it } from 'vitest'
import { makeCacheSetup } from '#src/dns/cache/setup.ts'
import { inspectCache } from '#src/dns/cache/write/inspection.ts'
import { CacheService } from '#src/dns/cache/write/service.ts'
import { parseName } from '#src/wire/name.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { RULES } from '#support/cache.ts'
import { makeForeign } from '#support/foreign-answer.ts'

function makeService(): CacheService {
  return new CacheService(
    makeCacheSetup({ maxBytes: 1 << 22, maxEntries: 1000, rules: RULES, except: [], file: null }, 0),
  )
}

function put(service: CacheService, name: string, type: 'A' | 'AAAA' = 'A', isDnssecOk = false): void {
  const address = type === 'A' ? '192.0.2.1' : 'fd::1'
  const answer = makeForeign({ name, type, answers: [`${name} 300 ${type} ${address}`] })
  service.store({ name: parseName(name), type: TYPE[type], isDnssecOk, isCheckingDisabled: false, zone: 0 }, answer)
}

async function show(service: CacheService, name: string): Promise<string[]> {
  const reply = await inspectCache(service, { kind: 'show', name: parseName(name) })
  return reply.kind === 'show' ? reply.entries.map(entry => `${entry.name} ${entry.type} ${entry.dnssecOk}`).sort() : []
}

async function flush(service: CacheService, name: string, below: boolean): Promise<number> {
  const reply = await inspectCache(service, { kind: 'flush', name: parseName(name), below })
  return reply.kind === 'flush' ? reply.flushed : -1
}

describe('looking into the cache', () => {
  it('shows every entry of a name, and no other', async () => {
    const service = makeService()
    put(service, 'www.example')
    put(service, 'www.example', 'AAAA')
    put(service, 'www.example', 'A', true)
    put(service, 'www.example.org')
    for (let i = 0; i < 500; i++) put(service, `other-${i}.example`)
    expect(await show(service, 'www.example')).toEqual([
      'www.example. A false',
      'www.example. A true',
      'www.example. AAAA false',
    ])
    expect(await show(service, 'example')).toEqual([])
  })

  it('says how an entry is', async () => {
    const service = makeService()
    put(service, 'www.example')
    const reply = await inspectCache(service, { kind: 'show', name: parseName('www.example') })
    const [entry] = reply.kind === 'show' ? reply.entries : []
    expect(entry).toMatchObject({ kind: 'positive', stale: false, age: 0, bytes: 16, records: 1, hits: 0 })
    expect(entry?.ttl).toBeGreaterThan(290)
  })

  it('flushes a name, and what is below it only when asked to', async () => {
    const service = makeService()
    const names = ['example', 'a.example', 'b.a.example', 'notexample', 'example.org']
    for (const name of names) put(service, name)
    put(service, 'a.example', 'AAAA')
    expect(await flush(service, 'a.example', false)).toBe(2)
    expect(await show(service, 'b.a.example')).toHaveLength(1)
    expect(await flush(service, 'example', true)).toBe(2)
    expect(service.writer.figures.entries).toBe(2)
    expect(await show(service, 'notexample')).toHaveLength(1)
    expect(await flush(service, '.', true)).toBe(2)
    expect(service.writer.figures.entries).toBe(0)
  })

  it('flushes everything of a full cache', async () => {
    const service = makeService()
    for (let i = 0; i < 1000; i++) put(service, `${i}.example`)
    expect(await flush(service, 'example', true)).toBe(1000)
    expect(service.writer.figures.entries).toBe(0)
  })
})
