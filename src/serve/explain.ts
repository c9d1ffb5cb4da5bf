/** Why a name answers what it answers, in sentences: the view, the zone, the object, the endpoints, the answer. */

import type { ControlledNetwork } from '../control/control.ts'
import type { ServedZone } from '../control/view-zones.ts'
import { WaypostError } from '../errors.ts'
import type { Explanation } from '../feed/backend.ts'
import { formatAddress, parseAddress } from '../ip/address.ts'
import { containsAddress, formatPrefix, type Prefix } from '../ip/prefix.ts'
import { explainService } from '../naming/explain.ts'
import {
  foldName,
  formatName,
  isInZone,
  labelsOf,
  type Name,
  NameError,
  type NameKey,
  parseName,
} from '../wire/name.ts'
import { TYPE, typeName, typeNumber } from '../wire/record-type.ts'
import { type AppClaims, otherLines } from './explain-names.ts'

/** Answers a question exactly as a DNS thread does; gives the response code and each record as a line of text. */
export type Ask = (
  view: number,
  name: Name,
  type: number,
) => { readonly rcode: string; readonly records: readonly string[] }

/** What the explainer reads. */
export interface ExplainerOptions {
  readonly networks: readonly ControlledNetwork[]
  /** Sources by prefix, as the DNS threads see them; any order. */
  readonly sources: readonly { readonly prefix: Prefix; readonly view: number }[]
  readonly ask: Ask
  readonly apps: AppClaims
  /** The path of the zone file with this apex. */
  fileOf(apex: NameKey): string | null
}

/** See the top of the file. */
export class Explainer {
  readonly #options: ExplainerOptions

  constructor(options: ExplainerOptions) {
    this.#options = options
  }

  /**
   * @param name presentation format; the final dot may be left out.
   * @param type a mnemonic, or null for A and AAAA.
   * @param from a source address, or null for the first network.
   * @throws WaypostError WAY_HTTP_BODY when one of them does not parse.
   */
  explain(name: string, type: string | null, from: string | null): Explanation {
    const question = parseQuestion(name)
    const types = type === null ? [TYPE.AAAA, TYPE.A] : [parseType(type)]
    const lines: string[] = []
    const entry = this.#viewOf(from, lines)
    if (entry === null) return { lines: [...lines, 'The answer is REFUSED.'] }
    const key = foldName(question)
    const zone = entry.names.findZone(key)
    lines.push(this.#zoneLine(key, zone))
    if (zone !== null) {
      lines.push(...this.#objectLines(entry, zone, key, types))
      lines.push(...otherLines(entry, zone, key, this.#options.apps))
    }
    for (const asked of types) lines.push(...this.#answerLines(entry.view, question, asked))
    return { lines }
  }

  #viewOf(from: string | null, lines: string[]): ControlledNetwork | null {
    const { networks, sources } = this.#options
    if (from === null) {
      const [first] = networks
      lines.push(`No source is given, so network "${first?.settings.name}" is looked at.`)
      return first ?? null
    }
    const address = parseAddress(from)
    if (address === null) throw new WaypostError('WAY_HTTP_BODY', `Cannot parse source "${from}": it is no IP address`)
    const matching = sources.filter(({ prefix }) => containsAddress(prefix, address))
    const best = matching.sort((a, b) => b.prefix.length - a.prefix.length)[0]
    const entry = best === undefined ? undefined : networks[best.view]
    if (best === undefined || entry === undefined) {
      lines.push(`The source ${formatAddress(address)} belongs to no network.`)
      return null
    }
    const network = `network "${entry.settings.name}"`
    lines.push(`The source ${formatAddress(address)} sees ${network} (prefix ${formatPrefix(best.prefix)}).`)
    return entry
  }

  #objectLines(entry: ControlledNetwork, zone: ServedZone, key: NameKey, types: readonly number[]): string[] {
    const serviceKeys = this.#servicesAt(entry, zone, key)
    const lines: string[] = []
    for (const serviceKey of serviceKeys) {
      const published = entry.network.published.get(serviceKey)
      const service = entry.network.store.service(serviceKey)
      if (service === null) {
        lines.push(`There is no Service "${serviceKey}".`)
        continue
      }
      if (published?.problem) lines.push(`It has neither name nor route: ${published.problem.message}.`)
      if (published?.facts) {
        for (const type of types)
          lines.push(...explainService(entry.names.context, published.facts, zoneRole(zone), key, type))
      }
    }
    return [...new Set(lines)]
  }

  /** The Services that a name can belong to, by its labels or, for a reverse name, by what its records point to. */
  #servicesAt(entry: ControlledNetwork, zone: ServedZone, key: NameKey): string[] {
    const { context } = entry.names
    if (isInZone(key, context.domainKey)) return clusterService(key, context.domainKey)
    if (zone.role === 'flycast') return flycastServices(entry, key, context.flycastKey)
    const owners = new Set<string>()
    const { records } = this.#options.ask(entry.view, wireOf(key), TYPE.PTR)
    for (const record of records) {
      const target = record.slice(record.lastIndexOf(' ') + 1)
      for (const owner of clusterService(foldName(parseName(target)), context.domainKey)) owners.add(owner)
    }
    return [...owners]
  }

  #zoneLine(key: NameKey, zone: ServedZone | null): string {
    if (zone === null) return 'No zone that is served here holds the name, so it is REFUSED.'
    const place = `The name ${key === zone.key ? 'is the apex of' : 'lies in'} zone ${formatName(zone.apex)}`
    if (zone.file !== null) return `${place}, which comes from the zone file ${this.#options.fileOf(zone.key)}.`
    return `${place}, ${zone.role === 'reverse' ? 'filled with the addresses of the cluster' : 'made from the cluster'}.`
  }

  #answerLines(view: number, name: Name, type: number): string[] {
    const { rcode, records } = this.#options.ask(view, name, type)
    const asked = `${formatName(name)} ${typeName(type)}`
    if (records.length > 0) return [`${asked} is answered ${rcode} with:`, ...records.map(record => `  ${record}`)]
    return [`${asked} is answered ${rcode}${rcode === 'NOERROR' ? ' without records (NODATA)' : ''}.`]
  }
}

function parseQuestion(text: string): Name {
  try {
    return parseName(text)
  } catch (error) {
    if (error instanceof NameError) throw new WaypostError('WAY_HTTP_BODY', error.message)
    throw error
  }
}

function parseType(text: string): number {
  const type = typeNumber(text)
  if (type === null)
    throw new WaypostError('WAY_HTTP_BODY', `Cannot parse type "${text}": use a mnemonic such as AAAA, or TYPE65`)
  return type
}

function zoneRole(zone: ServedZone): 'cluster' | 'flycast' | 'reverse' {
  return zone.role ?? 'reverse'
}

/** `…<service>.<namespace>.svc.<domain>` → `namespace/service`. */
function clusterService(key: NameKey, domain: NameKey): string[] {
  if (!isInZone(key, domain)) return []
  const labels = labelsOf(wireOf(key)).slice(0, -labelsOf(wireOf(domain)).length)
  const [service, namespace, svc] = labels.slice(-3)
  return labels.length >= 3 && svc === 'svc' ? [`${namespace}/${service}`] : []
}

/** `…<service>.svc.<app>.flycast` → that Service in every namespace of the app. */
function flycastServices(entry: ControlledNetwork, key: NameKey, flycast: NameKey): string[] {
  const labels = labelsOf(wireOf(key)).slice(0, -labelsOf(wireOf(flycast)).length)
  const [service, svc, app] = labels.slice(-3)
  if (labels.length < 3 || svc !== 'svc') return []
  const namespaces = Array.from(entry.network.store.namespaces()).filter(namespace => namespace.app === app)
  return namespaces.map(namespace => `${namespace.name}/${service}`)
}

function wireOf(key: NameKey): Name {
  return Uint8Array.from(key, character => character.charCodeAt(0)) as Name
}
