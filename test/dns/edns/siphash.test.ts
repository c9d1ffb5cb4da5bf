import { describe, expect, it } from 'vitest'
import { SipHash } from '#src/dns/edns/siphash.ts'

const KEY = Uint8Array.from({ length: 16 }, (_, i) => i)

function digestOf(hash: SipHash, bytes: Uint8Array, length = bytes.length): string {
  hash.digest(bytes, length)
  const digest = Buffer.alloc(8)
  digest.writeInt32LE(hash.low, 0)
  digest.writeInt32LE(hash.high, 4)
  return digest.toString('hex')
}

describe('SipHash-2-4', () => {
  /** The reference implementation's vectors: the key is 00 to 0f, the message 00, 01, 02 … */
  it.each([
    [0, '310e0edd47db6f72'],
    [1, 'fd67dc93c539f874'],
    [2, '5a4fa9d909806c0d'],
    [3, '2d7efbd796666785'],
    [4, 'b7877127e09427cf'],
    [7, '37d1018bf50002ab'],
    [8, '6224939a79f5f593'],
    [15, 'e545be4961ca29a1'],
  ])('of %i octets is that of the reference', (length, digest) => {
    expect(
      digestOf(
        new SipHash(KEY),
        Uint8Array.from({ length }, (_, i) => i),
      ),
    ).toBe(digest)
  })

  it('does not depend on what was hashed before, nor on octets behind the message', () => {
    const hash = new SipHash(KEY)
    digestOf(hash, new Uint8Array(100).fill(7))
    expect(digestOf(hash, new Uint8Array(20).fill(0xff).fill(0, 0, 1), 1)).toBe('fd67dc93c539f874')
  })

  it('needs a key of 16 octets', () => {
    expect(() => new SipHash(new Uint8Array(15))).toThrow(RangeError)
  })
})
