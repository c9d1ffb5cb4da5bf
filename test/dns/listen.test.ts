import { describe, expect, it } from 'vitest'
import { isWildcard, listenBytes, listenError, wasChosenPortTaken } from '#src/dns/listen.ts'

const FIXED = { address: '::1', port: 53 }
const FREE = { address: '127.0.0.1', port: 0 }

describe('listen addresses', () => {
  it.each([
    ['EADDRINUSE', 53, 'another socket has the port (EADDRINUSE)'],
    ['EADDRNOTAVAIL', 53, 'no interface has this address (EADDRNOTAVAIL)'],
    ['EACCES', 53, 'ports below 1024 need root or the capability NET_BIND_SERVICE (EACCES)'],
    ['EACCES', 1053, 'permission denied (EACCES)'],
    ['EODD', 1053, 'the system refused (EODD)'],
  ])('say why a socket cannot be opened: %s on port %i', (code, port, reason) => {
    const error = listenError({ address: '::1', port }, 'UDP', code)
    expect(error).toMatchObject({ code: 'WAY_LISTEN', message: `Cannot listen on [::1]:${port} (UDP): ${reason}` })
  })

  it('are tried again with another port only when the system chose the one that was taken', () => {
    const taken = (address: string, port: number, code = 'EADDRINUSE'): Error =>
      listenError({ address, port }, 'TCP', code)
    expect(wasChosenPortTaken([FIXED, FREE], taken('127.0.0.1', 40_000))).toBe(true)
    expect(wasChosenPortTaken([FIXED, FREE], taken('::1', 53))).toBe(false)
    expect(wasChosenPortTaken([FIXED, FREE], taken('127.0.0.1', 40_000, 'EACCES'))).toBe(false)
    expect(wasChosenPortTaken([FIXED], taken('::1', 53))).toBe(false)
    expect(wasChosenPortTaken([FREE], new Error('something else'))).toBe(false)
  })

  it.each([
    ['::', true],
    ['0.0.0.0', true],
    ['::1', false],
    ['0.0.0.1', false],
    ['1.0.0.0', false],
  ])('%s is a wildcard: %s', (address, expected) => {
    expect(isWildcard(listenBytes({ address, port: 0 }))).toBe(expected)
  })
})
