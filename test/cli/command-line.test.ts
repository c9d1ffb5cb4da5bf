import { describe, expect, it } from 'vitest'
import { VERSION } from '#src/version.ts'
import { runFake } from '#support/fake-io.ts'

const COMMANDS = ['serve', 'query', 'routes', 'addresses', 'check', 'explain']

describe('the command line', () => {
  it('lists its commands', async () => {
    const { status, out } = await runFake(['--help'])
    expect(status).toBe(0)
    for (const command of COMMANDS) expect(out).toMatch(new RegExp(`^ {2}${command} `, 'm'))
  })

  it.each(COMMANDS)('%s has help', async command => {
    const { status, out, error } = await runFake([command, '--help'])
    expect(status).toBe(0)
    expect(error).toBe('')
    expect(out).toMatch(new RegExp(`^Usage: waypost ${command} .*\\n\\n[A-Z]`))
  })

  it('prints its version', async () => {
    expect(await runFake(['--version'])).toEqual({ status: 0, out: `${VERSION}\n`, error: '' })
  })

  it.each([
    [['serv'], "unknown command 'serv' (Did you mean serve?)"],
    [['serve', '--manifest', 'x'], "unknown option '--manifest' (Did you mean --manifests?)"],
    [['serve', '--rest'], "'--rest <duration>' argument missing"],
    [['serve', 'x'], 'too many arguments'],
    [['serve', '--rest', '10q'], '--rest "10q" must be a duration'],
    [['serve', '--service-cidr', 'fdaa::1/112'], 'the block is fdaa::/112'],
    [['routes', '--http', 'nowhere'], '--http "nowhere"'],
    [['explain', 'a', '--from', 'me'], '--from "me"'],
  ])('%j is one sentence on stderr and status 2', async (args, words) => {
    const { status, out, error } = await runFake(args)
    expect({ status, out }).toEqual({ status: 2, out: '' })
    expect(error).toMatch(/^waypost: [A-Z].* \(WAY_USAGE\)\n$/)
    expect(error).toContain(words)
  })

  it('without a command is a usage error that shows the help', async () => {
    const { status, error } = await runFake([])
    expect(status).toBe(2)
    expect(error).toContain('Usage: waypost')
  })

  it('a configuration that cannot be read is a failure, not wrong usage', async () => {
    const { status, error } = await runFake(['serve', '--config', 'missing.yaml'])
    expect(status).toBe(1)
    expect(error).toMatch(/^waypost: Cannot read configuration "\/work\/missing.yaml": .* \(WAY_CONFIG_UNREADABLE\)\n$/)
  })
})
