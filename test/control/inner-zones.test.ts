/** Zone files whose apex lies inside the cluster's domain, as a client sees their negative answers. */
import { afterEach, describe, expect, it } from 'vitest'
import type { Service } from '#src/cluster/objects.ts'
import { allocateCounters, Counters } from '#src/dns/counters.ts'
import { Responder } from '#src/dns/responder.ts'
import { CONTROL, CONTROL_BYTES, STATE } from '#src/index/layout.ts'
import { IndexReader } from '#src/index/reader.ts'
import { parseName } from '#src/wire/name.ts'
import { CLASS, TYPE } from '#src/wire/record-type.ts'
import type { Zone } from '#src/zone/zone.ts'
import { address } from '#support/ip.ts'
import { decodeMessage } from '#support/message-decoder.ts'
import { APEX, zoneOf } from '#support/zone-text.ts'
import { service, servicePort } from '../naming/builders.ts'
import { makeNetwork, type TestNetwork } from './cluster.ts'

const open: TestNetwork[] = []
afterEach(() => {
  for (const test of open.splice(0)) test.dispose()
})

/** Owner of the SOA of a negative answer. */
function soaOf(test: TestNetwork, name: string): string {
  const control = new SharedArrayBuffer(CONTROL_BYTES)
  new Int32Array(control)[CONTROL.state] = STATE.serving
  const reader = new IndexReader(test.writer.buffers, control)
  const counters = new Counters(allocateCounters(1), 0)
  const responder = new Responder(reader, counters, { udpLimit: 1232, nsid: null, chaos: null })
  const question = [...parseName(name), 0, TYPE.A, 0, CLASS.IN]
  const query = Uint8Array.of(0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...question)
  const out = new Uint8Array(4096)
  const length = responder.respond(query, 0, query.length, out, 0, out.length, 0, 1)
  const { answers, authorities } = decodeMessage(out.subarray(0, length))
  expect(answers).toEqual([])
  return authorities.map(record => record.name).join()
}

const CLUSTER_IP = address('fdaa:0:48c8:0:1::7')

function web(port: number): Service {
  return service({ clusterIPs: [CLUSTER_IP], ports: [servicePort('http', port)] })
}

const NEGATIVE = [
  'none.default.svc.cluster.local.',
  'default.svc.cluster.local.',
  'web.default.svc.cluster.local.',
  'none.web.default.svc.cluster.local.',
  '_tcp.web.default.svc.cluster.local.',
]

describe('a zone file below the cluster domain', () => {
  it.each(['file first', 'Service first'])(
    'has its own SOA in every negative answer inside of it (%s)',
    async order => {
      const test = makeNetwork()
      open.push(test)
      const file = zoneOf(`${APEX}www AAAA ::1\n`, { origin: 'default.svc.cluster.local.' })
      const serveFile = async (files: readonly Zone[]): Promise<void> => {
        if (test.names.setFiles(files).moved) await test.network.republish()
      }
      test.names.setSynced()
      if (order === 'file first') await serveFile([file])
      await test.apply({ kind: 'Service', key: 'default/web', object: web(80) })
      if (order === 'Service first') await serveFile([file])
      const ask = (name: string): string => soaOf(test, name)
      expect(NEGATIVE.map(ask)).toEqual(NEGATIVE.map(() => 'default.svc.cluster.local.'))
      await test.apply({ kind: 'Service', key: 'default/web', object: web(81) })
      expect(NEGATIVE.map(ask)).toEqual(NEGATIVE.map(() => 'default.svc.cluster.local.'))
      expect(ask('none.other.svc.cluster.local.')).toBe('cluster.local.')
      expect(test.recordsAt('web.default.svc.cluster.local.')?.[0]).toBe('AAAA fdaa:0:48c8:0:1::7')
      expect(test.recordsAt('www.default.svc.cluster.local.')).toEqual(['AAAA ::1'])
      await serveFile([])
      expect(NEGATIVE.map(ask)).toEqual(NEGATIVE.map(() => 'cluster.local.'))
      expect(test.recordsAt('web.default.svc.cluster.local.')?.[0]).toBe('AAAA fdaa:0:48c8:0:1::7')
    },
  )
})
