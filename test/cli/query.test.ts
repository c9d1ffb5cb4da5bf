import { afterEach, describe, expect, it } from 'vitest'
import { parseAddress } from '#src/ip/address.ts'
import { parseName } from '#src/wire/name.ts'
import { RCODE, TYPE } from '#src/wire/record-type.ts'
import { type Answer, type FakeDnsServer, record, respond, startFakeDnsServer } from '#support/dns-server.ts'
import { type CommandResult, runFake } from '#support/fake-io.ts'

let server: FakeDnsServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

/** Runs `waypost query` against a server that answers so. */
async function query(answer: Answer, ...args: string[]): Promise<CommandResult> {
  server = await startFakeDnsServer(answer)
  return await runFake(['query', ...args, '--server', `[::1]:${server.port}`, '--timeout', '50ms'])
}

const ADDRESS = parseAddress('fdaa:0:48c8:0:1::1a') ?? new Uint8Array()
const aaaa = record(TYPE.AAAA, ADDRESS)

describe('waypost query', () => {
  it('prints the sections as dig does', async () => {
    const { status, out } = await query(
      q => respond(q, { flags: 0x04, answers: [aaaa] }),
      'kuard.default.svc.cluster.local',
    )
    expect(status).toBe(0)
    expect(out).toMatch(/^;; opcode: QUERY, status: NOERROR, id: \d+; flags: qr aa\n/)
    expect(out).toContain('\n;kuard.default.svc.cluster.local. IN AAAA\n')
    expect(out).toContain('\n;; ANSWER SECTION:\nkuard.default.svc.cluster.local. 5 IN AAAA fdaa:0:48c8:0:1::1a\n')
    expect(out).toMatch(/;; \d+ octets over UDP from \[::1\]:\d+ in [\d.]+ ms\n$/)
  })

  it('asks over TCP when the answer was cut', async () => {
    const asked: string[] = []
    const { out } = await query((q, transport) => {
      asked.push(transport)
      return transport === 'UDP' ? respond(q, { flags: 0x02 }) : respond(q, { answers: [aaaa] })
    }, 'a.example')
    expect(asked).toEqual(['UDP', 'TCP'])
    expect(out).toContain('over TCP from')
    expect(out).toContain('AAAA fdaa:0:48c8:0:1::1a')
  })

  it('asks over TCP alone when told to', async () => {
    const asked: string[] = []
    await query(
      (q, transport) => {
        asked.push(transport)
        return respond(q, {})
      },
      'a.example',
      '--tcp',
    )
    expect(asked).toEqual(['TCP'])
  })

  it('prints every type it knows, and others by RFC 3597', async () => {
    const target = parseName('b.example')
    const answers = [
      record(TYPE.A, Uint8Array.of(192, 0, 2, 1)),
      record(TYPE.CNAME, target),
      record(TYPE.MX, Uint8Array.of(0, 10, ...target)),
      record(TYPE.SRV, Uint8Array.of(0, 0, 0, 100, 31, 144, ...target)),
      record(TYPE.TXT, Uint8Array.of(2, 0x61, 0x22, 1, 0x5c)),
      record(TYPE.SOA, Uint8Array.of(...target, ...target, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5)),
      record(TYPE.CAA, Uint8Array.of(0, 5, ...Buffer.from('issuex'))),
      record(TYPE.HINFO, Uint8Array.of(7, ...Buffer.from('RFC8482'), 0)),
      record(TYPE.DNAME, target),
      record(65280, Uint8Array.of(1, 2)),
      record(65281, new Uint8Array()),
    ]
    const { out } = await query(q => respond(q, { answers }), 'a.example', 'TYPE65280')
    const data = [...out.matchAll(/^a\.example\. 5 IN (.*)$/gm)].map(match => match[1])
    expect(data).toEqual([
      'A 192.0.2.1',
      'CNAME b.example.',
      'MX 10 b.example.',
      'SRV 0 100 8080 b.example.',
      'TXT "a\\"" "\\\\"',
      'SOA b.example. b.example. 1 2 3 4 5',
      'CAA 0 issue "x"',
      'HINFO "RFC8482" ""',
      'DNAME b.example.',
      'TYPE65280 \\# 2 0102',
      'TYPE65281 \\# 0',
    ])
  })

  it('asks for the PTR record of an address', async () => {
    const { out } = await query(q => respond(q, { rcode: RCODE.NXDOMAIN }), '2001:db8::1')
    expect(out).toContain('status: NXDOMAIN')
    expect(out).toMatch(/\n;1\.0\.0\..*\.8\.b\.d\.0\.1\.0\.0\.2\.ip6\.arpa\. IN PTR\n/)
  })

  it('prints JSON', async () => {
    const { out } = await query(q => respond(q, { answers: [aaaa] }), 'a.example', '--json')
    expect(JSON.parse(out)).toMatchObject({
      status: 'NOERROR',
      question: [{ name: 'a.example.', type: 'AAAA' }],
      answer: [{ name: 'a.example.', ttl: 5, type: 'AAAA', data: 'fdaa:0:48c8:0:1::1a' }],
      transport: 'UDP',
    })
  })

  it('asks again when nothing comes, ignores answers to others, and gives up', async () => {
    let asked = 0
    const { status, error } = await query(q => {
      asked++
      const other = respond(q, {})
      other[0] = (other[0] ?? 0) ^ 1
      return other
    }, 'a.example')
    expect(asked).toBe(3)
    expect(status).toBe(1)
    expect(error).toMatch(
      /^waypost: Cannot query \[::1\]:\d+ over UDP: no answer after 3 tries of 50 ms \(WAY_QUERY_FAILED\)\n$/,
    )
  })

  it.each([
    [['a..b'], 'empty label'],
    [['a\\.b'], 'escapes'],
    [['a', 'BOGUS'], 'type "BOGUS"'],
    [['a', '--server', '::1:53:x'], '--server'],
    [['a', '--timeout', 'soon'], '--timeout'],
    [['a', 'A', 'b'], 'too many arguments'],
    [[], 'name'],
  ])('%j is a usage error', async (args, words) => {
    const { status, error } = await runFake(['query', ...args])
    expect(status).toBe(2)
    expect(error).toMatch(/^waypost: .* \(WAY_USAGE\)\n$/)
    expect(error).toContain(words)
  })
})
