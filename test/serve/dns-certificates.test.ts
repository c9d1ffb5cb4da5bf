import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Certificates } from '#src/dns/messages.ts'
import { DnsCertificates } from '#src/serve/dns-certificates.ts'
import { makeCertificate } from '#support/certificate.ts'
import { temporaryFolder } from '#support/waypost.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step()
})

const FIRST = makeCertificate('first', 10)
const SECOND = makeCertificate('second', 20)

/** Files of a certificate in a folder of their own. */
function files(): { cert: string; key: string; write(pair: { cert: string; key: string }): void } {
  const { path, dispose } = temporaryFolder()
  undo.push(dispose)
  const [cert, key] = [join(path, 'cert.pem'), join(path, 'key.pem')]
  const write = (pair: { cert: string; key: string }): void => {
    writeFileSync(cert, pair.cert)
    writeFileSync(key, pair.key)
  }
  write(FIRST)
  return { cert, key, write }
}

function open(paths: ReturnType<typeof files>, intervalMs?: number) {
  const changes: Certificates[] = []
  const problems: string[] = []
  const certificates = new DnsCertificates(
    {
      tls: paths,
      https: null,
      onChange: present => changes.push(present),
      onProblem: message => problems.push(message),
    },
    intervalMs,
  )
  undo.push(() => certificates.stop())
  return { certificates, changes, problems }
}

describe('certificates of the DNS listeners', () => {
  it('are read at the start, with the day on which they end', () => {
    const { certificates } = open(files())
    expect(certificates.present).toEqual({ tls: FIRST, https: null })
    const [expiry] = certificates.expiry
    expect(expiry?.labels).toEqual(['tls'])
    expect(Math.abs((expiry?.value ?? 0) - (Date.now() / 1000 + 10 * 86_400))).toBeLessThan(3600)
  })

  it('are read again when they change', async () => {
    const paths = files()
    const { changes } = open(paths, 5)
    paths.write(SECOND)
    await expect.poll(() => changes.at(-1)).toEqual({ tls: SECOND, https: null })
    expect(changes).toHaveLength(1)
  })

  it('stay while the two files do not belong together, which is said once', () => {
    const paths = files()
    const { certificates, changes, problems } = open(paths, 60_000)
    writeFileSync(paths.cert, SECOND.cert)
    certificates.reload()
    certificates.reload()
    expect(certificates.present.tls).toEqual(FIRST)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(`Cannot use the certificate "${paths.cert}"`)
    expect(problems[0]).not.toContain('PRIVATE KEY')
    writeFileSync(paths.key, SECOND.key)
    certificates.reload()
    expect(changes).toEqual([{ tls: SECOND, https: null }])
  })

  it('that cannot be used stop the start', () => {
    const paths = files()
    for (const spoil of [
      () => writeFileSync(paths.cert, 'no certificate'),
      () => paths.write({ cert: FIRST.cert, key: SECOND.key }),
      () => paths.write({ cert: '', key: '' }),
    ]) {
      spoil()
      expect(() => open(paths)).toThrow(expect.objectContaining({ code: 'WAY_DNS_CERTIFICATE' }))
    }
    expect(() => open({ ...paths, cert: '/nowhere' })).toThrow(expect.objectContaining({ code: 'WAY_DNS_CERTIFICATE' }))
  })
})
