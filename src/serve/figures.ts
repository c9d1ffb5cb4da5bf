/** The figures of the metrics page, gathered from the parts at each scrape. */
import type { SourceResource } from '../cluster/source.ts'
import type { Control } from '../control/control.ts'
import type { DataPlane } from '../dns/plane.ts'
import type { RouteHub } from '../feed/hub.ts'
import type { IndexWriter } from '../index/writer.ts'
import type {
  MetricSources,
  NetworkFigures,
  PoolFigures,
  ResourceFigures,
  StatusFigures,
  ZoneFigures,
} from '../observe/sources.ts'
import type { Allocator } from '../pool/allocator.ts'
import type { Admission } from './admission.ts'

/** The parts that are counted. */
export interface CountedParts {
  readonly control: Control
  readonly allocator: Allocator
  readonly writer: IndexWriter
  readonly plane: () => DataPlane
  readonly hub: RouteHub
  readonly status: () => readonly StatusFigures[]
  readonly zones: () => ZoneFigures
  readonly admission: Admission
  readonly certificates: MetricSources['certificates']
}

/** The functions that the metrics page reads. */
export function figuresOf(parts: CountedParts): MetricSources {
  const { control, allocator, writer, plane, hub, status, zones, admission, certificates } = parts
  return {
    dns: () => plane().counters(),
    forwarding: () => plane().forwarding(),
    cache: () => plane().cache(),
    index: () => writer.stats(),
    pools: () => control.networks.map(({ settings }) => poolFigures(allocator, settings.name)),
    networks: () => control.networks.map(networkFigures),
    status,
    feed: () => hub.figures(),
    zones,
    admission: () => admission.webhook.figures(),
    reconciles: () => admission.figures(),
    certificates,
  }
}

function poolFigures(allocator: Allocator, network: string): PoolFigures {
  const stats = allocator.stats(network)
  return {
    network,
    capacity: Number(stats.size),
    bound: stats.bound,
    reserved: stats.reserved,
    resting: stats.resting,
    allocations: stats.allocations,
    refusals: stats.refusals,
    reservations: stats.reservations,
    committed: stats.committed,
    lapsed: stats.lapsed,
  }
}

function networkFigures({ settings, network, feed }: Control['networks'][number]): NetworkFigures {
  const seen = feed.lastSeen()
  const stale = feed.staleSince()
  const now = Date.now()
  const problems = Map.groupBy(feed.problemList, problem => problem.code)
  return {
    network: settings.name,
    synced: feed.hasSynced,
    sourceAge: seen === 0 ? null : (now - seen) / 1000,
    sourceStale: stale === null ? 0 : (now - stale) / 1000,
    resources: feed.resources().map(resource => resourceFigures(resource, now)),
    lastStateAge: feed.restoredAt === null ? null : (now - feed.restoredAt) / 1000,
    problems: Array.from(problems, ([code, list]) => ({ labels: [code], value: list.length })),
    services: network.published.size,
    waiting: network.waiting,
    queue: network.queueDepth,
  }
}

function resourceFigures({ name, lastSeen, relists, errors, objects }: SourceResource, now: number): ResourceFigures {
  const eventAge = lastSeen === null || lastSeen === 0 ? null : (now - lastSeen) / 1000
  const reasons = Array.from(errors, ([reason, value]) => ({ labels: [reason], value }))
  return { resource: name, eventAge, relists, errors: reasons, objects }
}
