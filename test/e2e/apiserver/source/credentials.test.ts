/** Tokens that are replaced on disk, and refused when they are old. */
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { type ServiceAccountFiles, TestCluster } from '#support/apiserver/cluster.ts'
import { service, slice } from '#support/apiserver/objects.ts'
import { aaaaOf } from '#support/apiserver/served.ts'
import { grantRights, Replica } from '#support/apiserver/waypost.ts'
import { type RunningWaypost, until } from '#support/waypost.ts'

const POD = (i: number): string => `fdaa:0:48c8:a7b::${i.toString(16)}`

describe.skipIf(inject('apiServer') === null)('a token that', () => {
  let cluster: TestCluster
  let account: ServiceAccountFiles
  let server: RunningWaypost
  beforeAll(async () => {
    cluster = await TestCluster.start(inject('apiServer'))
    await grantRights(cluster)
    await cluster.apply(service('headless', { clusterIP: 'None' }), slice('headless-1', 'headless', [POD(1)]))
    account = await cluster.serviceAccount('kube-system', 'waypost')
    await rotate('first')
    server = await (await Replica.create(cluster, { account })).start()
  })
  afterAll(async () => {
    await server?.end()
    await cluster?.stop()
  })

  /** A new token, which the API server takes as long as the Secret of this name exists. */
  async function newToken(secret: string): Promise<string> {
    await cluster.kubectl(['create', 'secret', 'generic', secret, '--namespace', 'kube-system'])
    const bound = ['--bound-object-kind', 'Secret', '--bound-object-name', secret]
    return await cluster.kubectl(['create', 'token', 'waypost', '--namespace', 'kube-system', ...bound])
  }
  async function rotate(secret: string): Promise<void> {
    writeFileSync(account.tokenFile, await newToken(secret))
  }
  const revoke = async (secret: string) =>
    await cluster.kubectl(['delete', 'secret', secret, '--namespace', 'kube-system'])

  it('is rotated on disk before the old one ends costs nothing', async () => {
    await rotate('second')
    await revoke('first')
    // Every connection breaks, and each request brings the token of now.
    await cluster.killApiServer()
    await cluster.startApiServer()
    await cluster.apply(slice('headless-1', 'headless', [POD(2)]))
    await until(async () => String(await aaaaOf(server, 'headless')) === POD(2), 60_000)
  })

  it('is refused (401) leaves every answer, and the next one on disk is taken', async () => {
    await revoke('second')
    await cluster.killApiServer()
    await cluster.startApiServer()
    await cluster.apply(slice('headless-1', 'headless', [POD(3)]))
    const isRefused = (): boolean => server.logs.some(line => JSON.stringify(line).includes('401'))
    await until(async () => {
      expect(await aaaaOf(server, 'headless')).toEqual([POD(2)])
      return isRefused()
    }, 60_000)
    await rotate('third')
    await until(async () => String(await aaaaOf(server, 'headless')) === POD(3), 60_000)
  })
})
