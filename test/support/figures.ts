/** Figures of a server that has done a little of everything. */
import type { MetricSources } from '#src/observe/sources.ts'

/** The same figures at every call. */
export function fakeFigures(): MetricSources {
  return {
    dns: () => ({
      queries: [{ labels: ['udp', 'AAAA'], value: 3 }],
      responses: [{ labels: ['udp', 'NOERROR'], value: 3 }],
      extendedErrors: [{ labels: ['not_authoritative'], value: 1 }],
      truncated: [{ labels: ['udp'], value: 1 }],
      answers: [{ labels: ['hit'], value: 3 }],
      receivedPackets: [{ labels: ['udp'], value: 4 }],
      sentPackets: [{ labels: ['udp'], value: 3 }],
      receivedBytes: [{ labels: ['udp'], value: 200 }],
      sentBytes: [{ labels: ['udp'], value: 300 }],
      dropped: [{ labels: ['short'], value: 1 }],
      duration: { bounds: [0.001, 0.01], counts: [5, 2, 1], sum: 0.5 },
      batches: [{ labels: ['0'], value: 2 }],
      packets: [{ labels: ['0'], value: 3 }],
      tcpOpen: 1,
      tcpAccepted: 2,
      tcpClosed: [{ labels: ['idle'], value: 1 }],
    }),
    forwarding: () => ({
      totals: {
        inFlight: 1,
        waiting: 2,
        asked: 9,
        joined: 1,
        answered: 6,
        failed: 1,
        expired: 1,
        refused: 1,
        hedged: 1,
      },
      sent: [{ labels: ['10.0.0.53:53'], value: 9 }],
      results: [{ labels: ['10.0.0.53:53', 'answer'], value: 6 }],
      states: [{ labels: ['10.0.0.53:53', 'good'], value: 1 }],
      late: [{ labels: ['10.0.0.53:53'], value: 0.3 }],
      duration: { bounds: [0.001, 0.01], counts: [5, 2, 1], sum: 0.5 },
    }),
    index: () => ({
      names: 10,
      zones: 3,
      arenaBytes: 4096,
      usedBytes: 1024,
      garbageBytes: 128,
      slots: 64,
      usedSlots: 10,
      generation: 1,
    }),
    pools: () => [
      { network: 'default', capacity: 65_534, bound: 4, reserved: 0, resting: 2, allocations: 6, refusals: 0 },
    ],
    networks: () => [
      {
        network: 'default',
        synced: true,
        sourceStale: 3,
        resources: [
          { resource: 'services', eventAge: 4, relists: 5, errors: [{ labels: ['gone'], value: 6 }], objects: 7 },
        ],
        sourceAge: 0.5,
        lastStateAge: null,
        problems: [{ labels: ['WAY_MANIFEST_PARSE'], value: 1 }],
        services: 4,
        waiting: 0,
        queue: 0,
      },
    ],
    status: () => [
      {
        network: 'default',
        isLeader: true,
        transitions: 1,
        dirty: 2,
        waitingEvents: 0,
        writes: [{ labels: ['done'], value: 5 }],
        events: [{ labels: ['ServiceCIDRFull', 'created'], value: 1 }],
      },
    ],
    feed: () => ({
      version: 7,
      watchers: 1,
      watcherLimit: 4096,
      lag: 0,
      lines: 20,
      bytes: 2000,
      closed: [{ labels: ['slow'], value: 0 }],
    }),
    zones: () => ({ loaded: 5, faulty: 0 }),
  }
}
