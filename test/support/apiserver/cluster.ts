/** A real Kubernetes control plane for one test file, with the real kubectl. */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type AdminApi, adminApi } from './admin-api.ts'

/** Milliseconds until the API server must be ready; it takes three to ten seconds. */
const START_DEADLINE = 150_000
const KUBECTL_DEADLINE = 60_000

export interface ClusterOptions {
  /** One service CIDR, or two with a comma. */
  readonly serviceCidr?: string
  /** Run kube-controller-manager: EndpointSlices, namespaces, service accounts and ServiceCIDRs as in production. */
  readonly controllers?: boolean
  /** What the API server listens on; `::` to be reached from a network namespace. */
  readonly bind?: string
  /** More names and addresses for its certificate. */
  readonly names?: readonly string[]
  /** Let etcd wait for the disk. */
  readonly fsync?: boolean
}

/** What a command printed. A command that fails is an error with its stderr, unless `mayFail`. */
export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** See the top of the file. */
export class TestCluster {
  /** Folder for the files of a test; gone with the cluster. */
  readonly folder: string
  /** Of an administrator. */
  readonly kubeconfig: string
  /** `https://[::1]:port` */
  readonly server: string
  readonly caFile: string
  /** Requests of an administrator, many at a time. */
  readonly api: AdminApi
  readonly #program: string
  readonly #control: string
  readonly #child: ChildProcess

  private constructor(program: string, folder: string, child: ChildProcess, ready: Ready) {
    this.#program = program
    this.#child = child
    this.#control = ready.control
    this.folder = folder
    this.kubeconfig = ready.kubeconfig
    this.server = ready.server
    this.caFile = ready.ca
    this.api = adminApi(ready.server, join(folder, 'plane', 'pki'))
  }

  /**
   * Starts one.
   *
   * @param program of test/apiserver, null when it could not be built.
   * @throws Error with the end of the API server's log.
   */
  static async start(program: string | null, options: ClusterOptions = {}): Promise<TestCluster> {
    if (program === null) throw new Error('There is no API server; skip the test')
    const folder = mkdtempSync(join(tmpdir(), 'waypost-cluster-'))
    const args = ['run', '--dir', join(folder, 'plane')]
    if (options.serviceCidr !== undefined) args.push('--service-cidr', options.serviceCidr)
    if (options.bind !== undefined) args.push('--bind', options.bind)
    if (options.names !== undefined) args.push('--names', options.names.join(','))
    if (options.controllers === true) args.push('--controllers')
    if (options.fsync === true) args.push('--fsync')
    // Its standard input is open as long as we live: the whole control plane ends with us.
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] })
    try {
      return new TestCluster(program, folder, child, await readyOf(child))
    } catch (error) {
      child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Runs kubectl as an administrator. */
  async kubectl(args: readonly string[], input = ''): Promise<string> {
    const ran = await this.tryKubectl(args, input)
    if (ran.code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${ran.code}: ${ran.stderr}`)
    return ran.stdout
  }

  /** The same, when it may fail. */
  tryKubectl(args: readonly string[], input = ''): Promise<Ran> {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.folder }
    const options = { env, timeout: KUBECTL_DEADLINE, maxBuffer: 1 << 28, encoding: 'utf8' as const }
    return new Promise(resolve => {
      const child = execFile(this.#program, ['kubectl', ...args], options, (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1
        resolve({ code, stdout, stderr })
      })
      child.stdin?.on('error', () => undefined).end(input)
    })
  }

  /** `kubectl apply` of objects. */
  async apply(...objects: readonly object[]): Promise<string> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects }
    return await this.kubectl(['apply', '--filename', '-'], JSON.stringify(list))
  }

  /** `kubectl get … --output json`. */
  async get<T>(...args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', ...args, '--output', 'json'])) as T
  }

  /** etcd forgets old versions: watches that resume from one get 410. */
  async compact(): Promise<void> {
    await this.#command('compact')
  }

  /** Puts objects into etcd by their keys, past the API server, as a restored backup does. */
  async load(objects: Iterable<readonly [key: string, value: object]>): Promise<void> {
    const lines = Array.from(objects, ([key, value]) => JSON.stringify({ key, value }))
    await this.#command('load', lines.join('\n'))
  }

  /** The API server is gone at once, as after a crash; etcd and the controllers stay. */
  async killApiServer(): Promise<void> {
    await this.#command('apiserver/kill')
  }

  async startApiServer(): Promise<void> {
    await this.#command('apiserver/start')
  }

  /**
   * The kubeconfig of a ServiceAccount, with its token in a file beside it, as a Pod has it.
   *
   * @param server another URL of the API server.
   */
  async serviceAccount(namespace: string, name: string, server: string = this.server): Promise<ServiceAccountFiles> {
    const folder = mkdtempSync(join(this.folder, `${name}-`))
    const tokenFile = join(folder, 'token')
    writeFileSync(tokenFile, await this.kubectl(['create', 'token', name, '--namespace', namespace]))
    const kubeconfig = join(folder, 'kubeconfig')
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'test',
      clusters: [{ name: 'test', cluster: { server, 'certificate-authority': this.caFile } }],
      users: [{ name, user: { tokenFile } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name, namespace } }],
    }
    writeFileSync(kubeconfig, JSON.stringify(config))
    return { kubeconfig, tokenFile }
  }

  /** A new folder below the cluster's. */
  newFolder(name: string): string {
    const path = mkdtempSync(join(this.folder, `${name}-`))
    mkdirSync(path, { recursive: true })
    return path
  }

  /** The end of a program's log, for the message of a test that failed. */
  log(name: 'kube-apiserver' | 'kube-controller-manager'): string {
    return readFileSync(join(this.folder, 'plane', `${name}.log`), 'utf8')
  }

  async stop(): Promise<void> {
    this.api.close()
    const ended = this.#child.exitCode === null ? once(this.#child, 'exit') : null
    this.#child.kill('SIGTERM')
    await ended
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #command(path: string, body: string = ''): Promise<void> {
    const response = await fetch(`${this.#control}/${path}`, { method: 'POST', body })
    if (!response.ok) throw new Error(`${path}: ${await response.text()}`)
    await response.arrayBuffer()
  }
}

/** A ServiceAccount's credentials on disk. */
export interface ServiceAccountFiles {
  readonly kubeconfig: string
  readonly tokenFile: string
}

/** The line of JSON that the program prints. */
interface Ready {
  readonly kubeconfig: string
  readonly server: string
  readonly ca: string
  readonly control: string
}

function readyOf(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve, reject) => {
    let stderr = ''
    child.stderr?.on('data', chunk => {
      stderr += String(chunk)
    })
    const timer = setTimeout(() => reject(new Error(`The API server is not ready: ${stderr}`)), START_DEADLINE)
    const { stdout } = child
    if (stdout === null) throw new Error('The program has no output')
    createInterface(stdout).once('line', line => {
      clearTimeout(timer)
      resolve(JSON.parse(line) as Ready)
    })
    child.once('error', reject)
    child.once('exit', code => {
      clearTimeout(timer)
      reject(new Error(`The control plane ended with ${code}: ${stderr}`))
    })
  })
}
