/** Reads what `dns.forward` refers to, and checks what its keys together mean. */
import { X509Certificate } from 'node:crypto'
import type { BrokenRule } from '../document.ts'
import type { Surroundings } from '../model.ts'
import type { FileForward, ForwardConfig, UpstreamConfig } from './section.ts'
import { type FileUpstream, readResolvConf } from './upstream.ts'

/** As many as CoreDNS takes. */
const MAX_UPSTREAMS = 15
/** A query looks at all of them. */
const MAX_ZONES = 256

/** Puts the servers of resolv.conf files and the text of certificates in place of their paths. */
export function resolveForward(
  forward: FileForward | null,
  readFile: Surroundings['readFile'],
): { readonly value: ForwardConfig | null; readonly broken: readonly BrokenRule[] } {
  if (forward === null) return { value: null, broken: [] }
  const broken: BrokenRule[] = [...repeatedZones(forward)]
  const read = (file: string, path: string): string => {
    try {
      return readFile(file)
    } catch (error) {
      broken.push({ path, reason: `cannot be used: ${error instanceof Error ? error.message : String(error)}` })
      return ''
    }
  }
  const serversOf = (upstream: FileUpstream, path: string): UpstreamConfig[] => {
    if (upstream.kind === 'server') {
      const { kind: _, ...server } = upstream
      if (server.ca === null) return [{ ...server, ca: null }]
      const before = broken.length
      const ca = read(server.ca, path)
      // Without this check nobody would be trusted, and the reason would be any but this one.
      if (broken.length === before && !hasCertificate(ca)) {
        broken.push({ path, reason: `"${server.ca}" holds no certificate in PEM` })
      }
      return [{ ...server, ca }]
    }
    const before = broken.length
    const servers = readResolvConf(read(upstream.path, path)).map(({ kind: _, ...server }) => server)
    if (servers.length === 0 && broken.length === before) {
      broken.push({ path, reason: `"${upstream.path}" names no server` })
    }
    return servers
  }
  const all = (upstreams: readonly FileUpstream[], path: string): UpstreamConfig[] => {
    const servers = upstreams.flatMap((upstream, i) => serversOf(upstream, `${path}[${i}]`))
    if (servers.length > MAX_UPSTREAMS) broken.push({ path, reason: `must not be more than ${MAX_UPSTREAMS} servers` })
    return servers
  }
  const zones = forward.zones.map(({ zone, upstreams, policy }, i) => ({
    zone,
    upstreams: all(upstreams, `dns.forward.zones[${i}].upstreams`),
    policy: policy ?? forward.policy,
  }))
  const root = all(forward.upstreams, 'dns.forward.upstreams')
  if (root.length > 0) zones.push({ zone: '.', upstreams: root, policy: forward.policy })
  const { maxInFlight, deadline: deadlineMs, randomCase } = forward
  return { value: { zones, maxInFlight, deadlineMs, randomCase }, broken }
}

/** Whether a text begins with, or has behind what people write about it, a certificate that can be read. */
function hasCertificate(text: string): boolean {
  try {
    new X509Certificate(text)
    return true
  } catch {
    return false
  }
}

function repeatedZones({ zones }: FileForward): BrokenRule[] {
  const faults: BrokenRule[] = []
  zones.forEach(({ zone }, i) => {
    const first = zones.findIndex(other => other.zone === zone)
    const path = `dns.forward.zones[${i}].zone`
    if (first < i) faults.push({ path, reason: `"${zone}" is that of dns.forward.zones[${first}] already` })
  })
  if (zones.length > MAX_ZONES)
    faults.push({ path: 'dns.forward.zones', reason: `must not be more than ${MAX_ZONES} zones` })
  return faults
}
