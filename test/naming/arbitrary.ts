/** Random states of one Service, dense enough that addresses, hostnames and ports collide. */
import fc from 'fast-check'
import {
  type EndpointPort,
  type EndpointSlice,
  READY,
  SERVING,
  type Service,
  TERMINATING,
} from '#src/cluster/objects.ts'
import type { ServiceFacts } from '#src/naming/context.ts'
import { address } from '#support/ip.ts'
import { facts, servicePort, slice, slicePort } from './builders.ts'

const LONG = 'x'.repeat(63)
const V4 = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4']
const V6 = ['fdaa::1', 'fdaa::2', 'fdaa::3', '::5', 'fdaa:1::']
const HOSTNAMES = [null, null, null, 'a', 'b', 'A', '10-0-0-1', '10-0-0-2', 'fdaa--1', 'not a label', LONG]
const CONDITIONS = [READY | SERVING, READY | SERVING, READY | SERVING | TERMINATING, SERVING | TERMINATING, SERVING, 0]

const port: fc.Arbitrary<EndpointPort> = fc
  .record({
    name: fc.constantFrom('http', 'http', 'metrics', '', null, LONG),
    port: fc.constantFrom(80, 80, 8080, 53, null),
    protocol: fc.constantFrom('TCP' as const, 'TCP' as const, 'UDP' as const),
  })
  .map(({ name, port, protocol }) => slicePort(name, port, protocol))

const endpoint = (addresses: readonly string[]) =>
  fc.record({
    address: fc.constantFrom(...addresses),
    conditions: fc.constantFrom(...CONDITIONS),
    hostname: fc.constantFrom(...HOSTNAMES),
  })

const oneSlice = (name: string): fc.Arbitrary<EndpointSlice> =>
  fc
    .constantFrom(V4, V6)
    .chain(addresses =>
      fc.record({
        endpoints: fc.array(endpoint(addresses), { maxLength: 4 }),
        ports: fc.array(port, { maxLength: 3 }),
      }),
    )
    .map(({ endpoints, ports }) => slice(name, endpoints, ports))

const slices: fc.Arbitrary<EndpointSlice[]> = fc
  .tuple(fc.option(oneSlice('web-a')), fc.option(oneSlice('web-b')), fc.option(oneSlice('web-c')))
  .chain(parts =>
    fc.shuffledSubarray(
      parts.filter(part => part !== null),
      { minLength: parts.filter(part => part !== null).length },
    ),
  )

const shape: fc.Arbitrary<Partial<Service>> = fc.constantFrom(
  { headless: true },
  { headless: true },
  {},
  { type: 'LoadBalancer' },
  { type: 'ExternalName', externalName: 'www.example.com' },
)

/** A state of the Service default/web. */
export const arbitraryFacts: fc.Arbitrary<ServiceFacts> = fc
  .record({
    shape,
    ports: fc.subarray([
      servicePort('http', 80),
      servicePort('', 81),
      servicePort('dns', 53, 'UDP'),
      servicePort(LONG, 9),
    ]),
    addresses: fc.subarray(['fdaa::1:1', '10.96.0.1', '10.0.0.3'], { maxLength: 2 }),
    slices,
    app: fc.constantFrom(null, 'shop', 'shop', 'mail', 'Not.A.Label'),
  })
  .map(({ shape, ports, addresses, slices, app }) => {
    return facts({ ...shape, ports }, { addresses: addresses.map(address), slices, app })
  })

type Change = [before: ServiceFacts, after: ServiceFacts]

/** A state and what it may become: mostly a small change, sometimes another state altogether. */
export const arbitraryChange: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(arbitraryFacts, arbitraryFacts),
  fc.tuple(arbitraryFacts, slices).map(([before, slices]): Change => [before, { ...before, slices }]),
  fc
    .tuple(arbitraryFacts, fc.nat(2), endpoint([...V6, ...V4]), fc.nat(3))
    .map(([before, at, changed, number]): Change => {
      const slices = before.slices.map((old, i) => (i === at ? withEndpoint(old, changed, number) : old))
      return [before, { ...before, slices }]
    }),
)

function withEndpoint(
  old: EndpointSlice,
  changed: { address: string; conditions: number; hostname: string | null },
  number: number,
): EndpointSlice {
  if (number >= old.conditions.length || changed.address.includes(':') !== (old.addressType === 'IPv6')) return old
  const one = slice(old.name, [changed], old.ports)
  const addresses = old.addresses.slice()
  addresses.set(one.addresses, 16 * number)
  const conditions = old.conditions.with(number, changed.conditions)
  const [meta] = one.meta
  return { ...old, addresses, conditions, meta: meta === undefined ? old.meta : old.meta.with(number, meta) }
}
