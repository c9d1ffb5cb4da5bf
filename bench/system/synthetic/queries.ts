/** Query files for the synthetic cluster, in the format of `native/load.c`. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PROBE_NAME } from './propagation.ts'

/** Where the files are. */
export interface QueryFiles {
  /** Every Service that has one address, and a name of the search path for every third. */
  readonly mixed: string
  /** The name whose address carries the sequence number of the last change. */
  readonly probe: string
}

/** Writes the files for so many Services in 100 namespaces. */
export function writeQueries(directory: string, services: number): QueryFiles {
  const queries: Buffer[] = []
  for (let i = 0; i < services; i++) {
    if (i % 20 !== 19) queries.push(query([`svc-${i}`, `ns-${i % 100}`, 'svc', 'cluster', 'local'], 0, 1))
    if (i % 3 === 0) queries.push(query(['example', 'com', `ns-${i % 100}`, 'svc', 'cluster', 'local'], 3, 0))
  }
  const files = { mixed: join(directory, 'mixed.bin'), probe: join(directory, 'probe.bin') }
  writeFileSync(files.mixed, Buffer.concat(queries))
  writeFileSync(files.probe, query(PROBE_NAME, 0, 1))
  return files
}

function query(labels: readonly string[], rcode: number, answers: number): Buffer {
  const name = labels.flatMap(label => [label.length, ...Buffer.from(label)])
  const message = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, ...name, 0, 0, 28, 0, 1]
  return Buffer.from([message.length >> 8, message.length & 255, rcode, answers, ...message])
}
