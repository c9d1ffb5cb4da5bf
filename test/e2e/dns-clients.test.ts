/** The clients that people use, against the real process: dig, kdig, dnsperf. Each is skipped when it is not there. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type RunningWaypost, startWaypost, temporaryFolder } from '../support/waypost.ts'

const EXAMPLE = fileURLToPath(new URL('../../examples/kuard', import.meta.url))
const KUARD = 'kuard.default.svc.cluster.local'

let server: RunningWaypost
const folder = temporaryFolder()

beforeAll(async () => {
  server = await startWaypost({ args: ['--manifests', EXAMPLE, '--data', join(folder.path, 'data')] })
})
afterAll(async () => {
  await server.end()
  folder.dispose()
})

function has(program: string): boolean {
  return spawnSync('which', [program]).status === 0
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', timeout: 20_000 })
}

function dig(...args: string[]): string {
  return run('dig', '@::1', '-p', String(server.dnsPort), '+tries=1', '+time=2', ...args)
}

function kdig(...args: string[]): string {
  return run('kdig', '@::1', '-p', String(server.dnsPort), '+retry=0', '+time=2', ...args)
}

describe.skipIf(!has('dig'))('dig', () => {
  it('gets an authoritative answer without a warning', () => {
    const text = dig('AAAA', KUARD)
    expect(text).toContain('status: NOERROR')
    expect(text).toMatch(/flags: qr aa rd;/)
    expect(text).toMatch(/ANSWER: 1,/)
    expect(text).toMatch(/IN\s+AAAA\s+fdaa:0:48c8:0:1::/)
    expect(text).not.toMatch(/malformed|Warning.*(malformed|bad)/i)
  })

  it('gets the same over TCP and with every EDNS size', () => {
    const short = dig('+short', 'AAAA', KUARD)
    expect(dig('+short', '+tcp', 'AAAA', KUARD)).toBe(short)
    for (const size of ['0', '512', '4096', '65535'])
      expect(dig('+short', `+bufsize=${size}`, 'AAAA', KUARD)).toBe(short)
    expect(dig('+short', '+noedns', 'AAAA', KUARD)).toBe(short)
  })

  it('sees NODATA with the SOA for the family that a name does not have, and NXDOMAIN for a name that is not', () => {
    const nodata = dig('A', KUARD)
    expect(nodata).toContain('status: NOERROR')
    expect(nodata).toMatch(/ANSWER: 0, AUTHORITY: 1/)
    expect(nodata).toMatch(
      /cluster\.local\.\s+5\s+IN\s+SOA\s+ns\.dns\.cluster\.local\. hostmaster\.cluster\.local\. \d+ 7200 1800 86400 5/,
    )
    expect(dig('AAAA', `missing.${KUARD}`)).toContain('status: NXDOMAIN')
  })

  it('is refused for names of others', () => {
    expect(dig('AAAA', 'www.example.com')).toContain('status: REFUSED')
  })

  it('gets BADVERS for EDNS version 1, and the case that it asked with', () => {
    expect(dig('+edns=1', '+noednsnegotiation', 'AAAA', KUARD)).toContain('BADVERS')
    expect(dig('AAAA', 'KuArD.DeFaUlT.svc.cluster.local')).toContain('KuArD.DeFaUlT.svc.cluster.local.')
  })

  it('finds the PTR by -x', () => {
    const address = dig('+short', 'AAAA', KUARD).trim()
    expect(dig('+short', '-x', address).trim().split('\n')).toEqual([
      `${KUARD}.`,
      'kuard.svc.fks-default-7zyjm3ovpdxmd0ep.flycast.',
    ])
  })

  it('gets SRV with the addresses beside it', () => {
    const text = dig('SRV', `_http._tcp.${KUARD}`)
    expect(text).toMatch(/IN\s+SRV\s+0 \d+ 8080 kuard\.default\.svc\.cluster\.local\./)
    expect(text).toMatch(/ADDITIONAL: 2/)
  })

  it('keeps a TCP connection open for several queries', () => {
    const text = dig('+tcp', '+keepopen', KUARD, 'AAAA', 'dns-version.cluster.local', 'TXT', KUARD, 'A')
    expect(text).toContain('"1.1.0"')
    expect(text.match(/status: NOERROR/g)).toHaveLength(3)
  })

  it('resolves localhost from the zones of the package', () => {
    expect(dig('+short', 'AAAA', 'localhost').trim()).toBe('::1')
  })
})

describe.skipIf(!has('kdig'))('kdig', () => {
  it('agrees with dig', () => {
    const text = kdig('AAAA', KUARD)
    expect(text).toContain('status: NOERROR')
    expect(text).toMatch(/AAAA\s+fdaa:0:48c8:0:1::/)
    expect(text).not.toMatch(/WARNING|;; ERROR/)
  })

  it('gets HINFO for ANY (RFC 8482)', () => {
    expect(kdig('ANY', KUARD)).toMatch(/HINFO\s+"RFC8482"/)
  })
})

describe.skipIf(!has('dnsperf'))('dnsperf', () => {
  it('loses no query', () => {
    const queries = join(folder.path, 'queries')
    writeFileSync(
      queries,
      [`${KUARD} AAAA`, `${KUARD} A`, `missing.${KUARD} AAAA`, `_http._tcp.${KUARD} SRV`].join('\n'),
    )
    const text = run('dnsperf', '-s', '::1', '-p', String(server.dnsPort), '-d', queries, '-n', '2000', '-Q', '20000')
    expect(text).toMatch(/Queries lost:\s+0 /)
    expect(text).toMatch(/NOERROR 6000 \(75\.00%\)/)
  })
})
