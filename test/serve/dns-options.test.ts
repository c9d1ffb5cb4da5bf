import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadConfig } from '#src/config.ts'
import type { Certificates } from '#src/dns/messages.ts'
import { DnsOptions } from '#src/serve/dns-options.ts'
import { makeCertificate } from '#support/certificate.ts'
import { fakeSurroundings } from '#support/surroundings.ts'
import { temporaryFolder } from '#support/waypost.ts'

const undo: (() => void)[] = []
afterEach(() => {
  for (const step of undo.splice(0).reverse()) step()
})

const FIRST = makeCertificate('first', 10)
const SECOND = makeCertificate('second', 20)

describe('options of the DNS threads', () => {
  it('that change while the threads start are told when they have started', () => {
    const { path, dispose } = temporaryFolder()
    undo.push(dispose)
    const [cert, key] = [join(path, 'tls.crt'), join(path, 'tls.key')]
    const write = (pair: { cert: string; key: string }): void => {
      writeFileSync(cert, pair.cert)
      writeFileSync(key, pair.key)
    }
    write(FIRST)
    const text = `networks: [{ name: a, cluster: { source: { manifests: m } } }]
dns: { tls: { listen: ["[::1]:0"], cert: ${cert}, key: ${key} } }`
    const config = loadConfig({ file: '/w.yaml', flags: {}, surroundings: fakeSurroundings({ '/w.yaml': text }) })
    const options = new DnsOptions(config, { error: () => undefined })
    undo.push(() => options.stop())
    write(SECOND)
    options.certificates.reload()
    options.reconfigure(config)
    const told: Certificates[] = []
    options.tell({ setCertificates: certificates => told.push(certificates), setResponderOptions: () => undefined })
    expect(told).toEqual([{ tls: SECOND, https: null }])
    write(FIRST)
    options.certificates.reload()
    expect(told.at(-1)).toEqual({ tls: FIRST, https: null })
  })
})
