import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { formatAddress } from '#src/ip/address.ts'
import { Allocator } from '#src/pool/allocator.ts'
import { prefix } from '#support/ip.ts'
import { NETWORK, request, service } from './support.ts'

const CLAIMER = fileURLToPath(new URL('./claimer.ts', import.meta.url))
const ROUNDS = 5

let directory = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waypost-crash-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

function claimer(...args: string[]): ChildProcess {
  return spawn(process.execPath, [CLAIMER, directory, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** The lines of a child that is killed when it has printed so many. */
async function linesUntilKilled(child: ChildProcess, count: number): Promise<string[]> {
  const lines: string[] = []
  if (child.stdout === null) throw new Error('no pipe')
  const exit = once(child, 'exit')
  for await (const line of createInterface(child.stdout)) if (lines.push(line) === count) child.kill('SIGKILL')
  await exit
  return lines
}

function open(): Allocator {
  const allocator = Allocator.open({ directory, clock: Date.now, restMs: 3_600_000, leaseMs: 90_000 })
  allocator.setPools(NETWORK, [prefix('fdaa::/112')])
  return allocator
}

/** What the process said is true; of its last batch, unsaid, all or nothing is there. */
function compare(said: ReadonlyMap<string, string | null>, releasing: ReadonlySet<string>, allocator: Allocator): void {
  for (const [name, address] of said) {
    const held = allocator.addressesOf(NETWORK, service(name)).map(a => formatAddress(a))
    if (releasing.has(name)) continue
    expect(held, name).toEqual(address === null ? [] : [address])
  }
  const rests = [...allocator.claims()].filter(claim => claim.state === 'resting').map(claim => claim.owner.name)
  for (const [name, address] of said) if (address === null) expect(rests).toContain(`default/${name}`)
  const unsaid = [...allocator.claims()].filter(claim => !said.has(claim.owner.name.slice('default/'.length)))
  expect([0, 1, 3]).toContain(unsaid.length)
}

describe('a ledger whose process is killed at any moment', () => {
  it('holds every claim that was answered, once, and every release', { timeout: 60_000 }, async () => {
    const said = new Map<string, string | null>()
    for (let round = 0; round < ROUNDS; round++) {
      const releasing = new Set<string>()
      const lines = await linesUntilKilled(claimer('claim', String(round)), 2 + Math.floor(Math.random() * 400))
      for (const line of lines) {
        const [what = '', name = '', address = ''] = line.split(' ')
        if (what === 'claimed') said.set(name, address)
        if (what === 'released') said.set(name, null)
        if (what === 'releasing') releasing.add(name)
        if (what === 'released') releasing.delete(name)
      }
      const addresses = [...said.values()].filter(address => address !== null)
      expect(new Set(addresses).size).toBe(addresses.length)
      const allocator = open()
      compare(said, releasing, allocator)
      for (const claim of allocator.claims()) {
        const name = claim.owner.name.slice('default/'.length)
        if (!said.has(name) || releasing.has(name))
          said.set(name, claim.state === 'bound' ? formatAddress(claim.address) : null)
      }
      allocator.close()
    }
    expect(said.size).toBeGreaterThan(ROUNDS)
  })

  it('holds every reservation that was answered, for its owner alone', { timeout: 30_000 }, async () => {
    const lines = await linesUntilKilled(claimer('reserve'), 300)
    const said = new Map<string, { address: string; state: string }>()
    for (const line of lines.slice(1)) {
      const [what = '', name = '', address = ''] = line.split(' ')
      said.set(name, { address, state: what === 'claimed' ? 'bound' : 'reserved' })
    }
    const allocator = open()
    const claims = new Map(
      Array.from(allocator.claims(), ({ owner, address, state }) => [
        owner.name.slice('default/'.length),
        { address: formatAddress(address), state },
      ]),
    )
    const addresses = Array.from(claims.values(), ({ address }) => address)
    expect(new Set(addresses).size).toBe(addresses.length)
    for (const [name, { address, state }] of said) {
      expect(claims.get(name)?.address, name).toBe(address)
      // the claim of the last reservation may have been made and not said
      if (state === 'bound') expect(claims.get(name)?.state).toBe('bound')
    }
    const again = allocator.leases.reserve(Array.from(said.keys(), name => request(name)))
    expect(again.map(result => result.ok && formatAddress(result.addresses[0] as Uint8Array))).toEqual(
      Array.from(said.values(), ({ address }) => address),
    )
    allocator.close()
  })

  it('is refused when its file was overwritten, though all of it is in the log that the process left', async () => {
    await linesUntilKilled(claimer('claim'), 20)
    const file = join(directory, 'ledger.db')
    expect(statSync(`${file}-wal`).size).toBeGreaterThan(0)
    writeFileSync(file, 'oops')
    expect(open).toThrow(expect.objectContaining({ code: 'WAY_LEDGER_DAMAGED' }))
    expect(readFileSync(file, 'latin1')).toBe('oops')
  })

  it('is taken over by the next process, and by no other before that', { timeout: 30_000 }, async () => {
    const child = claimer('open')
    if (child.stdout === null) throw new Error('no pipe')
    await once(child.stdout, 'data')
    const refusal = expect.objectContaining({
      code: 'WAY_DATA_IN_USE',
      message: `Cannot use the data folder ${directory}: another process has it open`,
    })
    expect(open).toThrow(refusal)
    expect(open).toThrow(refusal)
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
    const allocator = open()
    expect(open).toThrow(refusal)
    expect(spawnSync(process.execPath, [CLAIMER, directory, 'open'], { timeout: 10_000 }).stderr.toString()).toContain(
      'WAY_DATA_IN_USE',
    )
    expect(allocator.claim([request('kuard')])[0]?.ok).toBe(true)
    allocator.close()
  })
})
