/**
 * The client of a Kubernetes API server: what the source, admission and status ask of it. Credentials come from
 * @kubernetes/client-node's KubeConfig; requests go over one pool of connections that are kept alive.
 */

/** One request. */
export interface KubernetesRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** `/api/v1/namespaces/default/services/kuard` */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** `application/json` when absent; `application/apply-patch+yaml`, `application/merge-patch+json` and so on for PATCH. */
  readonly contentType?: string
  /** `application/json` when absent. */
  readonly accept?: string
  /**
   * Milliseconds, 10,000 when absent: until the whole answer is there; for a stream until its head is there, after
   * which the caller watches over it.
   */
  readonly timeoutMs?: number
  /** Ends the request, also while its body comes. */
  readonly signal?: AbortSignal
}

/** An answer, whole. */
export interface KubernetesResponse {
  readonly status: number
  /** The parsed JSON, or the text when it is none. */
  readonly body: unknown
  /** The header `Retry-After` in milliseconds. */
  readonly retryAfterMs: number | null
}

/** An answer as it comes. */
export interface KubernetesStream {
  readonly status: number
  readonly retryAfterMs: number | null
  /** The body. Ending the iteration early closes the connection; it throws when the connection breaks. */
  readonly chunks: AsyncIterable<Uint8Array>
}

/** The client of one API server, with the credentials of one user. */
export interface KubernetesClient {
  /**
   * Any HTTP answer resolves, also 4xx and 5xx; a 401 only after renewed credentials were refused, too.
   *
   * @throws WaypostError WAY_KUBERNETES_UNREACHABLE when no answer came.
   */
  request(request: KubernetesRequest): Promise<KubernetesResponse>
  /** The same, body as it comes (lists, watches). The signal ends it. */
  stream(request: KubernetesRequest): Promise<KubernetesStream>
  /** Namespace of the credentials (service account, context); `default` without one. */
  readonly namespace: string
  /** Closes every connection; requests in flight fail. */
  close(): Promise<void>
}
