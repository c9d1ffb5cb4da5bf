/** Zone files as NSD reads them: its zone checker accepts what we ship, and prints the records that we read. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { formatName } from '#src/wire/name.ts'
import { originOfFile } from '#src/zone/load.ts'
import { shippedTexts } from '#support/shipped-zones.ts'
import { ROOT } from '#support/source-tree.ts'
import { recordLines } from '#support/zone-text.ts'

const CHECKER = 'nsd-checkzone'
// Name servers are installed in /usr/sbin, which is not on everybody's PATH.
const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin` }
const isMissing = spawnSync(CHECKER, ['-h'], { env }).error !== undefined

/** Everything that a master file can have, in unusual forms. */
const ZONE = String.raw`
$TTL 1h
@ IN SOA ns host\.master ( 1 2h 30m 2w 300 ) ; comment
  IN NS ns
ns 300 IN A 192.0.2.1
ns IN 300 AAAA 2001:db8::FFFF:0:1
a\.b\032c TXT "x;y" z\"w "" \065\200 ( "more"
   words )
mx MX 10 mail
  MX 20 .
srv SRV 1 2 3 @
caa CAA 0 issue "ca.example; a=b"
https HTTPS 1 . alpn=h2,h3 ipv4hint=1.2.3.4,5.6.7.8 key667="hello\210 qoo" port="443"
svcb SVCB 16 foo.example.org. alpn="f\\\\oo\\,bar,h2" mandatory=alpn
ds DS 60485 5 1 ( 2BB183AF5F22588179A53B0A
  98631FAD1A292118 )
ds NS ns
un TYPE65280 \# 4 ( de ad
 be ef )
un TYPE65281 \# 0
kn A \# 4 01020304
naptr NAPTR 100 10 "u" "E2U+sip" "!^.*$!sip:info@example.com!" .
ssh SSHFP 4 2 ( ${'aabb ccdd '.repeat(8)} )
tlsa TLSA 3 1 1 ${'aabbccdd'.repeat(8)}
hinfo HINFO PC "Linux 6"
dn DNAME example.net.
$ORIGIN sub.example.org.
x CNAME y
* TXT wild
  TXT wild2
$ORIGIN example.org.
z 1W2D3H4M5S A 1.2.3.4
`

/** Runs the checker on a file; what it prints is the zone and its own last line. */
function check(origin: string, path: string, cwd: string): { readonly status: number | null; readonly text: string } {
  const { status, stdout } = spawnSync(CHECKER, ['-p', origin, path], { cwd, env, encoding: 'latin1' })
  const lines = stdout.split('\n').filter(line => !line.startsWith('zone '))
  return { status, text: lines.join('\n') }
}

const lower = (lines: readonly string[]) => lines.map(line => line.toLowerCase()).sort()

describe.skipIf(isMissing)('nsd-checkzone', () => {
  it('prints the records that we read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'waypost-nsd-'))
    try {
      writeFileSync(join(folder, 'example.org.zone'), ZONE)
      const { status, text } = check('example.org', 'example.org.zone', folder)
      expect(status).toBe(0)
      expect(lower(recordLines(ZONE))).toHaveLength(25)
      expect(lower(recordLines(ZONE))).toEqual(lower(recordLines(text)))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('accepts every zone that is shipped', () => {
    const folder = join(ROOT, 'zones')
    const files = [...shippedTexts.keys()].filter(file => file.endsWith('.zone'))
    const refused = files.filter(file => {
      const origin = /^\$ORIGIN (\S+)$/m.exec(readFileSync(join(folder, file), 'utf8'))?.[1]
      return check(origin ?? formatName(originOfFile(file)), file, folder).status !== 0
    })
    expect(refused).toEqual([])
  })
})
