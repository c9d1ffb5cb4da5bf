import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Surroundings } from '#src/config.ts'
import { type CommandResult, runFake } from '#support/fake-io.ts'
import { fakeSurroundings } from '#support/surroundings.ts'
import { temporaryFolder } from '#support/waypost.ts'

const folders: { path: string; dispose(): void }[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) folder.dispose()
})

/** Runs `waypost check` in a folder with these files. */
async function check(
  files: Readonly<Record<string, string>>,
  ...args: string[]
): Promise<CommandResult & { folder: string }> {
  const folder = temporaryFolder()
  folders.push(folder)
  for (const part of ['m', 'zones']) mkdirSync(join(folder.path, part))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder.path, name), text)
  const result = await runFake(['check', ...args], realFiles(folder.path))
  return { ...result, folder: folder.path }
}

function realFiles(cwd: string): Surroundings {
  return fakeSurroundings(
    {},
    {
      cwd,
      readFile: path => readFileSync(path, 'utf8'),
      isFolder: path => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true,
    },
  )
}

const SERVICE = (name: string, address: string) =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { clusterIP: "${address}", ports: [{ port: 80 }] }\n`
const ZONE = '@ 5 SOA ns h 1 2 3 4 5\n@ 5 NS ns\nns 5 AAAA ::1\n'

describe('waypost check', () => {
  it('reads the credentials of a cluster without asking its API server', { timeout: 60_000 }, async () => {
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'c', cluster: { server: 'https://[fd00::1]:6443' } }],
      users: [{ name: 'u', user: { token: 't' } }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }
    const files = { kubeconfig: JSON.stringify(config) }
    const good = await check(files, '--kubeconfig', 'kubeconfig')
    expect(good.out).toContain('cluster of default: https://[fd00::1]:6443\n')
    expect(good.status).toBe(0)
    const bad = await check(files, '--kubeconfig', 'kubeconfig', '--context', 'other')
    expect(bad.error).toMatch(/no context "other"; the contexts are x \(WAY_KUBERNETES_CONFIG\)\n$/)
    expect(bad.status).toBe(1)
  })

  it('says what it found and ends with 0 when nothing is wrong', async () => {
    const files = { 'm/a.yaml': SERVICE('a', 'fdaa::1'), 'zones/example.org.zone': ZONE }
    const { status, out, error, folder } = await check(files, '--manifests', 'm', '--zones', 'zones')
    expect({ status, error }).toEqual({ status: 0, error: '' })
    expect(out).toBe(
      'configuration: flags alone, networks: default\n' +
        `zones: 1 zone with 3 records in ${folder}/zones\n` +
        `manifests of default: 1 Service in ${folder}/m\n`,
    )
  })

  it('reports the file of a zone that the cluster itself fills', async () => {
    const files = { 'zones/Cluster.Local.zone': ZONE, 'zones/example.org.zone': ZONE }
    const { status, error, folder } = await check(files, '--manifests', 'm', '--zones', 'zones')
    expect(status).toBe(1)
    expect(error).toMatch(
      /^waypost: \S+\/zones\/Cluster\.Local\.zone: Zone Cluster\.Local\. is not .*\(WAY_NAME_TAKEN\)\n$/,
    )
    expect(error).toContain(folder)
  })

  it('prints every fault with its file and line and ends with 1', async () => {
    const files = {
      'm/a.yaml': `${SERVICE('a', 'fdaa::1')}---\n${SERVICE('b', 'fdaa::1')}`,
      'm/broken.yaml': 'a: [\n',
      'm/wrong.yaml': 'apiVersion: v1\nkind: Service\nmetadata: { name: A_B }\nspec: { ports: [{ port: 80 }] }\n',
      'm/four.yaml': SERVICE('four', 'None').replace(
        'clusterIP: "None"',
        'ipFamilies: [IPv4, IPv6], ipFamilyPolicy: RequireDualStack',
      ),
      'zones/example.org.zone': `${ZONE}www 5 A nonsense\n`,
    }
    const { status, error, folder } = await check(files, '--manifests', 'm', '--zones', 'zones')
    expect(status).toBe(1)
    const lines = error
      .trimEnd()
      .split('\n')
      .map(line => line.replaceAll(`${folder}/`, ''))
    const places = lines.map(line => /^waypost: (\S+?):(?:(\d+):)? .* \((WAY_[A-Z_]+)\)$/.exec(line)?.slice(1))
    expect(places).toContainEqual(['zones/example.org.zone', '4', 'WAY_ZONE_PARSE'])
    expect(places).toContainEqual(['m/broken.yaml', expect.any(String), 'WAY_MANIFEST_PARSE'])
    expect(places).toContainEqual(['m/wrong.yaml', '3', 'WAY_MANIFEST_OBJECT'])
    expect(places).toContainEqual(['m/a.yaml', expect.any(String), 'WAY_ADDRESS_TAKEN'])
    expect(places).toContainEqual(['m/four.yaml', expect.any(String), 'WAY_POOL_FAMILY'])
    expect(places).toHaveLength(5)
  })

  it('prints the faults of the configuration, one a line', async () => {
    const { status, error, folder } = await check({ 'w.yaml': 'pool: { rest: x }\ndata: 5\n' }, '--config', 'w.yaml')
    expect(status).toBe(1)
    expect(error).toBe(
      `waypost: ${folder}/w.yaml:1: pool.rest "x" must be a duration such as 10m, 90s or 1h30m (WAY_CONFIG_INVALID)\n` +
        `waypost: ${folder}/w.yaml:2: data 5 must be a path (WAY_CONFIG_INVALID)\n`,
    )
  })

  it('says that a folder is not there', async () => {
    const { status, error, folder } = await check({}, '--manifests', 'nowhere', '--zones', 'no-zones')
    expect(status).toBe(1)
    expect(error).toBe(
      `waypost: ${folder}/no-zones: there is no such folder of zone files (WAY_ZONE_PARSE)\n` +
        `waypost: ${folder}/nowhere: there is no such folder of manifests (WAY_MANIFEST_PARSE)\n`,
    )
  })
})
