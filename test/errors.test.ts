import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ERRORS, type ErrorCode, WaypostError } from '#src/errors.ts'
import { ROOT, readSources } from '#support/source-tree.ts'

const codes = Object.keys(ERRORS) as ErrorCode[]

describe('error codes', () => {
  it('have the form WAY_<AREA>_<WHAT>, or WAY_<WHAT> for what has no area', () => {
    expect(codes.filter(code => !/^WAY(_[A-Z]+){1,3}$/.test(code))).toEqual([])
  })

  it('mean one sentence each', () => {
    expect(codes.filter(code => !/^[A-Z](?!.*\. ).*\.$/.test(ERRORS[code].meaning))).toEqual([])
  })

  it('have a heading in docs/errors.md each, with their meaning and status, in the order of the table', () => {
    const text = readFileSync(join(ROOT, 'docs/errors.md'), 'utf8')
    const sections = [...text.matchAll(/^## (\S+)\n\n(.*)$/gm)].map(([, code, meaning]) => [code, meaning])
    expect(sections).toEqual(codes.map(code => [code, `${ERRORS[code].meaning} (${ERRORS[code].status})`]))
  })

  it('are all used somewhere', () => {
    const sources = readSources().filter(file => file.path !== 'errors.ts')
    const launcher = readFileSync(join(ROOT, 'bin/waypost.js'), 'utf8')
    const used = [...sources.map(file => file.text), launcher].join('\n')
    expect(codes.filter(code => !new RegExp(`${code}\\b`).test(used))).toEqual([])
  })

  it('are all in the table when the source names them', () => {
    const named = readSources().flatMap(file => file.text.match(/\bWAY_[A-Z]+(?:_[A-Z]+)*\b(?!_)/g) ?? [])
    expect([...new Set(named)].filter(code => !(code in ERRORS))).toEqual([])
  })
})

describe('an error', () => {
  it('carries its code, its status and its cause', () => {
    const cause = new Error('inner')
    const error = new WaypostError('WAY_LEDGER_WRITE', 'Cannot write', { cause })
    expect(error).toMatchObject({
      name: 'WaypostError',
      code: 'WAY_LEDGER_WRITE',
      status: 503,
      message: 'Cannot write',
      cause,
    })
  })
})
