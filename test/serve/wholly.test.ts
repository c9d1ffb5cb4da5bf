import { expect, it } from 'vitest'
import { wholly } from '#src/serve/wholly.ts'

it('fails when all have ended, with what failed first in their order', async () => {
  const ended: string[] = []
  const slow = Promise.withResolvers<string>()
  const all = wholly([Promise.reject(new Error('first')), slow.promise.finally(() => ended.push('slow'))])
  const failed = all.catch((error: Error) => ended.push(error.message))
  await new Promise(setImmediate)
  expect(ended).toEqual([])
  slow.resolve('done')
  await failed
  expect(ended).toEqual(['slow', 'first'])
})

it('gives what all give', async () => {
  const [number, text] = await wholly([Promise.resolve(1), Promise.resolve('a')])
  expect([number.toFixed(1), text.length]).toEqual(['1.0', 1])
})
