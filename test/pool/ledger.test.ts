import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { formatAddress } from '#src/ip/address.ts'
import { Allocator } from '#src/pool/allocator.ts'
import type { Claim } from '#src/pool/claims.ts'
import { Ledger } from '#src/pool/ledger.ts'
import { address, prefix } from '#support/ip.ts'
import { app, NETWORK, naming, only, outcome, request, service } from './support.ts'

/** util-linux; on every Linux that runs the tests as root. */
const MOUNT = '/bin/mount'
const UMOUNT = '/bin/umount'

const ROOT = process.getuid?.() === 0

let top = ''
let directory = ''
let file = ''

beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'waypost-ledger-'))
  directory = join(top, 'state', 'data')
  file = join(directory, 'ledger.db')
})

afterEach(() => rmSync(top, { recursive: true, force: true }))

function open(path: string = directory): Allocator {
  return withPool(Allocator.open({ directory: path, clock: Date.now, restMs: 600_000, leaseMs: 90_000 }))
}

function withPool(allocator: Allocator): Allocator {
  allocator.setPools(NETWORK, [prefix('fdaa::/112')])
  return allocator
}

/** Opens, claims `count` addresses for Services, closes; answers the first address. */
function fill(count: number): string {
  const allocator = open()
  const [first] = allocator.claim(Array.from({ length: count }, (_, i) => request(`s${i}`)))
  allocator.close()
  return only(first)
}

function change(sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

function refusal(code: string, part: string): unknown {
  return expect.objectContaining({ name: 'WaypostError', code, message: expect.stringContaining(part) })
}

describe('a ledger', () => {
  it('makes its folder, for its user alone', () => {
    open().close()
    expect(statSync(directory).mode & 0o777).toBe(0o700)
    expect(statSync(join(top, 'state')).mode & 0o777).toBe(0o700)
  })

  it('gives back every kind of claim', () => {
    const allocator = open()
    const requests = [
      request('kuard'),
      naming('two', ['10.96.0.9', '2001:db8::1']),
      request(app('shop')),
      { ...request('kuard'), network: 'other' },
      request('gone'),
    ]
    allocator.setPools('other', [prefix('fdab::/64')])
    expect(allocator.claim(requests).every(result => result.ok)).toBe(true)
    allocator.release([{ network: NETWORK, owner: service('gone') }])
    const before = [...allocator.claims()]
    allocator.close()
    const again = open()
    const sorted = (claims: Iterable<Claim>): Claim[] => {
      return [...claims].sort((a, b) => `${a.network} ${a.owner.name}`.localeCompare(`${b.network} ${b.owner.name}`))
    }
    expect(sorted(again.claims())).toEqual(sorted(before).map(claim => ({ ...claim, slot: expect.any(Number) })))
    expect(again.addressesOf(NETWORK, service('two')).map(a => formatAddress(a))).toEqual(['10.96.0.9', '2001:db8::1'])
    expect(again.holderOf('other', before.find(c => c.network === 'other')?.address ?? address('::'))).toMatchObject({
      owner: { kind: 'Service', name: 'default/kuard' },
    })
    again.close()
  })

  it('counts as new when its file is empty', () => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(file, '')
    const allocator = open()
    expect(allocator.claim([request('kuard')])[0]?.ok).toBe(true)
    allocator.close()
  })

  it('counts as new when its file has been emptied', () => {
    const first = fill(100)
    truncateSync(file, 0)
    const allocator = open()
    expect([...allocator.claims()]).toEqual([])
    expect(only(allocator.claim([request('s0')])[0])).toBe(first)
    allocator.close()
  })
})

describe('a damaged ledger is refused and left as it is', () => {
  function expectDamaged(part: string): void {
    const before = readFileSync(file)
    expect(() => open()).toThrow(refusal('WAY_LEDGER_DAMAGED', part))
    expect(() => open()).toThrow(refusal('WAY_LEDGER_DAMAGED', file))
    expect(() => open()).not.toThrow(/\n/)
    expect(readFileSync(file).equals(before)).toBe(true)
  }

  it.each([1, 15, 100, 4096, 9000])('%i bytes that are no database', size => {
    mkdirSync(directory, { recursive: true })
    writeFileSync(file, 'no ledger '.repeat(1000).slice(0, size))
    expectDamaged('not a database')
  })

  it('a file whose end is missing', () => {
    fill(2000)
    truncateSync(file, statSync(file).size - 8192)
    expectDamaged('malformed')
  })

  it.each([1, 100, 1000])('a file of which only the first bytes are left: %i', size => {
    fill(2000)
    truncateSync(file, size)
    expectDamaged('')
  })

  it('a page in the middle that was overwritten', () => {
    fill(2000)
    const bytes = readFileSync(file)
    bytes.fill(0xa5, 3 * 4096, 3 * 4096 + 200)
    writeFileSync(file, bytes)
    expectDamaged('')
  })

  it('a row that no Waypost has written', () => {
    fill(3)
    change("PRAGMA ignore_check_constraints = ON; UPDATE claims SET state = 'lost'")
    expectDamaged('CHECK constraint')
  })

  it('a database of another program', () => {
    mkdirSync(directory, { recursive: true })
    change('CREATE TABLE mail (body TEXT)')
    expectDamaged('another program')
  })

  it('tables of a newer version', () => {
    fill(3)
    change('PRAGMA user_version = 3')
    expectDamaged('version 3; this one knows versions 1 to 2')
  })
})

describe('a ledger of version 1', () => {
  it('is brought up to date with its claims, and takes reservations', () => {
    const first = fill(3)
    change(`
      CREATE TABLE old (
        network TEXT NOT NULL, address BLOB NOT NULL CHECK (length(address) = 16),
        kind TEXT NOT NULL CHECK (kind IN ('Service', 'App')), owner TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('bound', 'resting')),
        until INTEGER CHECK ((until IS NULL) = (state = 'bound')),
        placed INTEGER NOT NULL CHECK (placed IN (0, 1)), position INTEGER NOT NULL,
        PRIMARY KEY (network, address)
      ) STRICT, WITHOUT ROWID;
      INSERT INTO old SELECT network, address, kind, owner, state, until, placed, position FROM claims;
      DROP TABLE claims;
      ALTER TABLE old RENAME TO claims;
      PRAGMA user_version = 1;
    `)
    const allocator = open()
    expect(only(allocator.claim([request('s0')])[0])).toBe(first)
    expect(allocator.leases.reserve([request('new')])).toMatchObject([{ ok: true }])
    expect(allocator.stats(NETWORK)).toMatchObject({ bound: 3, reserved: 1 })
    allocator.close()
    const again = open()
    expect(again.stats(NETWORK)).toMatchObject({ bound: 3, reserved: 1 })
    again.close()
  })
})

describe('a data folder that cannot be written is refused', () => {
  const code = 'WAY_DATA_UNWRITABLE'

  it('a file in its place', () => {
    mkdirSync(join(top, 'state'))
    writeFileSync(directory, 'not a folder')
    expect(() => open()).toThrow(refusal(code, directory))
  })

  it('a folder below a file', () => {
    writeFileSync(join(top, 'state'), 'not a folder')
    expect(() => open()).toThrow(refusal(code, directory))
  })

  it('a folder in place of the ledger', () => {
    mkdirSync(file, { recursive: true })
    expect(() => open()).toThrow(refusal(code, directory))
  })

  it.skipIf(process.platform !== 'linux')('a folder that can be made by nobody, root included', () => {
    expect(() => open('/proc/waypost')).toThrow(refusal(code, '/proc/waypost'))
  })

  it.skipIf(!canMount())('a folder on a file system that is read-only (needs root and mount)', () => {
    mkdirSync(directory, { recursive: true })
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
    try {
      fill(3)
      execFileSync(MOUNT, ['-o', 'remount,ro', directory])
      expect(() => open()).toThrow(refusal(code, directory))
      expect(() => open(join(directory, 'below'))).toThrow(refusal(code, directory))
    } finally {
      execFileSync(UMOUNT, ['-l', directory])
    }
  })

  it.skipIf(ROOT)('a folder without write permission (root has it everywhere: not tested)', () => {
    fill(1)
    chmodSync(file, 0o400)
    chmodSync(directory, 0o500)
    expect(() => open()).toThrow(refusal(code, directory))
    chmodSync(directory, 0o700)
  })
})

describe('a ledger whose disk is full', () => {
  it('refuses claims that do not fit, keeps those it answered, and has lost none when it is opened again', () => {
    const allocator = withPool(
      new Allocator(new Ledger(directory, 8), { clock: Date.now, restMs: 600_000, leaseMs: 90_000 }),
    )
    const answered = new Map<string, string>()
    for (let i = 0; i < 100_000; i++) {
      const [result] = allocator.claim([request(`s${i}`)])
      if (result?.ok === false) {
        expect(result).toMatchObject({ code: 'WAY_LEDGER_WRITE', message: expect.stringContaining('disk is full') })
        break
      }
      answered.set(`s${i}`, only(result))
    }
    expect(answered.size).toBeGreaterThan(100)
    const many = Array.from({ length: 1000 }, (_, i) => request(`more${i}`))
    expect(new Set(allocator.claim(many).map(outcome))).toEqual(new Set(['WAY_LEDGER_WRITE']))
    const kept = [...answered.keys()].map(name => request(name))
    expect(allocator.claim(kept).map(only)).toEqual([...answered.values()])
    expect([...allocator.claims()]).toHaveLength(answered.size)
    allocator.close()
    const again = open()
    expect([...again.claims()]).toHaveLength(answered.size)
    expect(again.claim(kept).map(only)).toEqual([...answered.values()])
    expect(again.claim(many).every(result => result.ok)).toBe(true)
    again.close()
  })

  it.skipIf(!canMount())('goes on when there is room again (on a small tmpfs: needs root and mount)', () => {
    mkdirSync(directory, { recursive: true })
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', directory])
    try {
      const allocator = open()
      writeFileSync(join(directory, 'ballast'), Buffer.alloc(600_000))
      let count = 0
      while (allocator.claim([request(`s${count}`)])[0]?.ok) count++
      expect(count).toBeGreaterThan(10)
      expect(outcome(allocator.claim([request(`s${count}`)])[0])).toBe('WAY_LEDGER_WRITE')
      expect(() => allocator.release([{ network: NETWORK, owner: service('s0') }])).toThrow(
        refusal('WAY_LEDGER_WRITE', 'ledger'),
      )
      rmSync(join(directory, 'ballast'))
      expect(allocator.claim([request(`s${count}`)])[0]?.ok).toBe(true)
      allocator.release([{ network: NETWORK, owner: service('s0') }])
      allocator.close()
      const again = open()
      expect([...again.claims()]).toHaveLength(count + 1)
      again.close()
    } finally {
      execFileSync(UMOUNT, ['-l', directory])
    }
  })

  it('refuses to write when its file was removed or replaced under it', () => {
    const allocator = open()
    renameSync(file, `${file}.old`)
    expect(allocator.claim([request('kuard')])[0]).toMatchObject({
      code: 'WAY_LEDGER_WRITE',
      message: expect.stringContaining('removed or replaced'),
    })
    writeFileSync(file, '')
    expect(outcome(allocator.claim([request('kuard')])[0])).toBe('WAY_LEDGER_WRITE')
    renameSync(`${file}.old`, file)
    expect(allocator.claim([request('kuard')])[0]?.ok).toBe(true)
    allocator.close()
    expect(existsSync(`${file}-wal`)).toBe(false)
  })
})

/** Whether this process may mount a tmpfs. */
function canMount(): boolean {
  if (!ROOT || process.platform !== 'linux') return false
  const probe = mkdtempSync(join(tmpdir(), 'waypost-mount-'))
  try {
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe], { stdio: 'ignore' })
    execFileSync(UMOUNT, [probe], { stdio: 'ignore' })
    return true
  } catch {
    return false
  } finally {
    rmSync(probe, { recursive: true })
  }
}
