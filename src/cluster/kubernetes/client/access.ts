/** How an API server is reached and who asks: what a kubeconfig says, in plain values. */

/** Values that survive JSON, for they come from another process. */
export interface Access {
  /** `https://[fd00::1]:6443`, with a path when the server has one; no slash at the end. */
  readonly server: string
  /** Of every request: Authorization, impersonation. */
  readonly headers: Readonly<Record<string, string>>
  /** PEM texts and TLS options. */
  readonly tls: {
    readonly ca?: string
    readonly cert?: string
    readonly key?: string
    readonly rejectUnauthorized?: boolean
    readonly servername?: string
  }
  /** The bearer token is in this file and may change there; null: it is in `headers`, or there is none. */
  readonly tokenFile: string | null
  /** An HTTP proxy in front of the server. */
  readonly proxy: string | null
  readonly namespace: string
}
