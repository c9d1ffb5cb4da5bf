/**
 * A process that opens the ledger of a folder, tells what it does on stdout, and does it until it is killed:
 * `claimer.ts FOLDER open` holds the folder; `claimer.ts FOLDER claim ROUND` claims and releases without end,
 * `claimer.ts FOLDER reserve` reserves, commits and observes without end.
 */
import { writeSync } from 'node:fs'
import { formatAddress } from '#src/ip/address.ts'
import { Allocator } from '#src/pool/allocator.ts'
import { prefix } from '#support/ip.ts'
import { NETWORK, naming, request, service } from './support.ts'

const [directory = '', mode = '', round = '0'] = process.argv.slice(2)
const allocator = Allocator.open({ directory, clock: Date.now, restMs: 3_600_000, leaseMs: 90_000 })
allocator.setPools(NETWORK, [prefix('fdaa::/112')])
say('open')
if (mode === 'claim') for (let i = 0; ; i++) step(`r${round}-${i}`, i)
else if (mode === 'reserve') for (let i = 0; ; i++) promise(`p${i}`, i)
else setInterval(() => undefined, 1000)

/** One claim alone, or a batch of three, then sometimes the release of one of them. */
function step(name: string, i: number): void {
  const names = i % 3 === 0 ? [`${name}a`, `${name}b`, `${name}c`] : [`${name}a`]
  const results = allocator.claim(names.map(one => request(one)))
  const lines = results.map((result, at) => {
    return `claimed ${names[at]} ${result.ok ? formatAddress(result.addresses[0] as Uint8Array) : result.code}`
  })
  say(lines.join('\n'))
  if (i % 4 !== 3) return
  say(`releasing ${name}a`)
  allocator.release([{ network: NETWORK, owner: service(`${name}a`) }])
  say(`released ${name}a`)
}

/** Two reservations at once, one of which becomes a claim every other time. */
function promise(name: string, i: number): void {
  const names = [`${name}a`, `${name}b`]
  const results = allocator.leases.reserve(names.map(one => request(one)))
  const addresses = results.map(result => (result.ok ? formatAddress(result.addresses[0] as Uint8Array) : result.code))
  say(names.map((one, at) => `reserved ${one} ${addresses[at]}`).join('\n'))
  if (i % 2 === 1) return
  allocator.claim([naming(`${name}a`, [addresses[0] ?? ''])])
  say(`claimed ${name}a ${addresses[0]}`)
}

function say(line: string): void {
  writeSync(1, `${line}\n`)
}
