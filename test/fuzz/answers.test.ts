import { describe, expect, it } from 'vitest'
import { seedOf } from './random.ts'
import { fuzzAnswers } from './runs/answers.ts'

const SEED = seedOf(process.env)
const MESSAGES = 10_000

describe(`answers of upstreams (seed ${SEED})`, () => {
  it('of any kind are read, and nothing outside of the chain is kept', { timeout: 60_000 }, () => {
    const { answer, failed, cut, stranger } = fuzzAnswers(MESSAGES, SEED)
    expect(Math.min(answer, failed, cut, stranger)).toBeGreaterThan(MESSAGES / 100)
  })
})
