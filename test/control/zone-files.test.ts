import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type LoadedZone, ZoneFiles } from '#src/control/zone-files.ts'
import type { ZoneProblem } from '#src/control/zone-folder.ts'
import { formatName } from '#src/wire/name.ts'
import { ROOT } from '#support/source-tree.ts'

let base: string
let folder: string
let changes: (readonly LoadedZone[])[]
let problems: (readonly ZoneProblem[])[]
let warnings: string[]
let running: ZoneFiles[]

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'waypost-zones-'))
  folder = join(base, 'zones')
  mkdirSync(folder)
  changes = []
  problems = []
  warnings = []
  running = []
})

afterEach(async () => {
  await Promise.all(running.map(files => files.stop()))
  rmSync(base, { recursive: true })
})

function zoneFiles(directory: string = folder): ZoneFiles {
  const quiet = () => {}
  const files = new ZoneFiles({
    directory,
    logger: { debug: quiet, info: quiet, warn: (_, message) => warnings.push(message), error: quiet },
    onChange: zones => {
      changes.push(zones)
    },
    onProblems: list => {
      problems.push(list)
    },
  })
  running.push(files)
  return files
}

function write(path: string, text: string): void {
  const file = join(folder, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** A zone with this serial number. */
const zoneText = (serial: number, rest = '') => `@ 60 SOA ns h ${serial} 1 1 1 1\n@ 60 NS ns.example.\n${rest}`

/** `apex serial` of every zone. */
const serials = (zones: readonly LoadedZone[] | undefined) =>
  zones?.map(({ zone }) => `${formatName(zone.apex)} ${zone.soa.serial}`)

/** `file:line: message`, files relative to the folder. */
const texts = (list: readonly ZoneProblem[] | undefined) =>
  list?.map(({ file, line, message }) => `${file.slice(folder.length + 1)}:${line}: ${message}`)

/** Waits until the last change is these zones. */
async function untilServed(...expected: string[]): Promise<void> {
  await vi.waitFor(() => expect(serials(changes.at(-1))).toEqual(expected), { timeout: 5000, interval: 5 })
}

async function untilProblems(...expected: (string | RegExp)[]): Promise<void> {
  const matcher = expected.map(text => (text instanceof RegExp ? expect.stringMatching(text) : text))
  await vi.waitFor(() => expect(texts(problems.at(-1))).toEqual(matcher), { timeout: 5000, interval: 5 })
}

describe('loading', () => {
  it('gives a zone for every *.zone file of the folder itself, named after the file', async () => {
    write('b.example.zone', zoneText(2))
    write('a.example.zone', zoneText(1))
    write('.hidden.zone', zoneText(3))
    write('body.inc', 'x')
    write('deep/c.example.zone', zoneText(4))
    write('folder.zone/x', '')
    symlinkSync('nowhere', join(folder, 'dangling.zone'))
    const files = zoneFiles()
    await files.start()
    expect(serials(changes[0])).toEqual(['a.example. 1', 'b.example. 2'])
    expect(files.zones).toBe(changes[0])
    expect([files.problems, problems]).toEqual([[], []])
  })

  it('reports a wrong file with its line and serves the others', async () => {
    write('a.example.zone', zoneText(1, 'www 60 A 1.2.3\n'))
    write('b.example.zone', zoneText(2))
    const files = zoneFiles()
    await files.start()
    expect(serials(changes[0])).toEqual(['b.example. 2'])
    expect(files.problems).toEqual([
      {
        code: 'WAY_ZONE_PARSE',
        file: join(folder, 'a.example.zone'),
        line: 3,
        message: 'Cannot parse A record: "1.2.3" must be an IPv4 address',
      },
    ])
  })

  it('reports a file that cannot be looked at', async () => {
    symlinkSync('loop.zone', join(folder, 'loop.zone'))
    await zoneFiles().start()
    expect(texts(problems[0])).toEqual(['loop.zone:0: Cannot read the zone file: ELOOP'])
  })

  it('takes the first of two files with one apex, the other is a problem', async () => {
    write('a.zone', `$ORIGIN same.example.\n${zoneText(1)}`)
    write('b.zone', `$ORIGIN SAME.example.\n${zoneText(2)}`)
    await zoneFiles().start()
    expect(serials(changes[0])).toEqual(['same.example. 1'])
    expect(texts(problems[0])).toEqual([
      `b.zone:0: Cannot load SAME.example. a second time: it comes from ${join(folder, 'a.zone')}`,
    ])
  })

  it('logs what a zone is served without', async () => {
    write('a.example.zone', zoneText(1, 'sub 60 NS ns.example.\nwww.sub 60 A 192.0.2.1\n'))
    await zoneFiles().start()
    expect(warnings).toEqual([
      'The A record of www.sub.a.example.: it is not served, because the name is delegated to other servers',
    ])
  })

  it('reads once without watching, for a check', async () => {
    write('a.example.zone', zoneText(1))
    const files = zoneFiles()
    await files.reload()
    expect(serials(files.zones)).toEqual(['a.example. 1'])
  })

  it('reads the zones that the repository ships', async () => {
    const files = zoneFiles(join(ROOT, 'zones'))
    await files.reload()
    expect([files.problems, warnings]).toEqual([[], []])
    expect(files.zones).toHaveLength(98)
  })

  it('goes on without the folder, and finds it when it appears', async () => {
    rmSync(folder, { recursive: true })
    const files = zoneFiles()
    await files.start()
    expect(files.problems[0]?.message).toBe(`Cannot read the folder of zone files "${folder}": ENOENT`)
    mkdirSync(folder)
    write('a.example.zone', zoneText(1))
    await untilServed('a.example. 1')
    await untilProblems()
  })

  it('shows faults as UTF-8 although octets are read one by one', async () => {
    write('a.example.zone', zoneText(1, 'www 60 A größe\n'))
    await zoneFiles().start()
    expect(problems[0]?.[0]?.message).toBe('Cannot parse A record: "größe" must be an IPv4 address')
  })
})

describe('changes', () => {
  beforeEach(async () => {
    write('a.example.zone', zoneText(1))
    write('b.example.zone', zoneText(1))
    await zoneFiles().start()
  })

  it('of a file load it again, and only it', async () => {
    const before = changes[0]
    write('a.example.zone', zoneText(2))
    await untilServed('a.example. 2', 'b.example. 1')
    expect(changes.at(-1)?.[1]).toBe(before?.[1])
  })

  it('by replacing the file, as editors do, are seen', async () => {
    write('a.example.zone.tmp', zoneText(2))
    renameSync(join(folder, 'a.example.zone.tmp'), join(folder, 'a.example.zone'))
    await untilServed('a.example. 2', 'b.example. 1')
  })

  it('that are wrong keep the zone loaded before, until they are right', async () => {
    write('a.example.zone', zoneText(2, 'x 60 FOO\n'))
    await untilProblems(/^a\.example\.zone:3: Cannot parse type "FOO"/)
    write('b.example.zone', zoneText(2))
    await untilServed('a.example. 1', 'b.example. 2')
    write('a.example.zone', '')
    await untilProblems('a.example.zone:0: Cannot load the zone: it has no SOA record')
    write('a.example.zone', zoneText(3))
    await untilServed('a.example. 3', 'b.example. 2')
    await untilProblems()
  })

  it('that change no zone are not told', async () => {
    write('c.example.zone', '')
    await untilProblems(/^c\.example\.zone:0: /)
    expect(changes).toHaveLength(1)
  })

  it('that add and remove files add and remove zones', async () => {
    write('c.example.zone', zoneText(1))
    await untilServed('a.example. 1', 'b.example. 1', 'c.example. 1')
    unlinkSync(join(folder, 'b.example.zone'))
    await untilServed('a.example. 1', 'c.example. 1')
  })

  it('by deleting and writing anew never take the zone away', async () => {
    unlinkSync(join(folder, 'a.example.zone'))
    // The folder is looked at while the file is gone: the other file's change is taken.
    write('b.example.zone', zoneText(2))
    await untilServed('a.example. 1', 'b.example. 2')
    write('a.example.zone', zoneText(2))
    await untilServed('a.example. 2', 'b.example. 2')
    expect(changes.every(zones => zones.length === 2)).toBe(true)
  })

  it('are forgotten when the file gives way to another one with the same apex', async () => {
    write('0.zone', `$ORIGIN a.example.\n${zoneText(7)}`)
    await untilServed('a.example. 7', 'b.example. 1')
    await untilProblems(/^a\.example\.zone:0: Cannot load a\.example\. a second time/)
    unlinkSync(join(folder, '0.zone'))
    await untilServed('a.example. 1', 'b.example. 1')
    await untilProblems()
  })
})

describe('a ConfigMap volume', () => {
  it('is followed when its link is swapped', async () => {
    write('..v1/a.example.zone', zoneText(1))
    symlinkSync('..v1', join(folder, '..data'))
    symlinkSync('..data/a.example.zone', join(folder, 'a.example.zone'))
    await zoneFiles().start()
    expect(serials(changes[0])).toEqual(['a.example. 1'])
    write('..v2/a.example.zone', zoneText(2))
    symlinkSync('..v2', join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    await untilServed('a.example. 2')
  })
})

describe('reload', () => {
  it('tells the zones again and forgets files that are gone at once', async () => {
    write('a.example.zone', zoneText(1))
    write('b.example.zone', zoneText(1))
    const files = zoneFiles()
    await files.reload()
    unlinkSync(join(folder, 'b.example.zone'))
    await files.reload()
    expect(changes.map(serials)).toEqual([['a.example. 1', 'b.example. 1'], ['a.example. 1']])
  })
})

describe('stop', () => {
  it('ends all calls', async () => {
    const files = zoneFiles()
    await files.start()
    await files.stop()
    await files.reload()
    expect(changes).toHaveLength(1)
  })
})

describe('$INCLUDE', () => {
  it('is relative to the file that it stands in, and a change of the included file loads the zone again', async () => {
    write('a.example.zone', `${zoneText(1)}$INCLUDE parts/hosts.inc\n`)
    write('b.example.zone', zoneText(1))
    write('parts/hosts.inc', '$INCLUDE more.inc\n')
    write('parts/more.inc', 'x 60 A 192.0.2.1\n')
    await zoneFiles().start()
    expect(changes[0]?.map(({ records }) => records)).toEqual([3, 2])
    write('parts/more.inc', 'x 60 A 192.0.2.1\ny 60 A 192.0.2.2\n')
    await vi.waitFor(() => expect(changes.at(-1)?.map(({ records }) => records)).toEqual([4, 2]), { timeout: 5000 })
    expect(changes.at(-1)?.[1]).toBe(changes[0]?.[1])
  })

  it('of a file that is missing is looked for again when it appears', async () => {
    write('a.example.zone', `${zoneText(1)}$INCLUDE late.inc\n`)
    await zoneFiles().start()
    expect(texts(problems[0])).toEqual(['a.example.zone:3: Cannot include "late.inc": there is no such file'])
    write('late.inc', '')
    await untilServed('a.example. 1')
  })

  it('names the included file in faults', async () => {
    write('a.example.zone', `${zoneText(1)}$INCLUDE parts/x.inc\n`)
    write('parts/x.inc', '\nx 60 A x\n')
    await zoneFiles().reload()
    expect(texts(problems[0])).toEqual(['parts/x.inc:2: Cannot parse A record: "x" must be an IPv4 address'])
  })

  describe('never leaves the folder:', () => {
    const OUTSIDE = 'it must lie inside of the folder of zone files'
    const include = async (path: string) => {
      write('a.example.zone', `${zoneText(1)}$INCLUDE ${path}\n`)
      await zoneFiles().reload()
      return problems[0]?.[0]?.message
    }

    beforeEach(() => {
      writeFileSync(join(base, 'secret'), 'x 60 TXT secret\n')
    })

    it.each(['../secret', 'parts/../../secret', '/etc/passwd', '../nowhere', '..'])('%s', async path => {
      expect(await include(path)).toBe(`Cannot include "${path}": ${OUTSIDE}`)
    })

    it('an absolute path', async () => {
      expect(await include(join(base, 'secret'))).toContain(OUTSIDE)
    })

    it('a folder whose name begins like it', async () => {
      mkdirSync(`${folder}-other`)
      writeFileSync(join(`${folder}-other`, 'x'), '')
      expect(await include('../zones-other/x')).toContain(OUTSIDE)
    })

    it('a symbolic link to a file or through a folder', async () => {
      symlinkSync(join(base, 'secret'), join(folder, 'link'))
      expect(await include('link')).toContain(OUTSIDE)
    })

    it('a symbolic link through a folder', async () => {
      symlinkSync(base, join(folder, 'up'))
      expect(await include('up/secret')).toContain(OUTSIDE)
    })

    it('but an absolute path or a link inside of it is fine, also when the folder itself is reached by a link', async () => {
      write('parts/x.inc', '')
      symlinkSync('parts/x.inc', join(folder, 'link'))
      symlinkSync(folder, join(base, 'other'))
      write('a.example.zone', `${zoneText(1)}$INCLUDE ${join(folder, 'parts/x.inc')}\n$INCLUDE link\n`)
      const files = zoneFiles(join(base, 'other'))
      await files.reload()
      expect([files.problems, files.zones.length]).toEqual([[], 1])
    })
  })

  it('of something that is no file is a problem', async () => {
    mkdirSync(join(folder, 'parts'))
    write('a.example.zone', `${zoneText(1)}$INCLUDE parts\n`)
    await zoneFiles().reload()
    expect(problems[0]?.[0]?.message).toBe('Cannot include "parts": it is no regular file')
    expect(existsSync(folder)).toBe(true)
  })
})
