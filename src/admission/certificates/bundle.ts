/** The caBundle of a webhook configuration: which authorities an API server believes when it calls us. */
import type { KubernetesClient } from '../../cluster/kubernetes/client.ts'
import { type Fields, isFields } from '../review.ts'
import { fieldsAt, refused } from './secret.ts'

/** What became of the bundle. */
export type BundleOutcome = 'present' | 'written' | 'missing'

const PATH = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'

/**
 * Sees to it that every webhook of a configuration believes exactly these authorities.
 *
 * @param bundle PEM certificates.
 * @returns `missing`: there is no configuration of this name yet.
 * @throws WaypostError WAY_KUBERNETES_UNREACHABLE, WAY_ADMISSION_CERTIFICATE.
 */
export async function publishBundle(client: KubernetesClient, name: string, bundle: string): Promise<BundleOutcome> {
  const path = `${PATH}/${name}`
  const answer = await client.request({ method: 'GET', path })
  if (answer.status === 404) return 'missing'
  if (answer.status !== 200 || !isFields(answer.body)) throw refused(`read the webhook configuration "${name}"`, answer)
  const wanted = Buffer.from(bundle).toString('base64')
  const webhooks = answer.body['webhooks']
  const steps = (Array.isArray(webhooks) ? webhooks : []).filter(isFields).flatMap((webhook: Fields, i) => {
    if (fieldsAt(webhook, 'clientConfig')['caBundle'] === wanted) return []
    return [
      // the list may have changed since it was read
      { op: 'test', path: `/webhooks/${i}/name`, value: webhook['name'] },
      { op: 'add', path: `/webhooks/${i}/clientConfig/caBundle`, value: wanted },
    ]
  })
  if (steps.length === 0) return 'present'
  const contentType = 'application/json-patch+json'
  const written = await client.request({ method: 'PATCH', path, contentType, body: steps })
  if (written.status !== 200) throw refused(`write the caBundle of the webhook configuration "${name}"`, written)
  return 'written'
}
