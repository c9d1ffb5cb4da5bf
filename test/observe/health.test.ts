import { describe, expect, it } from 'vitest'
import { Health } from '#src/observe/health.ts'

describe('readiness', () => {
  it('holds only when every declared condition is met', () => {
    const health = new Health()
    health.unmet('dns', 'DNS is not answered yet')
    health.unmet('source', 'Network "a" has not synced')
    expect(health.readiness()).toEqual({
      ready: false,
      reasons: ['DNS is not answered yet', 'Network "a" has not synced'],
      details: {},
    })
    health.met('dns')
    expect(health.readiness().reasons).toEqual(['Network "a" has not synced'])
    health.met('source')
    expect(health.readiness()).toEqual({ ready: true, reasons: [], details: {} })
  })

  it('goes away when a condition is taken back', () => {
    const health = new Health()
    health.met('stopping')
    health.unmet('stopping', 'The process is stopping')
    expect(health.readiness().ready).toBe(false)
  })

  it('carries details as they are at the time of the request', () => {
    const health = new Health()
    let age = 1
    health.detail('age', () => age)
    age = 2
    expect(health.readiness().details).toEqual({ age: 2 })
  })
})
