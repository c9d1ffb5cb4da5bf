/** `waypost explain`: why a name answers what it answers. */
import { Argument, type Command } from 'commander'
import { WaypostError } from '../errors.ts'
import { parseAddress } from '../ip/address.ts'
import { NameError, parseName } from '../wire/name.ts'
import { typeNumber } from '../wire/record-type.ts'
import { apiUrl, DEFAULT_API, fieldsOf, getJson, itemsOf } from './api-client.ts'
import type { Io } from './io.ts'

/** Adds the command to the program. */
export function addExplain(program: Command, io: Io): void {
  program
    .command('explain')
    .summary('say why a name answers what it answers')
    .description(
      'Says, for a name and a source address: the network, the zone, the object behind the name, and why each endpoint is in or out.',
    )
    .addArgument(new Argument('<name>', 'the name, as in a query'))
    .addArgument(new Argument('[type]', 'the record type; AAAA and A when left out'))
    .option('--from <addr>', 'the address that the query would come from')
    .option('--http <addr:port>', "the server's API", DEFAULT_API)
    .option('--json', 'print JSON')
    .action(async (name: string, type: string | undefined, options: { from?: string; http: string; json?: true }) => {
      if (options.from !== undefined && parseAddress(options.from) === null) {
        throw new WaypostError('WAY_USAGE', `Cannot use --from "${options.from}": it must be an IPv6 or IPv4 address`)
      }
      checkQuestion(name, type)
      const query = new URLSearchParams({ name })
      if (type !== undefined) query.set('type', type)
      if (options.from !== undefined) query.set('from', options.from)
      const body = await getJson(apiUrl(options.http), `/v1/explain?${query}`, io)
      const lines = itemsOf(fieldsOf(body)['lines']).map(line => `${line}\n`)
      io.out(options.json ? `${JSON.stringify(body)}\n` : lines.join(''))
    })
}

/** @throws WaypostError WAY_USAGE. */
function checkQuestion(name: string, type: string | undefined): void {
  if (type !== undefined && typeNumber(type) === null) {
    throw new WaypostError(
      'WAY_USAGE',
      `Cannot explain type "${type}": it must be a mnemonic such as AAAA or SRV, or TYPE and a number`,
    )
  }
  try {
    parseName(name)
  } catch (error) {
    if (error instanceof NameError) throw new WaypostError('WAY_USAGE', error.message)
    throw error
  }
}
