import { describe, expect, it } from 'vitest'
import type { Finding } from '#src/admission/cluster/findings.ts'
import { MAX_RESERVED } from '#src/admission/webhook.ts'
import { address } from '#support/ip.ts'
import {
  type Fixture,
  fixture,
  LEASE,
  NETWORK,
  naming,
  only,
  service as owner,
  request,
  states,
} from '../pool/support.ts'
import { type Answer, annotationOf, ask, type Json, review, service, specOf, webhookOf } from './support.ts'

/** Where `default/kuard` is placed. */
const HOME = only(fixture().claim(request('kuard'))[0])
const ANNOTATED = { annotations: { 'fly.io/clusterip-allocator': 'configured' } }

async function create(spec: Json, fix: Fixture = fixture(), metadata: Json = {}): Promise<Answer> {
  return await ask(webhookOf(fix), review(service('kuard', spec, metadata)))
}

async function update(before: Json, after: Json, fix: Fixture = fixture(), metadata: Json = {}): Promise<Answer> {
  return await ask(webhookOf(fix), review(service('kuard', after, metadata), service('kuard', before, ANNOTATED)))
}

function expectPassed(answer: Answer): void {
  expect(answer.response).toEqual({ uid: expect.any(String), allowed: true })
}

describe('a Service that is created', () => {
  it('gets an IPv6 address of the pool, alone, and the annotation', async () => {
    const fix = fixture()
    const body = review(service('kuard'))
    const answer = await ask(webhookOf(fix), body)
    expect(specOf(answer)).toMatchObject({
      clusterIP: HOME,
      clusterIPs: [HOME],
      ipFamilies: ['IPv6'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
    })
    expect(annotationOf(answer)).toBe('configured')
    expect(answer.response['uid']).toBe((body['request'] as Json)['uid'])
    expect(states(fix)).toEqual([`${HOME} default/kuard reserved`])
  })

  it('keeps its other annotations, and gets the map when it has none', async () => {
    const some = await create({}, fixture(), { annotations: { 'a/b~c': 'd' } })
    expect(some.object['metadata']).toMatchObject({ annotations: { 'a/b~c': 'd', ...ANNOTATED.annotations } })
    expect(some.patch.at(-1)?.path).toBe('/metadata/annotations/fly.io~1clusterip-allocator')
    for (const annotations of [undefined, null, {}]) {
      expect(annotationOf(await create({}, fixture(), { annotations }))).toBe('configured')
    }
  })

  it('is answered when its spec is missing, as for any other default', async () => {
    const answer = await ask(webhookOf(fixture()), review({ metadata: { name: 'kuard', namespace: 'default' } }))
    expect(specOf(answer)).toMatchObject({ clusterIP: HOME, clusterIPs: [HOME] })
  })

  it('gets the same address again when the request is repeated, and keeps the lease alive', async () => {
    const fix = fixture()
    const webhook = webhookOf(fix)
    await ask(webhook, review(service('kuard')))
    fix.now += LEASE - 1
    expect(specOf(await ask(webhook, review(service('kuard'))))).toMatchObject({ clusterIP: HOME })
    expect([...fix.allocator.claims()]).toMatchObject([{ until: fix.now + LEASE }])
  })

  it.each([
    ['RequireDualStack', undefined, ['IPv6']],
    ['PreferDualStack', undefined, ['IPv6']],
    ['PreferDualStack', ['IPv6', 'IPv4'], ['IPv6', 'IPv4']],
    ['RequireDualStack', ['IPv6', 'IPv4'], ['IPv6', 'IPv4']],
    ['SingleStack', ['IPv6'], ['IPv6']],
  ])('leaves IPv4 to the API server: %s %j', async (ipFamilyPolicy, ipFamilies, families) => {
    const answer = await create({ ipFamilyPolicy, ipFamilies })
    expect(specOf(answer)).toMatchObject({ clusterIPs: [HOME], ipFamilies: families, ipFamilyPolicy })
  })

  it.each([
    ['IPv4 first', { ipFamilies: ['IPv4', 'IPv6'], ipFamilyPolicy: 'RequireDualStack' }],
    ['IPv4 alone', { ipFamilies: ['IPv4'] }],
    ['headless', { clusterIP: 'None' }],
    ['headless, in both fields', { clusterIP: 'None', clusterIPs: ['None'] }],
    ['ExternalName', { type: 'ExternalName', externalName: 'example.org' }],
    ['ExternalName with an address, which the API server refuses', { type: 'ExternalName', clusterIP: 'fdaa::1' }],
    ['two families without a policy, which the API server refuses', { ipFamilies: ['IPv6', 'IPv4'] }],
    [
      'two addresses without a policy, which the API server refuses',
      { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fdaa::2'] },
    ],
    ['IPv4 with leading zeros, which only some API servers take', { clusterIP: '010.000.000.001' }],
  ])('is let through as it is: %s', async (_, spec) => {
    const fix = fixture()
    expectPassed(await create(spec, fix))
    expect(states(fix)).toEqual([])
  })

  it('is let through while it is being deleted', async () => {
    expectPassed(await create({}, fixture(), { deletionTimestamp: '2026-11-20T08:00:00Z' }))
  })
})

describe('a Service that names its address', () => {
  it('keeps the text as it is, and is claimed and annotated', async () => {
    const fix = fixture()
    const answer = await create({ clusterIP: 'FDAA::0:7' }, fix)
    expect(specOf(answer)).toMatchObject({
      clusterIP: 'FDAA::0:7',
      clusterIPs: ['FDAA::0:7'],
      ipFamilies: ['IPv6'],
      ipFamilyPolicy: 'SingleStack',
    })
    expect(annotationOf(answer)).toBe('configured')
    expect(states(fix)).toEqual(['fdaa::7 default/kuard reserved'])
  })

  it('may name two, or one of IPv4', async () => {
    const fix = fixture()
    const spec = { clusterIP: '10.0.0.9', clusterIPs: ['10.0.0.9', 'fdaa::7'], ipFamilyPolicy: 'RequireDualStack' }
    expect(specOf(await create(spec, fix))).toMatchObject({ ...spec, ipFamilies: ['IPv4', 'IPv6'] })
    expect(states(fix)).toEqual(['10.0.0.9 default/kuard reserved', 'fdaa::7 default/kuard reserved'])
    expect(specOf(await create({ clusterIP: '10.0.0.8' }))).toMatchObject({
      clusterIPs: ['10.0.0.8'],
      ipFamilies: ['IPv4'],
    })
  })

  it.each([
    [{ clusterIP: '10.0.0.9', ipFamilyPolicy: 'RequireDualStack' }, ['10.0.0.9', HOME]],
    [{ clusterIP: '10.0.0.9', ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] }, ['10.0.0.9', HOME]],
    [{ clusterIP: '10.0.0.9', ipFamilyPolicy: 'PreferDualStack' }, ['10.0.0.9']],
    [{ clusterIP: 'fdaa::7', ipFamilyPolicy: 'RequireDualStack' }, ['fdaa::7']],
  ])('gets a second one of IPv6 when it asks for it: %j', async (spec, clusterIPs) => {
    const answer = await create(spec)
    expect(specOf(answer)).toMatchObject({ clusterIP: spec.clusterIP, clusterIPs })
    expect((specOf(answer)['ipFamilies'] as string[]).slice(0, clusterIPs.length)).toEqual(
      clusterIPs.map(text => (text.includes(':') ? 'IPv6' : 'IPv4')),
    )
  })

  it('is left to the API server when somebody has the address', async () => {
    const fix = fixture()
    fix.claim(naming('holder', ['fdaa::7']))
    expectPassed(await create({ clusterIP: 'fdaa::7' }, fix))
    fix.allocator.mark(NETWORK, address('fdaa::8'), { owner: null })
    expectPassed(await create({ clusterIP: 'fdaa::8' }, fix))
    expect(states(fix)).toEqual(['fdaa::7 default/holder bound'])
  })
})

describe('a Service that is there already', () => {
  it('is left to the API server, which says so: with the address that it has, it would say "already allocated"', async () => {
    const fix = fixture()
    fix.claim(naming('kuard', [HOME]))
    expectPassed(await create({}, fix))
    expect(states(fix)).toEqual([`${HOME} default/kuard bound`])
  })
})

describe('a Service without a name', () => {
  it('gets an address of its own for each request, which the Service that lists it takes over', async () => {
    const fix = fixture()
    const webhook = webhookOf(fix)
    const nameless = (): Json => {
      const object = service('', {}, { generateName: 'kuard-' })
      delete (object['metadata'] as Json)['name']
      return review(object)
    }
    const body = nameless()
    const first = String(specOf(await ask(webhook, body))['clusterIP'])
    expect(specOf(await ask(webhook, body))['clusterIP']).toBe(first)
    const second = String(specOf(await ask(webhook, nameless()))['clusterIP'])
    expect(second).not.toBe(first)
    const { uid } = body['request'] as { uid: string }
    expect(states(fix)).toContain(`${first} default/kuard-{${uid}} reserved`)
    fix.claim(naming('kuard-x7k2p', [first]))
    expect(states(fix)).toContain(`${first} default/kuard-x7k2p bound`)
    expect(fix.allocator.stats(NETWORK)).toMatchObject({ bound: 1, reserved: 1 })
  })
})

describe('a Service that is updated', () => {
  const HELD = { clusterIP: HOME, clusterIPs: [HOME], ipFamilies: ['IPv6'], ipFamilyPolicy: 'SingleStack' }

  it('keeps its address and its annotation when it is put without them', async () => {
    const fix = fixture()
    fix.claim(naming('kuard', [HOME]))
    const answer = await update(HELD, {}, fix)
    expect(specOf(answer)).toMatchObject({ clusterIP: HOME, clusterIPs: [HOME] })
    expect(specOf(answer)).not.toHaveProperty('ipFamilies')
    expect(annotationOf(answer)).toBe('configured')
    expect(states(fix)).toEqual([`${HOME} default/kuard bound`])
  })

  it('gets no annotation that it did not have', async () => {
    const body = review(service('kuard', {}), service('kuard', HELD))
    expect(annotationOf(await ask(webhookOf(fixture()), body))).toBeUndefined()
  })

  it.each([
    ['nothing that matters', HELD],
    ['the type', { ...HELD, type: 'LoadBalancer' }],
    ['to ExternalName, addresses and all', { ...HELD, type: 'ExternalName', externalName: 'example.org' }],
    ['to headless, which the API server refuses', { clusterIP: 'None', clusterIPs: ['None'] }],
    ['the first address, which the API server refuses', { ...HELD, clusterIP: 'fdaa::7', clusterIPs: ['fdaa::7'] }],
    ['nonsense, which the API server refuses', { ...HELD, clusterIP: 'nonsense', clusterIPs: ['nonsense'] }],
    ['a second family of IPv4, which comes from the API server', { ...HELD, ipFamilyPolicy: 'RequireDualStack' }],
  ])('is let through when it changes %s', async (_, spec) => {
    const fix = fixture()
    fix.claim(naming('kuard', [HOME]))
    expectPassed(await update(HELD, spec, fix, ANNOTATED))
    expect(states(fix)).toEqual([`${HOME} default/kuard bound`])
  })

  it('is let through when it gives a family back', async () => {
    const dual = {
      clusterIP: HOME,
      clusterIPs: [HOME, '10.0.0.9'],
      ipFamilies: ['IPv6', 'IPv4'],
      ipFamilyPolicy: 'RequireDualStack',
    }
    expectPassed(await update(dual, { ...dual, ipFamilyPolicy: 'SingleStack' }, fixture(), ANNOTATED))
    const bare = await update(dual, { ipFamilyPolicy: 'SingleStack' }, fixture(), ANNOTATED)
    expect(specOf(bare)).toMatchObject({ clusterIPs: [HOME, '10.0.0.9'], ipFamilyPolicy: 'SingleStack' })
  })

  it('is let through when it was headless', async () => {
    expectPassed(await update({ clusterIP: 'None', clusterIPs: ['None'] }, {}))
  })

  it('gets an address when it was an ExternalName', async () => {
    const fix = fixture()
    const answer = await update({ type: 'ExternalName', externalName: 'example.org' }, { type: 'ClusterIP' }, fix)
    expect(specOf(answer)).toMatchObject({ clusterIP: HOME, clusterIPs: [HOME], ipFamilies: ['IPv6'] })
    expect(states(fix)).toEqual([`${HOME} default/kuard reserved`])
  })

  const V4 = { clusterIP: '10.0.0.9', clusterIPs: ['10.0.0.9'], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' }

  it.each([
    ['with everything it had', { ...V4, ipFamilyPolicy: 'RequireDualStack' }],
    ['without its address', { ipFamilyPolicy: 'RequireDualStack' }],
    ['by its families', { ...V4, ipFamilyPolicy: 'PreferDualStack', ipFamilies: ['IPv4', 'IPv6'] }],
  ])('gets a second address of IPv6 when it asks for one, %s', async (_, spec) => {
    const fix = fixture()
    fix.claim(naming('kuard', ['10.0.0.9']))
    const answer = await update(V4, spec, fix)
    expect(specOf(answer)).toMatchObject({
      clusterIP: '10.0.0.9',
      clusterIPs: ['10.0.0.9', HOME],
      ipFamilies: ['IPv4', 'IPv6'],
      ipFamilyPolicy: spec.ipFamilyPolicy,
    })
    expect(states(fix)).toEqual([`10.0.0.9 default/kuard bound`, `${HOME} default/kuard reserved`])
  })

  it('may name the second address', async () => {
    const fix = fixture()
    fix.claim(naming('kuard', ['10.0.0.9']))
    const spec = { ...V4, clusterIPs: ['10.0.0.9', 'fdaa::7'], ipFamilyPolicy: 'PreferDualStack' }
    expect(specOf(await update(V4, spec, fix))).toMatchObject({
      clusterIPs: ['10.0.0.9', 'fdaa::7'],
      ipFamilies: ['IPv4', 'IPv6'],
    })
    expect(states(fix)).toContain('fdaa::7 default/kuard reserved')
  })
})

describe('a dry run', () => {
  it('shows the address that the Service would get and promises nothing', async () => {
    const fix = fixture()
    const webhook = webhookOf(fix)
    const answer = await ask(webhook, review(service('kuard'), null, { dryRun: true }))
    expect(specOf(answer)).toMatchObject({ clusterIP: HOME, clusterIPs: [HOME] })
    expect(annotationOf(answer)).toBe('configured')
    expect(states(fix)).toEqual([])
    expect(fix.store.writes).toBe(0)
    expect(fix.allocator.stats(NETWORK).free).toBe(fixture().allocator.stats(NETWORK).free)
    fix.claim(naming('kuard', [HOME]))
    const other = await ask(webhook, review(service('other'), null, { dryRun: true }))
    expect(specOf(other)['clusterIP']).not.toBe(HOME)
  })
})

describe('a Service that is wrong', () => {
  it.each([
    [
      { clusterIP: 'nonsense' },
      'spec.clusterIPs[0]: Invalid value: "nonsense": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
    [
      { clusterIP: 'fdaa::1', clusterIPs: ['fdaa::2'] },
      'spec.clusterIPs: Invalid value: ["fdaa::2"]: first value must match `clusterIP`',
    ],
    [
      { clusterIPs: ['fdaa::2'] },
      'spec.clusterIPs: Invalid value: ["fdaa::2"]: must be empty when `clusterIP` is not specified',
    ],
    [
      { clusterIP: 'fdaa::1', ipFamilies: ['IPv4'] },
      'spec.clusterIPs[0]: Invalid value: "fdaa::1": expected an IPv4 value as indicated by `ipFamilies[0]`',
    ],
    [{ ipFamilies: ['IPv5'] }, 'spec.ipFamilies[0]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"'],
    [
      { type: 'Magic' },
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [{ clusterIP: 7 }, 'spec.clusterIP: Invalid value: 7: must be a string'],
  ])("is refused in Kubernetes' words: %j", async (spec, message) => {
    const { response } = await create(spec)
    expect(response).toEqual({
      uid: expect.any(String),
      allowed: false,
      status: { code: 422, reason: 'Invalid', message: `Service "kuard" is invalid: ${message}` },
    })
  })

  it('is told all its faults at once', async () => {
    const { response } = await create({ clusterIP: 7, ipFamilies: ['IPv5'] })
    expect((response['status'] as Json)['message']).toMatch(
      /^Service "kuard" is invalid: \[spec\.clusterIP: .*, spec\.ipFamilies\[0\]: .*\]$/,
    )
  })

  it('is refused when it is missing', async () => {
    const answer = await ask(webhookOf(fixture()), review(null, null, { name: 'kuard' }))
    expect(answer.response).toMatchObject({ allowed: false })
  })
})

describe('what the webhook cannot decide', () => {
  it.each([
    [
      'the pool is exhausted',
      'no address of the pool is free and rested',
      () => {
        const fix = fixture('fdaa::/124')
        for (let i = 0; i < 14; i++) fix.claim(request(`s${i}`))
        return webhookOf(fix)
      },
    ],
    ['the network has no pool', 'no ready ServiceCIDR holds its pool', () => webhookOf(fixture(null))],
    [
      'the ledger cannot be written',
      'its ledger cannot be written',
      () => {
        const fix = fixture()
        fix.store.full = true
        return webhookOf(fix)
      },
    ],
    [
      'the Services are not known yet',
      'the Services of the cluster are not known yet',
      () => webhookOf(fixture(), () => false),
    ],
  ])('is left to the API server with a warning: %s', async (_, why, make) => {
    const answer = await ask(make(), review(service('kuard')))
    expect(answer.response).toEqual({
      uid: expect.any(String),
      allowed: true,
      warnings: [`waypost left the address to the API server: ${why}`],
    })
  })

  it('is told of, when the pool is exhausted', async () => {
    const fix = fixture('fdaa::/124')
    for (let i = 0; i < 14; i++) fix.claim(request(`s${i}`))
    const findings: Finding[] = []
    const webhook = webhookOf(fix, undefined, finding => findings.push(finding))
    await ask(webhook, review(service('kuard'), null, { dryRun: true }))
    expect(findings).toEqual([])
    await ask(webhook, review(service('kuard')))
    expect(findings).toMatchObject([{ kind: 'exhausted', service: 'default/kuard', reason: 'ClusterIPPoolExhausted' }])
  })

  it('is more reservations than there may be', async () => {
    const fix = fixture('fdaa::/64')
    fix.allocator.leases.reserve(Array.from({ length: MAX_RESERVED }, (_, i) => request(`s${i}`)))
    const { response } = await ask(webhookOf(fix), review(service('kuard')))
    expect(response['warnings']).toHaveLength(1)
    expect(fix.allocator.leases.count(NETWORK)).toBe(MAX_RESERVED)
  })

  it.each([
    ['another kind', { resource: { group: 'apps', version: 'v1', resource: 'services' } }],
    ['another version', { resource: { group: '', version: 'v2', resource: 'services' } }],
    ["a Service's status", { subResource: 'status' }],
    ['a deletion', { operation: 'DELETE', object: null, oldObject: service('kuard') }],
    ['a connection', { operation: 'CONNECT' }],
  ])('is let through: %s', async (_, overrides) => {
    expectPassed(await ask(webhookOf(fixture()), review(service('kuard'), null, overrides)))
  })
})

describe('a review that is malformed', () => {
  const good = review(service('kuard'))
  const withRequest = (fields: Json): Json => ({ ...good, request: { ...(good['request'] as Json), ...fields } })
  it.each([
    ['nothing', undefined],
    ['a text', 'AdmissionReview'],
    ['a list', [good]],
    ['of another version', { ...good, apiVersion: 'admission.k8s.io/v1beta1' }],
    ['of another kind', { ...good, kind: 'Service' }],
    ['without a request', { ...good, request: undefined }],
    ['without a uid', withRequest({ uid: undefined })],
    ['with an empty uid', withRequest({ uid: '' })],
    ['without an operation', withRequest({ operation: 7 })],
    ['without a resource', withRequest({ resource: null })],
    ['with an object that is none', withRequest({ object: 'Service' })],
    ['with an old object that is none', withRequest({ oldObject: [] })],
    ['with a dry run that is none', withRequest({ dryRun: 'yes' })],
  ])('is refused: %s', async (_, body) => {
    await expect(webhookOf(fixture()).review(null, body)).rejects.toMatchObject({
      code: 'WAY_ADMISSION_REVIEW',
      status: 400,
    })
  })

  it('and so is one of a network that is not there', async () => {
    await expect(webhookOf(fixture()).review('nowhere', good)).rejects.toMatchObject({ code: 'WAY_NETWORK_UNKNOWN' })
    expect(await webhookOf(fixture()).review(NETWORK, good)).toMatchObject({ response: { allowed: true } })
  })
})

describe('the figures', () => {
  it('count every review by its result', async () => {
    const fix = fixture()
    const webhook = webhookOf(fix)
    await ask(webhook, review(service('kuard')))
    await ask(webhook, review(service('named', { clusterIP: 'fdaa::7' })))
    await ask(webhook, review(service('thief', { clusterIP: 'fdaa::7' })))
    await ask(webhook, review(service('wrong', { clusterIP: 'x' })))
    await ask(webhook, review(service('none', { clusterIP: 'None' })))
    await webhook.review(null, null).catch(() => undefined)
    const { requests, duration } = webhook.figures()
    expect(Object.fromEntries(requests.map(({ labels, value }) => [labels[0], value]))).toMatchObject({
      placed: 1,
      named: 1,
      taken: 1,
      denied: 1,
      passed: 1,
      malformed: 1,
      exhausted: 0,
    })
    expect(duration.counts.reduce((sum, count) => sum + count)).toBe(6)
  })
})

describe('reviews that come together', () => {
  it('are made durable by one write, each with an address of its own', async () => {
    const fix = fixture()
    const webhook = webhookOf(fix)
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => ask(webhook, review(service(`s${i}`)))))
    expect(new Set(answers.map(answer => specOf(answer)['clusterIP'])).size).toBe(200)
    expect(fix.store.writes).toBe(1)
    fix.allocator.release([{ network: NETWORK, owner: owner('s0') }])
  })
})
