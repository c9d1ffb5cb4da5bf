/** `waypost serve`: the server. */
import { resolve } from 'node:path'
import type { Command } from 'commander'
import { type Flags, loadConfig } from '../config.ts'
import type { Io } from './io.ts'

/** The flags as commander hands them over: names in camel case, absent ones missing. */
type ServeOptions = Flags & { readonly config?: string }

/** Adds the command to the program. `finish` takes the exit status. */
export function addServe(program: Command, io: Io, finish: (status: number) => void): void {
  const each = (text: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), text]
  program
    .command('serve')
    .summary('run the server')
    .description(
      'Gives every Service an address, a name and a route. Without --config the flags describe one network that every ' +
        'source sees; without any flag it serves the example manifests on loopback. Flags override the file.',
    )
    .option('--config <file>', 'configuration file (YAML)')
    .option('--manifests <dir>', 'folder of Kubernetes manifests, watched')
    .option('--kubeconfig <file>', 'kubeconfig of a cluster to follow in place of manifests')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--service-cidr <prefix>', 'IPv6 pool of Service addresses, /64 to /124')
    .option('--rest <duration>', 'how long a released address rests, for example 10m')
    .option('--zones <dir>', 'folder of master files, *.zone')
    .option('--data <dir>', 'folder of the ledger and the last state')
    .option('--dns <addr:port>', 'where DNS is answered, UDP and TCP; may be given more than once', each)
    .option('--http <addr:port>', 'where the HTTP API listens')
    .option('--admission <addr:port>', 'where API servers ask for the addresses of new Services')
    .option('--workers <n>', 'UDP worker threads, or "auto"')
    .option('--transport <kind>', 'batched, portable or auto')
    .option('--proxy-name <name>', "our name in a Service's service.kubernetes.io/service-proxy-name label")
    .option('--log-level <level>', 'trace, debug, info, warn, error or silent')
    .action(async ({ config: file, ...flags }: ServeOptions) => {
      const reload = () => loadConfig({ file: file ?? null, flags, surroundings: io.surroundings })
      const config = reload()
      // Loaded here and not above: the other commands need none of the server's modules.
      const { serve } = await import('../serve.ts')
      finish(
        await serve({
          config,
          configFile: file === undefined ? null : resolve(io.surroundings.cwd, file),
          reload,
          terminal: io.terminal,
        }),
      )
    })
}
