/** Addresses decided in the create request, by two replicas behind one webhook. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { Balancer } from '../../support/apiserver/balancer.ts'
import { TestCluster } from '../../support/apiserver/cluster.ts'
import { type ListObject, type ServiceObject, service } from '../../support/apiserver/objects.ts'
import { addressesOf } from '../../support/apiserver/served.ts'
import { freePort, grantRights, Replica } from '../../support/apiserver/waypost.ts'
import { ALLOCATOR, installWebhook, webhookWorks } from '../../support/apiserver/webhook.ts'
import { type RunningWaypost, until } from '../../support/waypost.ts'

const LEASE = '3s'
/** A lease, two observations of its end, and room for a slow machine. */
const LEAKS_GONE = 60_000
const OURS = /^fdaa:0:48c8:0:1:/

describe.skipIf(inject('apiServer') === null)('two replicas of the webhook', () => {
  let cluster: TestCluster
  let balancer: Balancer
  const servers: RunningWaypost[] = []
  const ports: number[] = []

  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'), { controllers: true })
    balancer = await Balancer.start(() => ports)
    await grantRights(cluster)
    await installWebhook(cluster, balancer.port)
    for (const name of ['a', 'b']) {
      const port = await freePort()
      const admission = { listen: `[::1]:${port}`, tls: 'auto', names: ['::1'] }
      const replica = await Replica.create(cluster, { name, config: { admission, pool: { lease: LEASE } } })
      servers.push(await replica.start())
      ports.push(port)
    }
    await webhookWorks(cluster)
  })
  afterAll(async () => {
    await balancer?.close()
    await Promise.all(servers.map(server => server.end()))
    await cluster?.stop()
  })

  const create = async (name: string, namespace = 'default', fields: Record<string, unknown> = {}) =>
    await cluster.api.send<ServiceObject & { message?: string }>(
      'POST',
      `/api/v1/namespaces/${namespace}/services`,
      service(name, fields, namespace),
    )

  /** Nothing is kept for Services with this beginning, on no replica and by no IPAddress. */
  async function leavesNothing(start: string): Promise<void> {
    await until(async () => {
      for (const server of servers) {
        const held = (await addressesOf(server)).filter(({ state }) => state !== 'resting')
        if (held.some(({ owner }) => owner.name.startsWith(start))) return false
      }
      return true
    }, LEAKS_GONE)
    const { body } = await cluster.api.send<ListObject<{ spec: { parentRef: { namespace: string; name: string } } }>>(
      'GET',
      '/apis/networking.k8s.io/v1/ipaddresses',
    )
    const parents = body.items.map(({ spec }) => `${spec.parentRef.namespace}/${spec.parentRef.name}`)
    expect(parents.filter(parent => parent.startsWith(start))).toEqual([])
  }

  it('decide the address in the reply of kubectl expose', async () => {
    await cluster.kubectl(['create', 'deployment', 'web', '--image', 'nginx', '--port', '80'])
    const text = await cluster.kubectl(['expose', 'deployment', 'web', '--port', '80', '--output', 'json'])
    const { metadata, spec } = JSON.parse(text) as ServiceObject
    expect(metadata.annotations?.[ALLOCATOR]).toBe('configured')
    expect(spec).toMatchObject({ clusterIP: expect.stringMatching(OURS), ipFamilies: ['IPv6'] })
    expect(spec.ipFamilyPolicy).toBe('SingleStack')
    expect(spec.clusterIPs).toEqual([spec.clusterIP])
    await cluster.kubectl(['delete', 'service', 'web'])
  })

  it('give 1,000 Services that are created at once 1,000 addresses, and keep nothing when they are gone', async () => {
    await cluster.kubectl(['create', 'namespace', 'many'])
    const names = Array.from({ length: 1000 }, (_, i) => `many-${i}`)
    const made = new Map<string, ServiceObject>()
    let left = names
    for (let round = 0; left.length > 0 && round < 5; round++) {
      const answers = await Promise.all(left.map(async name => [name, await create(name, 'many')] as const))
      for (const [name, { status, body }] of answers) if (status === 201) made.set(name, body)
      left = left.filter(name => !made.has(name))
    }
    expect(left).toEqual([])
    const services = [...made.values()]
    expect(services.filter(({ spec }) => !OURS.test(spec.clusterIP ?? ''))).toEqual([])
    expect(services.filter(({ metadata }) => metadata.annotations?.[ALLOCATOR] !== 'configured')).toEqual([])
    expect(new Set(services.map(({ spec }) => spec.clusterIP)).size).toBe(names.length)
    // Both replicas see every one of them, bound to its owner.
    for (const server of servers) {
      await until(async () => {
        const bound = (await addressesOf(server)).filter(({ state }) => state === 'bound')
        return bound.filter(({ owner }) => owner.name.startsWith('many/')).length === names.length
      }, 30_000)
    }
    // At once: kubectl would ask for each by itself, which takes a busy machine longer than it may.
    expect((await cluster.api.send('DELETE', '/api/v1/namespaces/many/services')).status).toBe(200)
    await until(async () => {
      const { body } = await cluster.api.send<ListObject<unknown>>('GET', '/api/v1/namespaces/many/services')
      return body.items.length === 0
    }, 60_000)
    await leavesNothing('many/')
  })

  it('keep nothing for a create that the quota refuses', async () => {
    await cluster.kubectl(['create', 'namespace', 'small'])
    await cluster.kubectl(['create', 'quota', 'none', '--namespace', 'small', '--hard', 'services=0'])
    await until(async () => (await create('refused', 'small')).body.message?.includes('exceeded quota'), 30_000)
    await leavesNothing('small/')
  })

  it('keep nothing for a create whose name is taken, and what the holder has', async () => {
    const { body } = await create('taken')
    expect((await create('taken')).status).toBe(409)
    const other = await create('taken', 'default', { clusterIP: 'fdaa:0:48c8:0:1::77' })
    expect(other.status).toBe(409)
    await until(async () => {
      const held = (await Promise.all(servers.map(addressesOf))).flat().filter(({ state }) => state !== 'resting')
      const own = held.filter(({ owner }) => owner.name === 'default/taken')
      return own.length > 0 && own.every(({ address, state }) => address === body.spec.clusterIP && state === 'bound')
    }, LEAKS_GONE)
    await cluster.kubectl(['delete', 'service', 'taken'])
  })

  it('keep nothing for a create that a validating policy denies', async () => {
    const rules = [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['services'] }]
    await cluster.apply(
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'no-denied' },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: { resourceRules: rules },
          validations: [{ expression: "!object.metadata.name.startsWith('denied')", message: 'it is denied' }],
        },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'no-denied' },
        spec: { policyName: 'no-denied', validationActions: ['Deny'] },
      },
    )
    let i = 0
    await until(async () => (await create(`denied-${i++}`)).body.message?.includes('it is denied'), 30_000)
    for (let n = 0; n < 20; n++) expect((await create(`denied-more-${n}`)).status).toBe(422)
    await cluster.kubectl(['delete', 'services', '--selector', 'provider!=kubernetes', '--wait=false'])
    await leavesNothing('default/denied')
  })

  it('leave an address that is taken to the API server, which refuses it', async () => {
    const first = await create('first')
    const second = await create('second', 'default', { clusterIP: first.body.spec.clusterIP })
    expect(second.status).toBe(422)
    expect(second.body.message).toContain('provided IP is already allocated')
    await cluster.kubectl(['delete', 'service', 'first'])
  })

  it('respect what a Service says of its address: one of the pool, none, or a name', async () => {
    const named = (await create('named', 'default', { clusterIP: 'fdaa:0:48c8:0:1::78' })).body
    expect(named.spec.clusterIP).toBe('fdaa:0:48c8:0:1::78')
    expect(named.metadata.annotations?.[ALLOCATOR]).toBe('configured')
    expect((await create('headless', 'default', { clusterIP: 'None' })).body.spec.clusterIP).toBe('None')
    const external = await create('external', 'default', { type: 'ExternalName', externalName: 'example.org' })
    expect(external.body.spec.clusterIP).toBeUndefined()
    const bad = await create('bad', 'default', { clusterIP: 'nonsense' })
    expect(bad.body.message).toContain('must be a valid IP address')
    await cluster.kubectl(['delete', 'service', 'named', 'headless', 'external'])
  })

  it('promise nothing for a dry run, and show the address that the Service gets', async () => {
    const answer = await cluster.kubectl(
      ['create', '--dry-run=server', '--output', 'json', '--filename', '-'],
      JSON.stringify(service('dry')),
    )
    const shown = (JSON.parse(answer) as ServiceObject).spec.clusterIP
    expect(shown).toMatch(OURS)
    for (const server of servers) {
      expect((await addressesOf(server)).filter(({ owner }) => owner.name === 'default/dry')).toEqual([])
    }
    expect((await create('dry')).body.spec.clusterIP).toBe(shown)
  })

  it('adopt what was created while both were down', async () => {
    await Promise.all(servers.map(server => server.child.kill('SIGSTOP')))
    // failurePolicy Fail is for hosted control planes; here the API server must go on alone.
    const ignore = '[{"op":"replace","path":"/webhooks/0/failurePolicy","value":"Ignore"}]'
    await cluster.kubectl(['patch', 'mutatingwebhookconfiguration', 'waypost', '--type', 'json', '--patch', ignore])
    const alone = await until(async () => {
      const answer = await create('alone')
      return answer.status === 201 && answer.body
    }, 60_000)
    expect(alone.metadata.annotations?.[ALLOCATOR]).toBeUndefined()
    for (const server of servers) server.child.kill('SIGCONT')
    for (const server of servers) {
      await until(async () => {
        const held = (await addressesOf(server)).find(({ owner }) => owner.name === 'default/alone')
        return held?.address === alone.spec.clusterIP && held?.state === 'bound'
      }, 60_000)
    }
  })
})
