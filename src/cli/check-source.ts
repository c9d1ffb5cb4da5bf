/** The source of one network: a folder of manifests, read whole, or the credentials of a cluster. */
import { accessFromKubeConfig } from '../cluster/kubernetes/client/kube-config.ts'
import type { NetworkConfig, Surroundings } from '../config.ts'
import { WaypostError } from '../errors.ts'
import { checkManifests } from './check-manifests.ts'
import type { Report } from './finding.ts'

/** Reads what the server would read without its cluster: no API server is asked. */
export async function checkSource(network: NetworkConfig, surroundings: Surroundings): Promise<Report> {
  const { manifests, kubernetes } = network.cluster.source
  if (manifests !== null) return await checkManifests(network, manifests, surroundings)
  const { kubeconfig, context } = kubernetes ?? { kubeconfig: null, context: null }
  const what = `cluster of ${network.name}`
  try {
    const { server } = await accessFromKubeConfig({ kubeconfig, context })
    return { found: `${what}: ${server}`, findings: [] }
  } catch (error) {
    if (!(error instanceof WaypostError)) throw error
    // Without a file the credentials belong to the place where the server runs, which need not be this one.
    if (kubeconfig === null) return { found: `${what}: no credentials here (${error.message})`, findings: [] }
    const finding = { file: kubeconfig, line: null, message: error.message, code: error.code }
    return { found: `${what}: ${kubeconfig}`, findings: [finding] }
  }
}
