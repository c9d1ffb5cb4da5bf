import { describe, expect, it } from 'vitest'
import { seedOf } from './random.ts'
import { fuzzBodies, fuzzFrames, fuzzGarbage, fuzzHeads } from './runs/streams.ts'

const SEED = seedOf(process.env)

describe(`streams (seed ${SEED})`, () => {
  it('messages are the same however the stream is cut, and nothing else is', () => {
    expect(() => fuzzFrames(300, SEED)).not.toThrow()
  })

  it('garbage makes messages of whatever length it says, and holds no more than came', () => {
    expect(() => fuzzGarbage(300, SEED)).not.toThrow()
  })
})

describe(`HTTP (seed ${SEED})`, () => {
  it('any head is a query, a body or a refusal, and base64url is taken only as it is written', () => {
    expect(() => fuzzHeads(5000, SEED)).not.toThrow()
  })

  it('any body is answered with a status, and with its id where there is a reply', { timeout: 60_000 }, async () => {
    const counts = await fuzzBodies(400, SEED)
    expect(counts[200]).toBeGreaterThan(200)
    expect(counts[400]).toBeGreaterThan(0)
  })
})
