/** The webhook of deploy/, called by URL: what overlays/sidecar-api does. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { ROOT } from '../source-tree.ts'
import { until } from '../waypost.ts'
import type { TestCluster } from './cluster.ts'
import type { ServiceObject } from './objects.ts'

/** What an annotated Service says. */
export const ALLOCATOR = 'fly.io/clusterip-allocator'

interface WebhookConfiguration {
  readonly metadata: object
  readonly webhooks: [{ readonly clientConfig: { readonly caBundle?: string } }]
}

/** Lets the API server ask at this port of `::1`. It does not do so before {@link webhookWorks}. */
export async function installWebhook(
  cluster: TestCluster,
  port: number,
  changes: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const file = join(ROOT, 'deploy/overlays/sidecar-api/guest/webhook.yaml')
  const { webhooks, ...configuration } = parse(readFileSync(file, 'utf8')) as WebhookConfiguration
  const clientConfig = { url: `https://[::1]:${port}/admission/v1/services` }
  await cluster.apply({ ...configuration, webhooks: [{ ...webhooks[0], ...changes, clientConfig }] })
}

/** Resolves when the API server asks and gets answers: the certificate's authority has reached it. */
export async function webhookWorks(cluster: TestCluster): Promise<void> {
  const probe = { metadata: { name: 'webhook-probe' }, spec: { ports: [{ port: 80 }] } }
  let last = ''
  const works = async (): Promise<boolean> => {
    const path = '/api/v1/namespaces/default/services?dryRun=All'
    const { status, body } = await cluster.api.send<ServiceObject>('POST', path, probe)
    last = `${status} ${JSON.stringify(body)}`
    return status === 201 && body.metadata.annotations?.[ALLOCATOR] !== undefined
  }
  await until(works, 30_000).catch(() => {
    throw new Error(`The webhook does not answer the API server: ${last}`)
  })
}
