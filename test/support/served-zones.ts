/** A responder that serves built zones. */
import type { Zone } from '#src/zone/zone.ts'
import { Answering } from './answering.ts'

/** Puts whole zones into an index, as the control thread does. */
export function serveZones(zones: Iterable<Zone>): Answering {
  const server = new Answering()
  for (const { apex, soa, nodes } of zones) {
    const id = server.writer.defineZone(0, { apex, soa, kind: 'forward', unsynced: false })
    for (const node of nodes) server.writer.set(0, id, node, 1)
  }
  return server
}
