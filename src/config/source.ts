/** The `source` section of a cluster: a folder of manifests or a Kubernetes API server, exactly one. */
import { VALUES } from './dns.ts'
import { list, object, optional, type Schema, value } from './schema.ts'
import { label, labelSelector, nullable, type Scalar } from './values.ts'

/** How a cluster is followed through its API server. */
export interface KubernetesSettings {
  /** Absolute path; null: as kubectl finds it, else the service account of the Pod. */
  readonly kubeconfig: string | null
  /** null: the kubeconfig's current one. */
  readonly context: string | null
  /** Only these; null: all that there are. */
  readonly namespaces: readonly string[] | null
  readonly labelSelector: string | null
}

/** Both are read; that one of them is there is a rule of its own. */
export interface FileSource {
  readonly manifests: string | null
  readonly kubernetes: KubernetesSettings | null
}

/** What `kubernetes: {}` means. */
export const KUBERNETES_DEFAULTS: KubernetesSettings = {
  kubeconfig: null,
  context: null,
  namespaces: null,
  labelSelector: null,
}

/** The schema of `source`; `location` reads a path. */
export function sourceSchema(location: Scalar<string>): Schema<FileSource> {
  return object<FileSource>({
    manifests: optional(value(location), null, 'none', 'Folder of manifests, watched. Either this or `kubernetes`.'),
    kubernetes: optional(
      object<KubernetesSettings>({
        kubeconfig: optional(
          value(nullable(location)),
          null,
          "`KUBECONFIG`, `~/.kube/config`, else the Pod's service account",
          'Where the credentials of the API server are. `kubernetes: {}` takes all defaults.',
        ),
        context: optional(value(nullable(VALUES.context)), null, 'the current one', 'A context of the kubeconfig.'),
        namespaces: optional(
          list(value(label), 1),
          null,
          'all',
          'Only these namespaces are followed, each by itself: a Role in each is enough.',
        ),
        labelSelector: optional(
          value(nullable(labelSelector)),
          null,
          'none',
          'Only Services with these labels are followed, for example `tier=front,!internal`.',
        ),
      }),
      null,
      'none',
      '',
    ),
  })
}
