import { describe, expect, it } from 'vitest'
import { BUILD_INFO, METRICS, RECONCILE_DURATION } from '#src/observe/metrics.ts'
import { createMetrics } from '#src/observe/registry.ts'
import { fakeFigures } from '#support/figures.ts'

const ALL = [...METRICS, { ...BUILD_INFO, type: 'gauge' }, { ...RECONCILE_DURATION, type: 'histogram', labels: [] }]

/** Units that are not base units (Prometheus, "Metric and label naming"). */
const WRONG_UNITS = /_(ms|milliseconds|minutes|hours|kb|mb|kilobytes|megabytes|percent)(_|$)/

describe('metric names', () => {
  it.each(ALL.map(metric => [metric.name, metric] as const))('%s follows Prometheus style', (name, metric) => {
    expect(name).toMatch(/^waypost_[a-z][a-z0-9]*(_[a-z0-9]+)*$/)
    expect(name).not.toMatch(WRONG_UNITS)
    expect(name.endsWith('_total')).toBe(metric.type === 'counter')
    expect(name).not.toMatch(/_(count|sum|bucket|info)$(?<!build_info)/)
    expect(metric.help).toMatch(/^[A-Z0-9].*\.$/)
    for (const label of metric.labels) expect(label).toMatch(/^[a-z][a-z_]*$/)
  })

  it('are given once each', () => {
    expect(new Set(ALL.map(metric => metric.name)).size).toBe(ALL.length)
  })

  it('of histograms carry a unit', () => {
    for (const metric of ALL) if (metric.type === 'histogram') expect(metric.name).toMatch(/_(seconds|bytes)$/)
  })
})

describe('the metrics page', () => {
  const page = async (figures = fakeFigures()) =>
    (await createMetrics(figures, { version: '1.2.3', node: 'v26.0.0' }).page()).text

  it('has every metric with its help and its type', async () => {
    const text = await page()
    for (const { name, type } of ALL) {
      expect(text).toContain(`# HELP ${name} `)
      expect(text).toContain(`# TYPE ${name} ${type}\n`)
    }
    expect(text).toContain('waypost_build_info{version="1.2.3",node="v26.0.0"} 1')
    expect(text).toContain('process_resident_memory_bytes')
  })

  it('shows what the sources say at the time of the scrape', async () => {
    const figures = fakeFigures()
    let asked = 0
    const metrics = createMetrics(
      { ...figures, index: () => ({ ...figures.index(), names: ++asked }) },
      { version: '1', node: '26' },
    )
    expect((await metrics.page()).text).toContain('waypost_index_names 1\n')
    expect((await metrics.page()).text).toContain('waypost_index_names 2\n')
  })

  it('has cumulative buckets that end in +Inf', async () => {
    const lines = (await page()).split('\n').filter(line => line.startsWith('waypost_dns_response_duration_seconds'))
    expect(lines).toEqual([
      'waypost_dns_response_duration_seconds_bucket{le="0.001"} 5',
      'waypost_dns_response_duration_seconds_bucket{le="0.01"} 7',
      'waypost_dns_response_duration_seconds_bucket{le="+Inf"} 8',
      'waypost_dns_response_duration_seconds_sum 0.5',
      'waypost_dns_response_duration_seconds_count 8',
    ])
  })

  it('has one line for each set of labels', async () => {
    const text = await page()
    expect(text).toContain('waypost_dns_queries_total{transport="udp",type="AAAA"} 3\n')
    expect(text).toContain('waypost_pool_claimed_addresses{network="default",state="resting"} 2\n')
    expect(text).toContain('waypost_status_leader{network="default"} 1\n')
    expect(text).toContain('waypost_status_writes_total{network="default",result="done"} 5\n')
    expect(text).toContain(
      'waypost_status_events_total{network="default",reason="ServiceCIDRFull",result="created"} 1\n',
    )
    expect(text).toContain('waypost_source_problems{network="default",code="WAY_MANIFEST_PARSE"} 1\n')
  })

  it('leaves out the age of a source that was never alive', async () => {
    const figures = fakeFigures()
    const silent = { ...figures, networks: () => figures.networks().map(network => ({ ...network, sourceAge: null })) }
    expect(await page(silent)).not.toContain('waypost_source_age_seconds{')
  })

  it('counts reconcile steps as they happen', async () => {
    const metrics = createMetrics(fakeFigures(), { version: '1', node: '26' })
    metrics.observeReconcile(0.002)
    expect((await metrics.page()).text).toContain('waypost_reconcile_duration_seconds_count 1')
  })
})
