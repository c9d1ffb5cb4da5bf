import { expect, it } from 'vitest'
import { deoptimisations } from '../../bench/dns/steady-state.ts'

it('nothing of the answer path is deoptimised once it is warm', { timeout: 120_000 }, async () => {
  expect(await deoptimisations()).toEqual([])
})
