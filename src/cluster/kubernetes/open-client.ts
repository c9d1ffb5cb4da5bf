/** Makes a client from a kubeconfig or from the service account of a Pod. */
import { Credentials } from './client/credentials.ts'
import { HttpClient } from './client/http-client.ts'
import { accessFromKubeConfig } from './client/kube-config.ts'
import type { KubernetesClient } from './client.ts'

/** Where the credentials are. */
export interface KubernetesClientOptions {
  /** A kubeconfig file; null: as kubectl finds it, `KUBECONFIG`, `~/.kube/config`, else the Pod's service account. */
  readonly kubeconfig: string | null
  /** One of its contexts; null: its current one. */
  readonly context: string | null
  /** Sent as User-Agent. */
  readonly userAgent: string
  /** Ends the reading. */
  readonly signal?: AbortSignal
}

/**
 * Reads the credentials; the API server need not be there.
 *
 * @throws WaypostError WAY_KUBERNETES_CONFIG when they cannot be read.
 */
export async function openKubernetesClient(options: KubernetesClientOptions): Promise<KubernetesClient> {
  const credentials = await Credentials.open(() => accessFromKubeConfig(options, options.signal))
  return new HttpClient(credentials, options.userAgent)
}
