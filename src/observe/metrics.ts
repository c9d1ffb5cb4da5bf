/**
 * Every metric by name. Prometheus style: prefix `waypost_`, base units in the name, counters end in `_total`. The
 * list is the documentation too: docs/metrics.md is held equal to it by a test.
 */
import type { Distribution, Labelled, MetricSources, ResourceFigures } from './sources.ts'

/** One metric: what it is called and how it is read from the sources. */
export type MetricDefinition =
  | {
      readonly type: 'counter' | 'gauge'
      readonly name: string
      readonly help: string
      readonly labels: readonly string[]
      read(sources: MetricSources): readonly Labelled[]
    }
  | {
      readonly type: 'histogram'
      readonly name: string
      readonly help: string
      readonly labels: readonly []
      read(sources: MetricSources): Distribution
    }

/** What is read from the sources at a scrape. */
export const METRICS: readonly MetricDefinition[] = [
  counter('dns_queries_total', 'DNS queries by type.', ['transport', 'type'], s => s.dns().queries),
  counter('dns_responses_total', 'DNS responses by response code.', ['transport', 'rcode'], s => s.dns().responses),
  counter('dns_extended_errors_total', 'Responses that say why (RFC 8914).', ['code'], s => s.dns().extendedErrors),
  counter('dns_cookies_total', 'Queries with a DNS cookie.', ['result'], s => s.dns().cookies),
  counter('dns_rate_limit_slips_total', 'Responses over the rate limit, sent empty with TC.', [], s =>
    one(s.dns().slips),
  ),
  counter('dns_truncated_total', 'Responses cut to fit, with TC set.', ['transport'], s => s.dns().truncated),
  counter('dns_answers_total', 'Responses by what was found.', ['kind'], s => s.dns().answers),
  counter('dns_received_packets_total', 'DNS messages received.', ['transport'], s => s.dns().receivedPackets),
  counter('dns_sent_packets_total', 'DNS messages sent.', ['transport'], s => s.dns().sentPackets),
  counter('dns_received_bytes_total', 'Bytes of the messages received.', ['transport'], s => s.dns().receivedBytes),
  counter('dns_sent_bytes_total', 'Bytes of the messages sent.', ['transport'], s => s.dns().sentBytes),
  counter('dns_dropped_total', 'Packets that got no response.', ['reason'], s => s.dns().dropped),
  {
    type: 'histogram',
    name: 'waypost_dns_response_duration_seconds',
    help: 'Time from the arrival of a query to its response.',
    labels: [],
    read: s => s.dns().duration,
  },
  counter('dns_batches_total', 'Receive calls that brought packets.', ['worker'], s => s.dns().batches),
  counter('dns_batch_packets_total', 'Packets that these calls brought.', ['worker'], s => s.dns().packets),
  gauge('dns_tcp_connections', 'Open connections.', ['transport'], s => s.dns().tcpOpen),
  counter('dns_tcp_accepted_total', 'Connections taken.', ['transport'], s => s.dns().tcpAccepted),
  counter('dns_tls_handshakes_total', 'TLS handshakes.', ['result'], s => s.dns().handshakes),
  counter('dns_tcp_closed_total', 'Connections closed.', ['reason'], s => s.dns().tcpClosed),

  gauge('forward_in_flight_questions', 'Questions that upstreams are asked at the moment.', [], s =>
    total(s, 'inFlight'),
  ),
  gauge('forward_waiting_queries', 'Queries of clients that wait for them.', [], s => total(s, 'waiting')),
  counter(
    'forward_questions_total',
    'Questions for upstreams by how they ended; joined: they were in flight already.',
    ['result'],
    s =>
      (['answered', 'failed', 'expired', 'joined', 'refused'] as const).flatMap(name =>
        total(s, name).map(({ value }) => ({ labels: [name], value })),
      ),
  ),
  counter('forward_hedged_total', 'Second tries while the first could still be answered.', [], s => total(s, 'hedged')),
  counter('forward_sent_total', 'Questions sent.', ['upstream'], s => s.forwarding()?.sent ?? []),
  counter(
    'forward_results_total',
    'What came of questions that were sent; late: after the time in which 95 of 100 answers come; stranger: a message ' +
      'that does not answer our question.',
    ['upstream', 'result'],
    s => s.forwarding()?.results ?? [],
  ),
  gauge(
    'forward_upstream_state',
    '1 for the present state of an upstream.',
    ['upstream', 'state'],
    s => s.forwarding()?.states ?? [],
  ),
  gauge(
    'forward_upstream_late_seconds',
    'Time after which a second try is made.',
    ['upstream'],
    s => s.forwarding()?.late ?? [],
  ),
  {
    type: 'histogram',
    name: 'waypost_forward_upstream_duration_seconds',
    help: 'Time from a question to an upstream to its answer.',
    labels: [],
    read: s => s.forwarding()?.duration ?? { bounds: [], counts: [0], sum: 0 },
  },

  counter('cache_hits_total', 'Answers from the cache, by what they say.', ['kind'], s => s.cache()?.hits ?? []),
  counter('cache_stale_total', 'Those of them that were out of date.', [], s => cached(s, 'stale')),
  counter('cache_misses_total', 'Questions that the cache had no answer to.', [], s => cached(s, 'misses')),
  counter(
    'cache_insertions_total',
    'Answers and failures that were kept, by what they say.',
    ['kind'],
    s => s.cache()?.insertions ?? [],
  ),
  counter('cache_evictions_total', 'Entries that went to make room.', [], s => cached(s, 'evictions')),
  counter('cache_refused_total', 'Answers that found no room.', [], s => cached(s, 'refused')),
  counter('cache_prefetches_total', 'Answers fetched again before they expired.', [], s => cached(s, 'prefetches')),
  counter('cache_flushed_total', 'Entries taken out by hand.', [], s => cached(s, 'flushed')),
  gauge('cache_entries', 'Entries in the cache.', [], s => cached(s, 'entries')),
  gauge('cache_bytes', 'Octets of its entries.', [], s => cached(s, 'bytes')),

  gauge(
    'index_names',
    'Names in the index, every network counted; one that several owners share has an entry for each of them too.',
    [],
    s => one(s.index().names),
  ),
  gauge('index_zones', 'Zones in the index.', [], s => one(s.index().zones)),
  gauge('index_arena_bytes', 'Size of the arena of answers.', [], s => one(s.index().arenaBytes)),
  gauge('index_used_bytes', 'Bytes of the arena that are written.', [], s => one(s.index().usedBytes)),
  gauge('index_garbage_bytes', 'Written bytes that nothing points to.', [], s => one(s.index().garbageBytes)),
  gauge('index_slots', 'Slots of the hash table.', [], s => one(s.index().slots)),
  gauge('index_used_slots', 'Slots that are taken.', [], s => one(s.index().usedSlots)),
  gauge('index_generation', 'Number of the generation in use.', [], s => one(s.index().generation)),

  gauge('pool_capacity_addresses', 'Addresses that the pool has.', ['network'], s =>
    s.pools().map(pool => ({ labels: [pool.network], value: pool.capacity })),
  ),
  gauge('pool_claimed_addresses', 'Claims by state.', ['network', 'state'], s =>
    s.pools().flatMap(pool => [
      { labels: [pool.network, 'bound'], value: pool.bound },
      { labels: [pool.network, 'reserved'], value: pool.reserved },
      { labels: [pool.network, 'resting'], value: pool.resting },
    ]),
  ),
  counter('pool_allocations_total', 'Claims by result.', ['network', 'result'], s =>
    s.pools().flatMap(pool => [
      { labels: [pool.network, 'made'], value: pool.allocations },
      { labels: [pool.network, 'refused'], value: pool.refusals },
    ]),
  ),

  counter('pool_reservations_total', 'Reservations by what became of them.', ['network', 'event'], s =>
    s.pools().flatMap(pool => [
      { labels: [pool.network, 'made'], value: pool.reservations },
      { labels: [pool.network, 'committed'], value: pool.committed },
      { labels: [pool.network, 'lapsed'], value: pool.lapsed },
    ]),
  ),

  gauge('reconcile_findings', 'Addresses of Services that somebody should look at.', ['network', 'kind'], s =>
    s.reconciles().flatMap(one => [
      { labels: [one.network, 'outside'], value: one.outside },
      { labels: [one.network, 'conflict'], value: one.conflicts },
    ]),
  ),
  counter(
    'reconcile_changes_total',
    'Claims that the comparison with a cluster has mended.',
    ['network', 'change'],
    s =>
      s.reconciles().flatMap(one => [
        { labels: [one.network, 'adopted'], value: one.adopted },
        { labels: [one.network, 'freed'], value: one.freed },
      ]),
  ),

  counter('admission_reviews_total', 'Admission reviews by result.', ['result'], s => s.admission().requests),
  {
    type: 'histogram',
    name: 'waypost_admission_duration_seconds',
    help: 'Time from a review that was read to its answer, the write to the ledger included.',
    labels: [],
    read: s => s.admission().duration,
  },

  perNetwork('source_synced', '1 when the source has given a complete state in this run.', n => (n.synced ? 1 : 0)),
  perNetwork('source_age_seconds', 'Time since the source was last proven alive.', n => n.sourceAge),
  perNetwork(
    'source_stale_seconds',
    'Time since what is served may be out of date, because the source is away; 0: it is what is.',
    n => n.sourceStale,
  ),
  perResource('gauge', 'source_event_age_seconds', 'Time since the last event or bookmark of a resource.', [], r =>
    r.eventAge === null ? [] : [{ labels: [], value: r.eventAge }],
  ),
  perResource('gauge', 'source_objects', 'Objects of a resource that are known.', [], r => one(r.objects)),
  perResource('counter', 'source_relists_total', 'Complete states taken after the first one.', [], r => one(r.relists)),
  perResource(
    'counter',
    'source_watch_errors_total',
    'Ends of watches and lists that were not planned.',
    ['reason'],
    r => r.errors,
  ),
  gauge('source_problems', 'Faults of the input that a person must mend.', ['network', 'code'], s =>
    s.networks().flatMap(n => n.problems.map(p => ({ labels: [n.network, ...p.labels], value: p.value }))),
  ),
  perNetwork(
    'last_state_age_seconds',
    'Age of the state from disk while it is served; 0: it is not.',
    n => n.lastStateAge ?? 0,
  ),
  perNetwork('services', 'Services known.', n => n.services),
  perNetwork('waiting_services', 'Services that have no address yet.', n => n.waiting),
  perNetwork('reconcile_queue_keys', 'Keys that wait to be reconciled.', n => n.queue),

  gauge('status_leader', '1 while this replica writes the status of the cluster.', ['network'], s =>
    s.status().map(n => ({ labels: [n.network], value: n.isLeader ? 1 : 0 })),
  ),
  counter('status_leader_transitions_total', 'How often it began or ceased to.', ['network'], s =>
    s.status().map(n => ({ labels: [n.network], value: n.transitions })),
  ),
  gauge('status_dirty_services', 'Services whose sync version is to be written.', ['network'], s =>
    s.status().map(n => ({ labels: [n.network], value: n.dirty })),
  ),
  counter('status_writes_total', 'Writes of sync versions by result.', ['network', 'result'], s =>
    s.status().flatMap(n => n.writes.map(w => ({ labels: [n.network, ...w.labels], value: w.value }))),
  ),
  gauge('status_waiting_events', 'Objects that wait for their Event.', ['network'], s =>
    s.status().map(n => ({ labels: [n.network], value: n.waitingEvents })),
  ),
  counter('status_events_total', 'Events by reason and by what became of them.', ['network', 'reason', 'result'], s =>
    s.status().flatMap(n => n.events.map(e => ({ labels: [n.network, ...e.labels], value: e.value }))),
  ),

  gauge('feed_version', 'Number of the last publish.', [], s => one(s.feed().version)),
  gauge('feed_watchers', 'Open watch streams.', [], s => one(s.feed().watchers)),
  gauge('feed_watcher_limit', 'Watch streams that are allowed.', [], s => one(s.feed().watcherLimit)),
  gauge('feed_lag_publishes', 'Publishes that the slowest watcher is behind.', [], s => one(s.feed().lag)),
  counter('feed_lines_total', 'Lines sent to watchers.', [], s => one(s.feed().lines)),
  counter('feed_sent_bytes_total', 'Bytes sent to watchers.', [], s => one(s.feed().bytes)),
  counter('feed_closed_total', 'Watch streams closed by us.', ['reason'], s => s.feed().closed),

  gauge('dns_certificate_expiry_timestamp_seconds', 'When the certificate ends.', ['listener'], s => s.certificates()),
  gauge('zone_files', 'Master files by state.', ['state'], s => [
    { labels: ['served'], value: s.zones().loaded },
    { labels: ['faulty'], value: s.zones().faulty },
  ]),
]

/** Buckets of {@link RECONCILE_DURATION} in seconds. */
export const RECONCILE_BUCKETS: readonly number[] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3]

/** Observed while it happens, not collected: the time of one reconcile step. */
export const RECONCILE_DURATION: { readonly name: string; readonly help: string } = {
  name: 'waypost_reconcile_duration_seconds',
  help: 'Time from taking keys off the queue to the publish of their last one.',
}

/** Buckets of {@link PROGRAMMING_DURATION} in seconds: 20 from 1 ms, doubled each time, as CoreDNS has them. */
export const PROGRAMMING_BUCKETS: readonly number[] = Array.from({ length: 20 }, (_, i) => 0.001 * 2 ** i)

/**
 * Observed while it happens, under CoreDNS's own name, so that dashboards go on working. Like CoreDNS it counts headless
 * Services alone, the only ones whose records change with their endpoints.
 */
export const PROGRAMMING_DURATION: {
  readonly name: string
  readonly help: string
  readonly labels: readonly string[]
} = {
  name: 'coredns_kubernetes_dns_programming_duration_seconds',
  help: 'Time from the change of a Pod or Service to the answer that shows it (annotation endpoints.kubernetes.io/last-change-trigger-time).',
  labels: ['service_kind'],
}

/** Always 1; its labels say what runs. */
export const BUILD_INFO: { readonly name: string; readonly help: string; readonly labels: readonly string[] } = {
  name: 'waypost_build_info',
  help: 'Version of Waypost and of Node.js.',
  labels: ['version', 'node'],
}

type Read = (sources: MetricSources) => readonly Labelled[]

function counter(name: string, help: string, labels: readonly string[], read: Read): MetricDefinition {
  return { type: 'counter', name: `waypost_${name}`, help, labels, read }
}

function gauge(name: string, help: string, labels: readonly string[], read: Read): MetricDefinition {
  return { type: 'gauge', name: `waypost_${name}`, help, labels, read }
}

/** A gauge with one value a network; null leaves the network out. */
function perNetwork(
  name: string,
  help: string,
  value: (network: ReturnType<MetricSources['networks']>[number]) => number | null,
): MetricDefinition {
  return gauge(name, help, ['network'], sources =>
    sources.networks().flatMap(network => {
      const figure = value(network)
      return figure === null ? [] : [{ labels: [network.network], value: figure }]
    }),
  )
}

/** A total of forwarding; nothing when nothing is forwarded. */
function total(
  sources: MetricSources,
  name: keyof NonNullable<ReturnType<MetricSources['forwarding']>>['totals'],
): readonly Labelled[] {
  const figures = sources.forwarding()
  return figures === null ? [] : one(figures.totals[name])
}

/** A metric of each resource that a network's source follows. */
function perResource(
  type: 'counter' | 'gauge',
  name: string,
  help: string,
  labels: readonly string[],
  read: (resource: ResourceFigures) => readonly Labelled[],
): MetricDefinition {
  const all: Read = sources =>
    sources
      .networks()
      .flatMap(({ network, resources }) =>
        resources.flatMap(resource =>
          read(resource).map(sample => ({ ...sample, labels: [network, resource.resource, ...sample.labels] })),
        ),
      )
  return { type, name: `waypost_${name}`, help, labels: ['network', 'resource', ...labels], read: all }
}

/** A figure of the cache; nothing when nothing is kept. */
function cached(
  sources: MetricSources,
  name: Exclude<keyof NonNullable<ReturnType<MetricSources['cache']>>, 'hits' | 'insertions'>,
): readonly Labelled[] {
  const figures = sources.cache()
  return figures === null ? [] : one(figures[name])
}

function one(value: number): readonly Labelled[] {
  return [{ labels: [], value }]
}
