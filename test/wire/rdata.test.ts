import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAddress } from '#src/ip/address.ts'
import { parseName } from '#src/wire/name.ts'
import { addressRdata, nameRdata, srvRdata, txtRdata } from '#src/wire/rdata.ts'
import { formatRdata } from '#src/wire/rdata-text.ts'
import { TYPE } from '#src/wire/record-type.ts'
import { anyName } from '#support/arbitrary-wire.ts'

describe('addressRdata', () => {
  it('has 4 octets for IPv4 and 16 for IPv6, taken at the offset', () => {
    const packed = new Uint8Array(33)
    packed.set(parseAddress('192.0.2.7') ?? [], 1)
    packed.set(parseAddress('2001:db8::7') ?? [], 17)
    expect(formatRdata(TYPE.A, addressRdata(packed, 1))).toBe('192.0.2.7')
    expect(formatRdata(TYPE.AAAA, addressRdata(packed, 17))).toBe('2001:db8::7')
  })

  it('is a copy', () => {
    const address = parseAddress('192.0.2.7') ?? new Uint8Array(16)
    const rdata = addressRdata(address)
    address[15] = 8
    expect(rdata[3]).toBe(7)
  })
})

describe('srvRdata', () => {
  it('holds the three numbers in full and the target', () => {
    const port = fc.nat(0xffff)
    fc.assert(
      fc.property(port, port, port, anyName, (priority, weight, number, target) => {
        const text = formatRdata(TYPE.SRV, srvRdata(priority, weight, number, target))
        expect(text).toBe(`${priority} ${weight} ${number} ${formatRdata(TYPE.PTR, nameRdata(target))}`)
      }),
    )
  })
})

describe('txtRdata', () => {
  it('has one string for no text, and one for each text', () => {
    expect([...txtRdata([])]).toEqual([0])
    expect([...txtRdata(['a', '', 'bc'])]).toEqual([1, 0x61, 0, 2, 0x62, 0x63])
  })

  it('is UTF-8, cut at 255 octets', () => {
    expect([...txtRdata(['é'])]).toEqual([2, 0xc3, 0xa9])
    const rdata = txtRdata(['x'.repeat(600)])
    expect([rdata.length, rdata[0], rdata[256], rdata[512]]).toEqual([603, 255, 255, 90])
    expect(txtRdata([new Uint8Array(255)])).toHaveLength(256)
  })
})

it('nameRdata is the name', () => {
  expect(nameRdata(parseName('a.b'))).toEqual(parseName('a.b'))
})
