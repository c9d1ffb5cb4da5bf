/** Why a name of a Service answers what it answers, in sentences. Reads the same tables as the records are made of. */
import { type EndpointSlice, TERMINATING } from '../cluster/objects.ts'
import { ADDRESS_BYTES, type Address, formatAddress } from '../ip/address.ts'
import { addressOfReverseLabels } from '../ip/arpa.ts'
import { formatName, labelsOf, type NameKey, nameOfKey } from '../wire/name.ts'
import { TYPE, typeName } from '../wire/record-type.ts'
import type { NamingContext, ServiceFacts, ZoneRole } from './context.ts'
import { Endpoints, type Position } from './endpoints.ts'
import { equalBytes } from './nodes.ts'
import { labelsBefore, type Place, placesOf, planService, shapeOf } from './plan.ts'
import { portLabel, portsOf, protocolLabel } from './srv.ts'
import { Targets } from './targets.ts'

/** Endpoints that are explained one by one; of the others only the number is told. */
const MOST_ENDPOINTS = 50

/** Which endpoints a name is about, beyond those of the type that was asked for. */
type Choice =
  | { readonly kind: 'all' }
  | { readonly kind: 'label'; readonly label: string }
  | { readonly kind: 'port'; readonly port: string; readonly protocol: string }

/**
 * What a Service has to do with a name: where the Service is defined, what its names stand for, and for each endpoint
 * that counts whether it is in the answer, or why not. Empty when the name is none of the Service's.
 *
 * @param key the name, lower-case (`foldName`)
 * @param type the type that is asked for
 */
export function explainService(
  context: NamingContext,
  facts: ServiceFacts,
  role: ZoneRole,
  key: NameKey,
  type: number,
): string[] {
  if (role === 'reverse') return explainReverse(context, facts, key)
  const place = placesOf(context, facts).find(candidate => candidate.role === role)
  const rest = place === undefined ? null : labelsBefore(key, place)
  if (place === undefined || rest === null || rest.length > 2) return []
  const lines = [originLine(facts, place), ...shapeLines(context, facts)]
  const shape = shapeOf(facts)
  if (shape === 'external' || (shape === 'cluster' && facts.addresses.length === 0)) return lines
  return [...lines, ...labelLines(facts, rest, type)]
}

function originLine({ service }: ServiceFacts, { base }: Place): string {
  return `${formatName(base)} is Service "${service.key}" (${service.type}) of ${service.origin}.`
}

function shapeLines(context: NamingContext, facts: ServiceFacts): string[] {
  const { service, addresses } = facts
  const shape = shapeOf(facts)
  if (shape === 'external') {
    const fault = planService(context, facts) === null ? ', which is no host name, so its name does not exist' : ''
    return [`It is an alias: its external name is "${service.externalName}"${fault}.`]
  }
  if (shape === 'headless') return ['It is headless: its addresses are those of its ready endpoints.']
  if (addresses.length === 0) return ['It has no address, so none of its names exists.']
  return [`Its addresses are ${addresses.map(address => formatAddress(address)).join(' and ')}.`]
}

/** What the labels before the Service's name choose. */
function labelLines(facts: ServiceFacts, rest: readonly string[], type: number): string[] {
  const [first = '', second = ''] = rest
  const isHeadless = shapeOf(facts) === 'headless'
  if (rest.length === 0) return isHeadless ? endpointLines(facts, type, { kind: 'all' }) : portLines(facts, type)
  if (rest.length === 1 && first.startsWith('_')) return protocolLines(facts, first)
  if (rest.length === 1) return endpointLines(facts, type, { kind: 'label', label: first })
  if (!first.startsWith('_') || !second.startsWith('_')) return []
  if (isHeadless) return endpointLines(facts, type, { kind: 'port', port: first, protocol: second })
  return [namedPortLine(facts, first, second)]
}

function portLines({ service }: ServiceFacts, type: number): string[] {
  if (type !== TYPE.SRV) return []
  if (service.ports.length === 0) return ['It declares no port, so it has no SRV record.']
  const ports = service.ports.map(({ name, port, protocol }) => `${name === '' ? '' : `${name} `}${port}/${protocol}`)
  return [`It has one SRV record for each number of its ports: ${ports.join(', ')}.`]
}

function namedPortLine({ service }: ServiceFacts, port: string, protocol: string): string {
  const found = service.ports.find(candidate => isPort(candidate, port, protocol))
  if (found !== undefined) return `Port "${found.name}" is ${found.port}/${found.protocol}.`
  const names = service.ports.map(({ name, protocol }) =>
    name === '' ? `an unnamed ${protocol} port` : `${name}/${protocol}`,
  )
  return `It has no port ${port}.${protocol}; it has ${names.length === 0 ? 'none' : names.join(', ')}.`
}

function protocolLines(facts: ServiceFacts, protocol: string): string[] {
  const ports = shapeOf(facts) === 'headless' ? readyPorts(facts) : facts.service.ports
  const names = ports.filter(port => portLabel(port.name) !== null && protocolLabel(port.protocol) === protocol)
  if (names.length === 0) return [`It has no named port of protocol ${protocol}, so the name does not exist.`]
  return [`Below ${protocol} are its named ports: ${[...new Set(names.map(({ name }) => name))].join(', ')}.`]
}

function readyPorts(facts: ServiceFacts): ReturnType<typeof portsOf> {
  const endpoints = new Endpoints(facts.slices)
  return endpoints.ready.flatMap(endpoint => portsOf(endpoints, endpoint))
}

function isPort(
  port: { name: string | null; protocol: EndpointSlice['ports'][number]['protocol'] },
  label: string,
  protocol: string,
): boolean {
  return portLabel(port.name) === label && protocolLabel(port.protocol) === protocol
}

function endpointLines(facts: ServiceFacts, type: number, choice: Choice): string[] {
  const targets = new Targets(new Endpoints(facts.slices))
  const { endpoints } = targets
  const lines = facts.slices
    .filter(slice => slice.addressType === 'FQDN')
    .map(slice => `${sliceText(slice)} is out: its addresses are host names.`)
  let more = 0
  for (let position = 0; position < endpoints.total; position++) {
    if (choice.kind === 'label' && !isAbout(targets, position, choice.label)) continue
    if (lines.length >= MOST_ENDPOINTS) more++
    else lines.push(endpointLine(targets, position, type, choice))
  }
  if (more > 0) lines.push(`And ${more.toLocaleString('en-US')} more endpoints.`)
  if (choice.kind === 'label' && targets.find(choice.label) < 0) {
    lines.push(`No ready endpoint is called "${choice.label}", so the name does not exist.`)
  } else if (endpoints.ready.length === 0) {
    lines.push(`No endpoint is ready${shapeOf(facts) === 'headless' ? ', so none of its names exists' : ''}.`)
  }
  return lines
}

/** Whether the endpoint has the label, or would have it but for its hostname or its conditions. */
function isAbout(targets: Targets, position: Position, label: string): boolean {
  const { endpoints } = targets
  const hostname = endpoints.metaAt(position).hostname?.toLowerCase() ?? null
  return hostname === label || targets.dashedOf(position) === label
}

function endpointLine(targets: Targets, position: Position, type: number, choice: Choice): string {
  const { endpoints } = targets
  const text = `${formatAddress(endpoints.addresses, ADDRESS_BYTES * position)} (${sliceText(endpoints.sliceAt(position))})`
  const fault = faultOf(targets, position, type, choice)
  if (fault !== null) return `${text} is out: ${fault}.`
  const endpoint = endpoints.findSame(endpoints, position)
  return `${text} is in, as "${targets.labelOf(endpoint)}".`
}

/** Why the endpoint at a position does not count for an answer; null when it does. */
function faultOf(targets: Targets, position: Position, type: number, choice: Choice): string | null {
  const { endpoints } = targets
  const endpoint = endpoints.findSame(endpoints, position)
  const speaker = endpoints.speaker(endpoint)
  if (speaker !== position && !isExtraPort(endpoints, position, choice)) {
    return `it is a duplicate; what counts is its entry in slice "${endpoints.sliceAt(speaker).name}"`
  }
  if (!endpoints.isReady(endpoint)) {
    return (endpoints.conditionsAt(position) & TERMINATING) !== 0
      ? 'it is terminating and not ready'
      : 'it is not ready'
  }
  if (choice.kind === 'label' && targets.labelOf(endpoint) !== choice.label) {
    return `its hostname is "${targets.labelOf(endpoint)}", which is used instead of the dashed address`
  }
  if (
    choice.kind === 'port' &&
    !portsOf(endpoints, endpoint).some(port => isPort(port, choice.port, choice.protocol))
  ) {
    return `its slice has no port ${choice.port}.${choice.protocol}`
  }
  if (choice.kind === 'all' && type === TYPE.SRV && portsOf(endpoints, endpoint).every(({ port }) => port === null)) {
    return 'its slice has no port'
  }
  const isAddressType = type === TYPE.A || type === TYPE.AAAA
  if (isAddressType && choice.kind !== 'port' && endpoints.typeAt(position) !== type) {
    return `its family has no ${typeName(type)} record`
  }
  return null
}

/** Whether a copy counts beside the speaking one because it has the port that is asked for. */
function isExtraPort(endpoints: Endpoints, position: Position, choice: Choice): boolean {
  return (
    choice.kind === 'port' &&
    endpoints.isReadyAt(position) &&
    endpoints.sliceAt(position).ports.some(port => isPort(port, choice.port, choice.protocol))
  )
}

function explainReverse(context: NamingContext, facts: ServiceFacts, key: NameKey): string[] {
  const address = addressOfReverseLabels(labelsOf(nameOfKey(key)))
  const [place] = placesOf(context, facts)
  if (address === null || place === undefined) return []
  if (shapeOf(facts) === 'cluster' && facts.addresses.some(own => equalBytes(own, address))) {
    return [originLine(facts, place), `${formatAddress(address)} is its own address, so the pointer names the Service.`]
  }
  return shapeOf(facts) === 'external' ? [] : reverseEndpointLines(facts, place, address)
}

function reverseEndpointLines(facts: ServiceFacts, place: Place, address: Address): string[] {
  const targets = new Targets(new Endpoints(facts.slices))
  const { endpoints } = targets
  const endpoint = endpoints.find(address)
  if (endpoint < 0) return []
  const positions = endpoints.copies.get(endpoint) ?? [endpoint]
  return [
    originLine(facts, place),
    ...positions.map(position => endpointLine(targets, position, TYPE.PTR, { kind: 'all' })),
  ]
}

function sliceText(slice: EndpointSlice): string {
  return `slice "${slice.name}" of ${slice.origin}`
}
