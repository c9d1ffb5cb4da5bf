import { describe, expect, it } from 'vitest'
import { createLog } from '#src/observe/log.ts'

function linesOf(level: string, write: (log: ReturnType<typeof createLog>) => void): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = []
  write(createLog(level, { write: line => lines.push(JSON.parse(line)) }))
  return lines
}

describe('the log', () => {
  it('is one JSON object a line with level, time, event and message', () => {
    const [line] = linesOf('info', log => log.info({ event: 'zone_loaded', zone: 'example.' }, 'Zone is served'))
    expect(line).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      event: 'zone_loaded',
      zone: 'example.',
      msg: 'Zone is served',
    })
  })

  it('leaves out what is below its level', () => {
    expect(linesOf('warn', log => log.info({ event: 'x' }, 'x'))).toEqual([])
  })

  it('never shows a token', () => {
    const secret = 'sesame'
    const lines = linesOf('info', log => {
      log.info({ event: 'a', token: secret, http: { token: secret } }, 'x')
      log.info({ event: 'b', headers: { authorization: secret }, req: { headers: { authorization: secret } } }, 'x')
    })
    expect(JSON.stringify(lines)).not.toContain(secret)
  })
})
