import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { cleanRanges, systemMemory } from '#src/serve/system-memory.ts'

/** As `cat /proc/<pid>/smaps` shows them, without the lines that nobody reads. */
const SMAPS = `00400000-0082e000 r--p 00000000 fe:00 5367649                            /usr/bin/my node
Rss:                4280 kB
Anonymous:             0 kB
0082e000-03489000 r-xp 0042e000 fe:00 5367649                            /usr/bin/my node
Rss:               20012 kB
Anonymous:             0 kB
072a7000-072dc000 r--p 06ea7000 fe:00 5367649                            /usr/bin/my node
Anonymous:            24 kB
072dc000-07308000 rw-p 06edc000 fe:00 5367649                            /usr/bin/my node
Anonymous:             0 kB
08000000-09000000 rw-p 00000000 00:00 0                                  [heap]
Anonymous:             0 kB
7f3d00000000-7f3d00001000 rw-p 00000000 00:00 0
Anonymous:             0 kB
7f3d6ad80000-7f3d6af95000 r-xp 01627000 fe:00 5367650                    /usr/lib/libc.so.6
Anonymous:             0 kB
`

describe('memory beneath V8', () => {
  it('takes for clean what is only read of the program and has no page of its own', () => {
    expect(cleanRanges(SMAPS, '/usr/bin/my node')).toEqual([
      { start: 0x400000n, octets: 0x42e000n },
      { start: 0x82e000n, octets: 0x2c5b000n },
    ])
    expect(cleanRanges(SMAPS, '/usr/bin/node')).toEqual([])
    expect(cleanRanges('', '/usr/bin/node')).toEqual([])
  })

  it.runIf(process.platform === 'linux')('drops pages of the program, which goes on', async () => {
    const before = filePages()
    const giveBack = await systemMemory()
    if (giveBack === null) return // musl
    giveBack()
    await expect.poll(filePages, { timeout: 10_000, interval: 5 }).toBeLessThan(before - 1000)
    expect(JSON.parse('{"still":["here"]}')).toEqual({ still: ['here'] })
  })
})

/** Kilobytes of files that are mapped and present. */
function filePages(): number {
  return Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
}
