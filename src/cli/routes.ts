/** `waypost routes`: the route table, once or as it changes. */
import type { Command } from 'commander'
import { formatListen } from '../config/values.ts'
import { WaypostError } from '../errors.ts'
import { apiUrl, DEFAULT_API, fieldsOf, getJson, itemsOf } from './api-client.ts'
import type { Io } from './io.ts'
import { formatTable } from './table.ts'

/** `namespace/name`, whether or not there is such a Service. */
const SERVICE_KEY = /^[^/\s]+\/[^/\s]+$/

interface RoutesOptions {
  readonly http: string
  readonly network?: string
  readonly service?: readonly string[]
  readonly watch?: true
  readonly json?: true
}

/** Adds the command to the program. */
export function addRoutes(program: Command, io: Io): void {
  const each = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text]
  program
    .command('routes')
    .summary('print the route table, or watch it')
    .description(
      'Prints the route of every Service port: its address and its backends. With --watch it prints the lines of the ' +
        'watch as they come (NDJSON) and connects again when the connection is lost.',
    )
    .option('--watch', 'go on and print every change')
    .option('--service <ns/name>', 'only this Service; may be given more than once', each)
    .option('--network <name>', 'only this network')
    .option('--http <addr:port>', "the server's API", DEFAULT_API)
    .option('--json', 'print JSON, as GET /v1/routes answers it')
    .action(async (options: RoutesOptions) => {
      const url = apiUrl(options.http)
      const wrong = options.service?.find(text => !SERVICE_KEY.test(text))
      if (wrong !== undefined) {
        throw new WaypostError(
          'WAY_USAGE',
          `Cannot use --service "${wrong}": it must be a namespace, a slash and a name`,
        )
      }
      if (options.watch) await watchRoutes(url, options, io)
      else await printRoutes(url, options, io)
    })
}

async function watchRoutes(url: string, { network, service }: RoutesOptions, io: Io): Promise<void> {
  const { WatchClient } = await import('../feed/client.ts')
  const token = io.surroundings.env['WAYPOST_TOKEN'] ?? null
  const client = new WatchClient({
    url,
    services: service ?? [],
    network: network ?? null,
    token,
    signal: io.signal,
    onLost: (reason, pauseMs) => {
      io.error(`waypost: Lost ${url}: ${reason}; trying again in ${(pauseMs / 1000).toFixed(1)} s\n`)
    },
  })
  for await (const line of client) io.out(`${JSON.stringify(line)}\n`)
}

async function printRoutes(url: string, { network, service, json }: RoutesOptions, io: Io): Promise<void> {
  const query = network === undefined ? '' : `?network=${encodeURIComponent(network)}`
  const body = fieldsOf(await getJson(url, `/v1/routes${query}`, io))
  const routes = itemsOf(body['routes']).map(fieldsOf)
  const wanted = service === undefined ? routes : routes.filter(route => service.includes(String(route['service'])))
  io.out(json ? `${JSON.stringify({ ...body, routes: wanted })}\n` : wanted.map(formatRoute).join(''))
}

function formatRoute(route: Readonly<Record<string, unknown>>): string {
  const { service, port, protocol, address, number, network, backends } = route
  const where = formatListen({ address: String(address), port: Number(number) })
  const head = [service, port ?? '-', protocol, where, ...(network === undefined ? [] : [`in ${network}`])]
  const rows = itemsOf(backends).map(item => {
    const backend = fieldsOf(item)
    const to = formatListen({ address: String(backend['address']), port: Number(backend['port']) })
    return [`  → ${to}`, String(backend['state'])]
  })
  return `${head.join('  ')}\n${rows.length === 0 ? '  → nothing\n' : formatTable(rows)}`
}
