/** `waypost addresses`: which address belongs to whom. */
import type { Command } from 'commander'
import { apiUrl, DEFAULT_API, fieldsOf, getJson, itemsOf } from './api-client.ts'
import type { Io } from './io.ts'
import { formatTable } from './table.ts'

/** Adds the command to the program. */
export function addAddresses(program: Command, io: Io): void {
  program
    .command('addresses')
    .summary('list the claims of a running server')
    .description('Lists every address that a Service or an app holds, has reserved, or held until lately.')
    .option('--http <addr:port>', "the server's API", DEFAULT_API)
    .option('--network <name>', 'only this network')
    .option('--json', 'print JSON, as GET /v1/addresses answers it')
    .action(async (options: { http: string; network?: string; json?: true }) => {
      const query = options.network === undefined ? '' : `?network=${encodeURIComponent(options.network)}`
      const body = await getJson(apiUrl(options.http), `/v1/addresses${query}`, io)
      io.out(options.json ? `${JSON.stringify(body)}\n` : formatAddresses(body))
    })
}

function formatAddresses(body: unknown): string {
  const rows = itemsOf(fieldsOf(body)['addresses']).map(item => {
    const { address, network, owner, state, until } = fieldsOf(item)
    const { kind, name } = fieldsOf(owner)
    return [String(address), String(network), String(state), `${kind} ${name}`, until === null ? '' : String(until)]
  })
  return formatTable([['ADDRESS', 'NETWORK', 'STATE', 'OWNER', 'UNTIL'], ...rows])
}
