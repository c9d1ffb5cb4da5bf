/** `waypost query`: a small dig. */
import { Argument, type Command } from 'commander'
import { formatListen, listenAddress, parseDuration } from '../config/values.ts'
import type { ListenAddress } from '../config.ts'
import { WaypostError } from '../errors.ts'
import { formatAddress, parseAddress } from '../ip/address.ts'
import { reverseLabels } from '../ip/arpa.ts'
import { NameError, parseName } from '../wire/name.ts'
import { TYPE, typeNumber } from '../wire/record-type.ts'
import { ask, type Question } from './dns-client.ts'
import { formatReply, replyJson } from './dns-text.ts'
import type { Io } from './io.ts'

interface QueryOptions {
  readonly server: string
  readonly tcp?: true
  readonly timeout: string
  readonly json?: true
}

/** Adds the command to the program. */
export function addQuery(program: Command, io: Io): void {
  program
    .command('query')
    .summary('ask a DNS server')
    .description(
      'Asks one question and prints the answer: over UDP, over TCP when the answer was cut. An address is asked for its name.',
    )
    .addArgument(new Argument('<name>', 'the name, or an IP address for its PTR record'))
    .addArgument(new Argument('[type]', 'the record type; AAAA when left out'))
    .option('--server <addr[:port]>', 'the server', '[::1]:1053')
    .option('--tcp', 'ask over TCP only')
    .option('--timeout <duration>', 'how long each try waits', '2s')
    .option('--json', 'print JSON')
    .action(async (name: string, type: string | undefined, options: QueryOptions) => {
      const question = readQuestion(name, type, options)
      const reply = await ask(question)
      io.out(options.json ? `${JSON.stringify(replyJson(reply))}\n` : formatReply(reply, formatListen(question.server)))
    })
}

function readQuestion(text: string, typeText: string | undefined, options: QueryOptions): Question {
  const address = parseAddress(text)
  const type = typeText === undefined ? (address === null ? TYPE.AAAA : TYPE.PTR) : typeNumber(typeText)
  if (type === null) {
    throw new WaypostError(
      'WAY_USAGE',
      `Cannot query type "${typeText}": it must be a mnemonic such as AAAA or SRV, or TYPE and a number`,
    )
  }
  const timeoutMs = parseDuration(options.timeout)
  if (timeoutMs === null || timeoutMs < 1) {
    throw new WaypostError('WAY_USAGE', `Cannot use --timeout "${options.timeout}": it must be a duration such as 2s`)
  }
  const name = address === null ? readName(text) : reverseLabels(address).join('.')
  return { name, type, server: readServer(options.server), tcp: options.tcp === true, timeoutMs }
}

/** dns2 takes names as text split at every dot, so a dot inside a label cannot be asked for. */
function readName(text: string): string {
  if (text.includes('\\')) throw new WaypostError('WAY_USAGE', `Cannot query "${text}": escapes are not supported here`)
  try {
    parseName(text)
  } catch (error) {
    if (error instanceof NameError) throw new WaypostError('WAY_USAGE', error.message)
    throw error
  }
  return text.replace(/\.$/, '')
}

function readServer(text: string): ListenAddress {
  const bare = parseAddress(text.replace(/^\[(.*)\]$/, '$1'))
  if (bare !== null) return { address: formatAddress(bare), port: 53 }
  const parsed = listenAddress.parse(text)
  if ('value' in parsed && parsed.value.port > 0) return parsed.value
  throw new WaypostError(
    'WAY_USAGE',
    `Cannot use --server "${text}": it must be an address, or an address and a port such as [::1]:1053`,
  )
}
