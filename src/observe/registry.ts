/** The metrics page: prom-client formats it, the sources fill it at each scrape. */
import { collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client'
import {
  BUILD_INFO,
  METRICS,
  type MetricDefinition,
  PROGRAMMING_BUCKETS,
  PROGRAMMING_DURATION,
  RECONCILE_BUCKETS,
  RECONCILE_DURATION,
} from './metrics.ts'
import type { Distribution, Labelled, MetricSources } from './sources.ts'

/** One line of the page, in prom-client's form. */
interface Sample {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly value: number
}

/** The page and the few metrics that are observed as they happen. */
export interface Metrics {
  /** The page as text, with its content type. */
  page(): Promise<{ readonly contentType: string; readonly text: string }>
  /** Notes how long one reconcile step took, in seconds. */
  observeReconcile(seconds: number): void
  /** Notes how long a change of a headless Service's endpoints took to be published, in seconds. */
  observeProgrammed(seconds: number): void
}

/** Makes the registry. `sources` is read at every scrape, once a part. */
export function createMetrics(sources: MetricSources, build: { version: string; node: string }): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const info = new Gauge({ ...BUILD_INFO, labelNames: [...BUILD_INFO.labels], registers: [registry] })
  info.set({ ...build }, 1)
  const reconcile = new Histogram({ ...RECONCILE_DURATION, buckets: [...RECONCILE_BUCKETS], registers: [registry] })
  const programmed = new Histogram({
    ...PROGRAMMING_DURATION,
    labelNames: [...PROGRAMMING_DURATION.labels],
    buckets: [...PROGRAMMING_BUCKETS],
    registers: [registry],
  })
  const scrape = oncePerScrape(sources)
  for (const definition of METRICS) registry.registerMetric(collected(definition, scrape.sources))
  return {
    async page() {
      scrape.forget()
      return { contentType: registry.contentType, text: await registry.metrics() }
    },
    observeReconcile: seconds => reconcile.observe(seconds),
    observeProgrammed: seconds => programmed.observe({ service_kind: 'headless_with_selector' }, seconds),
  }
}

/**
 * prom-client asks each metric for its samples through `get()`. A collected metric has no state of its own, which
 * its four classes cannot express, so it is handed over as the one method that the registry calls.
 */
function collected(definition: MetricDefinition, sources: MetricSources): Metric {
  const { name, help, type } = definition
  const metric = {
    name,
    help,
    type,
    aggregator: 'sum',
    reset: () => undefined,
    get: () => Promise.resolve({ name, help, type, aggregator: 'sum', values: samplesOf(definition, sources) }),
  }
  return metric as unknown as Metric
}

function samplesOf(definition: MetricDefinition, sources: MetricSources): readonly Sample[] {
  if (definition.type === 'histogram') return bucketsOf(definition.name, definition.read(sources))
  return definition.read(sources).map(sample => ({ labels: labelsOf(definition.labels, sample), value: sample.value }))
}

function labelsOf(names: readonly string[], { labels }: Labelled): Record<string, string> {
  return Object.fromEntries(names.map((name, i) => [name, labels[i] ?? '']))
}

function bucketsOf(name: string, { bounds, counts, sum }: Distribution): readonly Sample[] {
  const samples: Sample[] = []
  let total = 0
  counts.forEach((count, i) => {
    total += count
    samples.push({ metricName: `${name}_bucket`, labels: { le: bounds[i] ?? '+Inf' }, value: total })
  })
  samples.push({ metricName: `${name}_sum`, labels: {}, value: sum })
  samples.push({ metricName: `${name}_count`, labels: {}, value: total })
  return samples
}

/** The same sources, but each part is asked only once until `forget` is called: all of a page is of one moment. */
function oncePerScrape(sources: MetricSources): { sources: MetricSources; forget(): void } {
  const kept = new Map<string, unknown>()
  const keep = <T>(key: string, read: () => T): T => {
    if (!kept.has(key)) kept.set(key, read())
    return kept.get(key) as T
  }
  return {
    forget: () => kept.clear(),
    sources: {
      dns: () => keep('dns', () => sources.dns()),
      forwarding: () => keep('forwarding', () => sources.forwarding()),
      cache: () => keep('cache', () => sources.cache()),
      index: () => keep('index', () => sources.index()),
      pools: () => keep('pools', () => sources.pools()),
      networks: () => keep('networks', () => sources.networks()),
      status: () => keep('status', () => sources.status()),
      feed: () => keep('feed', () => sources.feed()),
      zones: () => keep('zones', () => sources.zones()),
      admission: () => keep('admission', () => sources.admission()),
      reconciles: () => keep('reconciles', () => sources.reconciles()),
      certificates: () => keep('certificates', () => sources.certificates()),
    },
  }
}
