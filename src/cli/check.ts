/** `waypost check`: validates the configuration, the zones and the manifests without serving. */
import type { Command } from 'commander'
import { ConfigError, type Flags, formatFault, loadConfig } from '../config.ts'
import type { Finding, Report } from './finding.ts'
import type { Io } from './io.ts'

type CheckOptions = Flags & { readonly config?: string }

/** Adds the command to the program. `finish` takes the exit status. */
export function addCheck(program: Command, io: Io, finish: (status: number) => void): void {
  program
    .command('check')
    .summary('validate configuration, certificates, zones and manifests')
    .description(
      'Reads what "waypost serve" would read with the same flags and prints every fault with its file and line. ' +
        'The exit status is 1 when there is one.',
    )
    .option('--config <file>', 'configuration file (YAML)')
    .option('--manifests <dir>', 'folder of Kubernetes manifests')
    .option('--kubeconfig <file>', 'kubeconfig of a cluster to follow')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--service-cidr <prefix>', 'IPv6 pool of Service addresses, /64 to /124')
    .option('--zones <dir>', 'folder of master files, *.zone')
    .action(async ({ config: file, ...flags }: CheckOptions) => {
      const reports = await checkAll(file ?? null, flags, io)
      for (const { found } of reports) io.out(`${found}\n`)
      const findings = reports.flatMap(report => report.findings)
      for (const finding of findings) io.error(formatFinding(finding))
      finish(findings.length > 0 ? 1 : 0)
    })
}

async function checkAll(file: string | null, flags: Flags, io: Io): Promise<readonly Report[]> {
  const { surroundings } = io
  // Loaded here and not above: the other commands need none of the readers.
  const [{ checkZones }, { checkSource }, { checkCertificates }] = await Promise.all([
    import('./check-zones.ts'),
    import('./check-source.ts'),
    import('./check-certificates.ts'),
  ])
  try {
    const config = loadConfig({ file, flags, surroundings })
    const names = config.networks.map(network => network.name).join(', ')
    const reports: Report[] = [{ found: `configuration: ${file ?? 'flags alone'}, networks: ${names}`, findings: [] }]
    const certificates = checkCertificates(config)
    if (certificates !== null) reports.push(certificates)
    const domains = config.networks.map(network => network.cluster.domain)
    if (config.dns.zones !== null) reports.push(await checkZones(config.dns.zones, domains, surroundings))
    for (const network of config.networks) reports.push(await checkSource(network, surroundings))
    return reports
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const findings = error.faults.map(fault => ({
      file: error.file,
      line: fault.line,
      message: formatFault({ ...fault, line: null }),
      code: error.code,
    }))
    return [{ found: `configuration: ${error.file}`, findings }]
  }
}

/** `file:line: message (CODE)`, the form that editors jump to. */
function formatFinding({ file, line, message, code }: Finding): string {
  return `waypost: ${file}:${line === null ? '' : `${line}:`} ${message} (${code})\n`
}
