/** The manifests of one network, read once. */
import { ManifestSource } from '../cluster/manifests.ts'
import type { ClusterObject, ObjectChange, Service } from '../cluster/objects.ts'
import type { SourceProblem } from '../cluster/source.ts'
import type { NetworkConfig, Surroundings } from '../config.ts'
import { addressNeed } from '../control/address-need.ts'
import { formatAddress } from '../ip/address.ts'
import type { Finding, Report } from './finding.ts'

/** Reads every manifest of the network as the server would, and what no address could be given to. */
export async function checkManifests(
  network: NetworkConfig,
  directory: string,
  surroundings: Surroundings,
): Promise<Report> {
  if (!surroundings.isFolder(directory)) {
    const message = 'there is no such folder of manifests'
    const finding: Finding = { file: directory, line: null, message, code: 'WAY_MANIFEST_PARSE' }
    return { found: `manifests of ${network.name}: ${directory}`, findings: [finding] }
  }
  const { objects, problems } = await readOnce(directory)
  const services = objects.filter(object => object.kind === 'Service')
  const findings = [...problems.map(findingOf), ...familyFindings(services), ...conflictFindings(services)]
  return { found: `manifests of ${network.name}: ${countKinds(objects)} in ${directory}`, findings }
}

async function readOnce(directory: string): Promise<{ objects: ClusterObject[]; problems: readonly SourceProblem[] }> {
  const silent = (): void => undefined
  const logger = { debug: silent, info: silent, warn: silent, error: silent }
  const source = new ManifestSource({ directory, logger })
  const objects: ClusterObject[] = []
  let problems: readonly SourceProblem[] = []
  await source.start({
    apply: (changes: readonly ObjectChange[]) => {
      for (const { object } of changes) if (object !== null) objects.push(object)
    },
    synced: silent,
    problems: list => {
      problems = list
    },
  })
  await source.stop()
  return { objects, problems }
}

function findingOf({ file, line, field, message, code }: SourceProblem): Finding {
  return { file: file ?? '', line, message: field === null ? message : `${field}: ${message}`, code }
}

/** Services that want an address of a family for which there is no pool. */
function familyFindings(services: readonly Service[]): Finding[] {
  return services.flatMap(service => {
    const need = addressNeed(service, 'pool')
    return need.kind === 'unavailable' ? [at(service, need.message, 'WAY_POOL_FAMILY')] : []
  })
}

/** Services that name an address which another names, too. The older one keeps it; here both are shown by one line. */
function conflictFindings(services: readonly Service[]): Finding[] {
  const holders = new Map<string, Service>()
  const findings: Finding[] = []
  for (const service of services.toSorted(byAge)) {
    for (const address of service.clusterIPs) {
      const text = formatAddress(address)
      const holder = holders.get(text)
      if (holder === undefined) holders.set(text, service)
      else
        findings.push(
          at(
            service,
            `Service "${service.key}" names ${text}, which is Service "${holder.key}"'s`,
            'WAY_ADDRESS_TAKEN',
          ),
        )
    }
  }
  return findings
}

function byAge(a: Service, b: Service): number {
  return (a.created ?? Infinity) - (b.created ?? Infinity) || (a.key < b.key ? -1 : 1)
}

function at(service: Service, message: string, code: Finding['code']): Finding {
  const match = /^(.*):(\d+)$/.exec(service.origin)
  return { file: match?.[1] ?? service.origin, line: match === null ? null : Number(match[2]), message, code }
}

function countKinds(objects: readonly ClusterObject[]): string {
  const counts = Map.groupBy(objects, object => object.kind)
  const parts = Array.from(counts, ([kind, list]) => `${list.length} ${kind}${list.length === 1 ? '' : 's'}`)
  return parts.length === 0 ? 'nothing' : parts.join(', ')
}
