import { KeyObject, webcrypto, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { CertificateKeeper } from '#src/admission/certificates/authority.ts'
import { watchCertificateFiles } from '#src/admission/certificates/files.ts'
import {
  AUTHORITY_LIFE,
  issueServing,
  type KeyedCertificate,
  makeAuthority,
  SERVING_LIFE,
} from '#src/admission/certificates/issue.ts'
import { ADMISSION_PATH, buildListener, setCertificate } from '#src/admission/listener.ts'
import { FakeCluster } from './fake-cluster.ts'
import type { Json } from './support.ts'

const SECRET = '/api/v1/namespaces/waypost-system/secrets/waypost-ca'
const CONFIGURATION = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/waypost'
const NAMES = ['waypost.waypost-system.svc', '::1', '127.0.0.1']
const DAY = 86_400_000

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

/** An authority such as other tools make. */
async function makeRsaAuthority(): Promise<KeyedCertificate> {
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const signingAlgorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  const kind = { ...signingAlgorithm, modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) }
  const keys = await webcrypto.subtle.generateKey(kind, true, ['sign', 'verify'])
  const extensions = [new x509.BasicConstraintsExtension(true, 0, true)]
  const dates = { notBefore: new Date(Date.now() - DAY), notAfter: new Date(Date.now() + 300 * DAY) }
  const name = 'CN=foreign'
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    ...dates,
    signingAlgorithm,
    keys,
    extensions,
  })
  const key = KeyObject.from(keys.privateKey as CryptoKey).export({ type: 'pkcs8', format: 'pem' })
  return { cert: made.toString('pem'), key: String(key) }
}

/** A replica with a clock that the test moves. */
class Replica {
  readonly issued: KeyedCertificate[] = []
  readonly said: string[] = []
  now = Date.now()
  readonly keeper: CertificateKeeper

  constructor(...clusters: FakeCluster[]) {
    const note = (fields: object): void => void this.said.push((fields as { event: string }).event)
    this.keeper = new CertificateKeeper({
      clients: clusters.map(cluster => () => Promise.resolve(cluster)),
      secret: 'waypost-ca',
      webhook: 'waypost',
      names: () => NAMES,
      clock: () => this.now,
      onCertificate: certificate => this.issued.push(certificate),
      log: { info: note, warn: note },
    })
  }

  get serving(): X509Certificate {
    return new X509Certificate(this.issued.at(-1)?.cert ?? '')
  }
}

function configure(cluster: FakeCluster): void {
  const webhook = (name: string): Json => ({ name, clientConfig: { service: { name: 'waypost' } } })
  cluster.put(CONFIGURATION, { metadata: { name: 'waypost' }, webhooks: [webhook('a'), webhook('b')] })
}

function bundlesOf(cluster: FakeCluster): string[] {
  const webhooks = cluster.get(CONFIGURATION)['webhooks'] as { clientConfig: { caBundle: string } }[]
  return webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle ?? '', 'base64').toString())
}

function authoritiesOf(bundle: string): X509Certificate[] {
  return (bundle.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----/g) ?? []).map(pem => new X509Certificate(pem))
}

/** Whether a bundle believes a certificate, by its signature. */
function isBelieved(certificate: X509Certificate, cluster: FakeCluster): boolean {
  return authoritiesOf(bundlesOf(cluster)[0] ?? '').some(ca => certificate.verify(ca.publicKey))
}

describe('a certificate that Waypost makes', () => {
  it('is an authority of a year, and serving certificates for the names that are asked for', async () => {
    const now = Date.now()
    const authority = await makeAuthority(now)
    const ca = new X509Certificate(authority.cert)
    expect(ca.ca).toBe(true)
    expect(ca.validToDate.getTime()).toBeCloseTo(now + AUTHORITY_LIFE, -4)
    const serving = new X509Certificate((await issueServing(authority, NAMES, now)).cert)
    expect(serving.checkIssued(ca)).toBe(true)
    expect(serving.verify(ca.publicKey)).toBe(true)
    expect(serving.ca).toBe(false)
    expect(serving.subjectAltName).toBe(
      'DNS:waypost.waypost-system.svc, IP Address:0:0:0:0:0:0:0:1, IP Address:127.0.0.1',
    )
    expect(serving.validToDate.getTime()).toBeCloseTo(now + SERVING_LIFE, -4)
    expect(serving.validFromDate.getTime()).toBeLessThan(now - 1_800_000)
  })

  it('does not outlive its authority', async () => {
    const authority = await makeAuthority(Date.now())
    const serving = await issueServing(authority, NAMES, Date.now() + AUTHORITY_LIFE - DAY)
    expect(new X509Certificate(serving.cert).validTo).toBe(new X509Certificate(authority.cert).validTo)
  })
})

describe('replicas that share an authority', () => {
  it('make one, whoever is faster, and put it into every webhook of every cluster', async () => {
    const [first, second] = [new FakeCluster(), new FakeCluster()]
    for (const cluster of [first, second]) configure(cluster)
    const replicas = [new Replica(first, second), new Replica(first, second)]
    await Promise.all(replicas.map(({ keeper }) => keeper.pass()))
    const bundles = [...bundlesOf(first), ...bundlesOf(second)]
    expect(new Set(bundles).size).toBe(1)
    expect(authoritiesOf(bundles[0] ?? '')).toHaveLength(1)
    for (const { serving } of replicas) expect(isBelieved(serving, first)).toBe(true)
    expect(replicas[0]?.serving.serialNumber).not.toBe(replicas[1]?.serving.serialNumber)
    expect((first.get(SECRET)['metadata'] as Json)['labels']).toMatchObject({ 'app.kubernetes.io/name': 'waypost' })
    expect(second.objects.has(SECRET)).toBe(false)
  })

  it('write nothing when all is as it should be', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const replica = new Replica(cluster)
    await replica.keeper.pass()
    cluster.requests.length = 0
    await replica.keeper.pass()
    expect(cluster.requests).toEqual([`GET ${SECRET}`, `GET ${CONFIGURATION}`])
    expect(replica.issued).toHaveLength(1)
  })

  it('mend a bundle that was overwritten and a Secret that was deleted or is nonsense', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const replica = new Replica(cluster)
    await replica.keeper.pass()
    configure(cluster)
    await replica.keeper.pass()
    expect(isBelieved(replica.serving, cluster)).toBe(true)
    expect(replica.issued).toHaveLength(1)
    cluster.objects.delete(SECRET)
    await replica.keeper.pass()
    expect(replica.issued).toHaveLength(2)
    expect(isBelieved(replica.serving, cluster)).toBe(true)
    cluster.put(SECRET, { metadata: { name: 'waypost-ca' }, data: { 'ca.crt': 'bm9uc2Vuc2U=' } })
    await replica.keeper.pass()
    expect(isBelieved(replica.serving, cluster)).toBe(true)
  })

  it('make an authority in place of one whose key is of another kind', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const foreign = await makeRsaAuthority()
    const encoded = (text: string): string => Buffer.from(text).toString('base64')
    const data = { 'ca.crt': encoded(foreign.cert), 'ca.key': encoded(foreign.key) }
    cluster.put(SECRET, { metadata: { name: 'waypost-ca' }, data })
    const replica = new Replica(cluster)
    await replica.keeper.pass()
    expect(isBelieved(replica.serving, cluster)).toBe(true)
  })

  it('sign a new serving certificate when a third of its life is left', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const replica = new Replica(cluster)
    await replica.keeper.pass()
    replica.now += SERVING_LIFE / 2
    await replica.keeper.pass()
    expect(replica.issued).toHaveLength(1)
    replica.now += SERVING_LIFE / 4
    await replica.keeper.pass()
    expect(replica.issued).toHaveLength(2)
    expect(replica.serving.validToDate.getTime()).toBeGreaterThan(replica.now + SERVING_LIFE - DAY)
  })

  it('change the authority with an overlap in which both are believed', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const [a, b] = [new Replica(cluster), new Replica(cluster)]
    for (const { keeper } of [a, b]) await keeper.pass()
    for (let day = 0; day < 800; day += 5) {
      for (const replica of [a, b]) {
        replica.now += 5 * DAY
        // the other one has not noticed yet
        await replica.keeper.pass()
        for (const { serving, now } of [a, b]) {
          expect(isBelieved(serving, cluster)).toBe(true)
          expect(serving.validToDate.getTime()).toBeGreaterThan(now)
        }
      }
    }
    const authorities = authoritiesOf(bundlesOf(cluster)[0] ?? '')
    expect(authorities.length).toBeLessThanOrEqual(2)
    expect(authorities[0]?.validToDate.getTime()).toBeGreaterThan(a.now)
    expect(a.said.filter(event => event === 'authority_made').length).toBeGreaterThan(1)
  })

  it('serve what the former authority signed until the new bundle was seen', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const replica = new Replica(cluster)
    await replica.keeper.pass()
    replica.now += 250 * DAY
    // its serving certificate is renewed in time, by the authority that is still young enough
    const again = new Replica(cluster)
    again.now = Date.now() + 240 * DAY
    await again.keeper.pass()
    const before = again.serving.serialNumber
    again.now += 10 * DAY
    await again.keeper.pass()
    expect(authoritiesOf(bundlesOf(cluster)[0] ?? '')).toHaveLength(2)
    expect(again.serving.serialNumber).toBe(before)
    await again.keeper.pass()
    expect(again.serving.serialNumber).not.toBe(before)
  })

  it('begin without a webhook configuration and say once that there is none', async () => {
    const cluster = new FakeCluster()
    const replica = new Replica(cluster)
    await replica.keeper.pass()
    await replica.keeper.pass()
    expect(replica.issued).toHaveLength(1)
    expect(replica.said.filter(event => event === 'webhook_missing')).toHaveLength(1)
    configure(cluster)
    await replica.keeper.pass()
    expect(isBelieved(replica.serving, cluster)).toBe(true)
  })

  it('look again soon for a webhook configuration that is not there', async () => {
    const cluster = new FakeCluster()
    const replica = new Replica(cluster)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    cleanUps.push(() => vi.useRealTimers())
    await replica.keeper.start()
    configure(cluster)
    await vi.advanceTimersByTimeAsync(5000)
    vi.useRealTimers()
    await vi.waitFor(() => expect(isBelieved(replica.serving, cluster)).toBe(true), { timeout: 5000 })
    replica.keeper.stop()
  })

  it('try again while the API server does not answer or refuses', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const replica = new Replica(cluster)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    cleanUps.push(() => vi.useRealTimers())
    cluster.down = true
    await replica.keeper.start()
    expect(replica.said).toEqual(['certificate_problem'])
    cluster.down = false
    await vi.advanceTimersByTimeAsync(5000)
    vi.useRealTimers()
    await vi.waitFor(() => expect(replica.issued).toHaveLength(1), { timeout: 5000 })
    replica.keeper.stop()
  })

  it('try again after a pass that failed as nobody expected', async () => {
    const cluster = new FakeCluster()
    configure(cluster)
    const replica = new Replica(cluster)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    cleanUps.push(() => vi.useRealTimers())
    const request = vi.spyOn(cluster, 'request').mockRejectedValue(new RangeError('a defect'))
    await replica.keeper.start()
    expect(replica.said).toEqual(['certificate_problem'])
    request.mockRestore()
    await vi.advanceTimersByTimeAsync(5000)
    vi.useRealTimers()
    await vi.waitFor(() => expect(replica.issued).toHaveLength(1), { timeout: 5000 })
    replica.keeper.stop()
  })
})

describe('certificates from files', () => {
  async function files(): Promise<{ cert: string; key: string; write: (pair: Partial<KeyedCertificate>) => void }> {
    const folder = mkdtempSync(join(tmpdir(), 'waypost-certificate-'))
    cleanUps.push(() => rmSync(folder, { recursive: true }))
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')]
    const write = (pair: Partial<KeyedCertificate>): void => {
      if (pair.cert !== undefined) writeFileSync(cert, pair.cert)
      if (pair.key !== undefined) writeFileSync(key, pair.key)
    }
    write(await issueServing(await makeAuthority(Date.now()), NAMES, Date.now()))
    return { cert, key, write }
  }

  it('are taken over when both have changed, and not when they do not fit', async () => {
    const { cert, key, write } = await files()
    const seen: KeyedCertificate[] = []
    const problems: string[] = []
    const stop = watchCertificateFiles({
      cert,
      key,
      intervalMs: 5,
      onCertificate: pair => seen.push(pair),
      onProblem: message => problems.push(message),
    })
    cleanUps.push(stop)
    expect(seen).toHaveLength(1)
    const next = await issueServing(await makeAuthority(Date.now()), NAMES, Date.now())
    write({ cert: next.cert })
    await vi.waitFor(() => expect(problems).toHaveLength(1))
    expect(seen).toHaveLength(1)
    write({ key: next.key })
    await vi.waitFor(() => expect(seen).toHaveLength(2))
    expect(seen[1]).toEqual(next)
    expect(problems).toHaveLength(1)
  })

  it('end the start when they cannot be used', () => {
    const options = { cert: '/nowhere/tls.crt', key: '/nowhere/tls.key', intervalMs: 5 }
    expect(() =>
      watchCertificateFiles({ ...options, onCertificate: () => undefined, onProblem: () => undefined }),
    ).toThrow(expect.objectContaining({ code: 'WAY_ADMISSION_CERTIFICATE' }))
  })
})

describe('a listener with TLS', () => {
  it('takes another certificate into use without dropping a connection', async () => {
    const authority = await makeAuthority(Date.now())
    const [first, second] = [
      await issueServing(authority, NAMES, Date.now()),
      await issueServing(authority, NAMES, Date.now()),
    ]
    const app = buildListener({
      tls: {},
      logger: { error: () => undefined },
      review: () => Promise.resolve({ answered: true }),
    })
    cleanUps.push(() => app.close())
    setCertificate(app, first)
    await app.listen({ host: '::1', port: 0 })
    const { port } = app.server.address() as { port: number }

    const old = await open(port, authority)
    expect(old.serial).toBe(new X509Certificate(first.cert).serialNumber)
    expect(await old.ask()).toContain('{"answered":true}')
    setCertificate(app, second)
    const young = await open(port, authority)
    expect(young.serial).toBe(new X509Certificate(second.cert).serialNumber)
    expect(await old.ask()).toContain('{"answered":true}')
    expect(await young.ask()).toContain('{"answered":true}')
    await expect(open(port, await makeAuthority(Date.now()))).rejects.toThrow()
  })
})

interface Connection {
  readonly serial: string
  ask(): Promise<string>
}

/** A connection that stays, on which reviews are sent. */
async function open(port: number, authority: KeyedCertificate): Promise<Connection> {
  const socket = connect({ host: '::1', port, ca: authority.cert, servername: 'waypost.waypost-system.svc' })
  cleanUps.push(() => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  return {
    serial: socket.getPeerCertificate().serialNumber,
    ask: () =>
      new Promise((resolve, reject) => {
        let text = ''
        const take = (chunk: Buffer): void => {
          text += chunk.toString()
          if (!text.endsWith('}')) return
          socket.off('data', take)
          resolve(text)
        }
        socket.on('data', take)
        socket.once('error', reject)
        const head = 'content-type: application/json\r\ncontent-length: 2\r\n\r\n{}'
        socket.write(`POST ${ADMISSION_PATH} HTTP/1.1\r\nhost: waypost\r\n${head}`)
      }),
  }
}
