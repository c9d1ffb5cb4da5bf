/**
 * The last state, as bytes for a file: the objects of a store, to be served after a restart before the source has
 * spoken. It is made and read part by part, so that a large one holds up nobody and is in memory only as objects.
 *
 * ```
 *   ┌──────────┬─────────┐  ┌────────┬────────┬──────────────────────────┐     ┌───┬───────────────────┐
 *   │ WAYSTATE │ version │  │ length │ CRC-32 │ body: V8-serialised array │ …   │ 0 │ number of objects │
 *   └──────────┴─────────┘  └────────┴────────┴──────────────────────────┘     └───┴───────────────────┘
 *    head: 12 octets         part                                               end
 * ```
 *
 * Numbers are unsigned, of four octets and little-endian; length and CRC are the body's. A file of another version, cut
 * short or damaged reads as null: the state is then learned from the source alone. V8's format keeps what objects of a
 * part share, so the metas of endpoints are written once.
 */
import { DefaultDeserializer, DefaultSerializer } from 'node:v8'
import { crc32 } from 'node:zlib'
import type { ClusterObject, EndpointMeta, EndpointSlice, Pod, Service } from './objects.ts'
import { EMPTY, Interner, NO_TEXTS } from './strip/intern.ts'

const MAGIC = Buffer.from('WAYSTATE')
/** To be raised with every change of the layout, of an object's fields or of their meaning. */
const VERSION = 3
const HEAD_BYTES = 12
const PART_HEAD_BYTES = 8
/** A part is about half a millisecond's work: so many endpoints, an object counting as some. */
const PART_WEIGHT = 2000
const OBJECT_WEIGHT = 20

/**
 * The bytes of a snapshot, part by part, each in an ArrayBuffer of its own. 10,000 Services with 250,000 endpoints are
 * about 14 MB.
 */
export function* encodeSnapshot(objects: Iterable<ClusterObject>): Generator<Buffer> {
  const head = Buffer.alloc(HEAD_BYTES)
  MAGIC.copy(head)
  head.writeUInt32LE(VERSION, 8)
  yield head
  let part: ClusterObject[] = []
  let weight = 0
  let count = 0
  for (const object of objects) {
    part.push(object)
    count++
    weight += OBJECT_WEIGHT + (object.kind === 'EndpointSlice' ? object.meta.length : 0)
    if (weight < PART_WEIGHT) continue
    yield encodePart(part)
    part = []
    weight = 0
  }
  if (part.length > 0) yield encodePart(part)
  const end = Buffer.alloc(PART_HEAD_BYTES)
  end.writeUInt32LE(count, 4)
  yield end
}

/** The objects of a snapshot, or null when the bytes are not a whole snapshot of this version. Never throws. */
export function decodeSnapshot(bytes: Uint8Array): ClusterObject[] | null {
  const snapshot = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (snapshot.length < HEAD_BYTES || !snapshot.subarray(0, 8).equals(MAGIC)) return null
  if (snapshot.readUInt32LE(8) !== VERSION) return null
  try {
    return decodeParts(snapshot.subarray(HEAD_BYTES))
  } catch {
    return null
  }
}

function encodePart(objects: readonly ClusterObject[]): Buffer {
  const writer = new PartWriter()
  writer.writeRawBytes(new Uint8Array(PART_HEAD_BYTES))
  writer.writeHeader()
  writer.writeValue(objects)
  const part = writer.releaseBuffer()
  const body = part.subarray(PART_HEAD_BYTES)
  part.writeUInt32LE(body.length, 0)
  part.writeUInt32LE(crc32(body), 4)
  return part
}

/** @throws RangeError when the parts end too early, and whatever V8 throws for what it cannot read. */
function decodeParts(parts: Buffer): ClusterObject[] | null {
  const objects: ClusterObject[] = []
  const rebuilder = new Rebuilder()
  let at = 0
  for (;;) {
    const length = parts.readUInt32LE(at)
    const check = parts.readUInt32LE(at + 4)
    at += PART_HEAD_BYTES
    if (length === 0) return at === parts.length && check === objects.length ? objects : null
    const body = parts.subarray(at, at + length)
    if (body.length !== length || crc32(body) !== check) return null
    const reader = new PartReader(body)
    reader.readHeader()
    rebuilder.rebuild(reader.readValue(), objects)
    at += length
  }
}

/** Every typed array of an object is a Uint8Array. */
class PartWriter extends DefaultSerializer {
  static #scratch = Buffer.alloc(1024)

  /** Copies first: V8 keeps short arrays beside other objects until somebody asks for their buffer. */
  _writeHostObject(octets: Uint8Array): void {
    if (octets.length > PartWriter.#scratch.length) PartWriter.#scratch = Buffer.alloc(2 * octets.length)
    PartWriter.#scratch.set(octets)
    this.writeUint32(octets.length)
    this.writeRawBytes(PartWriter.#scratch.subarray(0, octets.length))
  }
}

class PartReader extends DefaultDeserializer {
  /** In memory of its own, not a view of the file's bytes. */
  _readHostObject(): Uint8Array {
    const octets = new Uint8Array(this.readUint32())
    octets.set(this.readRawBytes(octets.length))
    return octets
  }
}

/** Makes objects of their own out of V8's, which share no texts. */
class Rebuilder {
  readonly #interner = new Interner()
  readonly #metas = new Map<EndpointMeta, EndpointMeta>()

  /** Appends the objects of one part. */
  rebuild(objects: readonly ClusterObject[], out: ClusterObject[]): void {
    this.#metas.clear()
    for (const object of objects) out.push(this.#object(object))
  }

  #object(object: ClusterObject): ClusterObject {
    if (object.kind === 'EndpointSlice') return this.#slice(object)
    if (object.kind === 'Service') return this.#service(object)
    return object.kind === 'Pod' ? this.#pod(object) : { ...object, kind: 'Namespace' }
  }

  #slice(slice: EndpointSlice): EndpointSlice {
    return {
      ...slice,
      kind: 'EndpointSlice',
      namespace: this.#text(slice.namespace),
      ports: this.#interner.ports(slice.ports),
      conditions: this.#interner.octets(slice.conditions),
      meta: slice.meta.map(meta => this.#meta(meta)),
    }
  }

  #service(service: Service): Service {
    return {
      ...service,
      kind: 'Service',
      namespace: this.#text(service.namespace),
      type: this.#text(service.type),
      clusterIPs: listOf(service.clusterIPs),
      ipFamilies: listOf(service.ipFamilies),
      ports: this.#interner.ports(service.ports),
      annotations: Object.keys(service.annotations).length === 0 ? NO_TEXTS : service.annotations,
      internalTrafficPolicy: this.#text(service.internalTrafficPolicy),
    }
  }

  #pod(pod: Pod): Pod {
    return {
      ...pod,
      kind: 'Pod',
      namespace: this.#text(pod.namespace),
      labels: Object.fromEntries(Object.entries(pod.labels).map(([key, value]) => [key, this.#text(value)])),
      phase: this.#text(pod.phase),
      node: this.#optional(pod.node),
      zone: this.#optional(pod.zone),
      ports: this.#interner.ports(pod.ports),
    }
  }

  /** V8 kept the sharing: one look-up for each meta, not for each endpoint's texts. */
  #meta(meta: EndpointMeta): EndpointMeta {
    let own = this.#metas.get(meta)
    if (own === undefined) {
      own = this.#interner.meta(meta.hostname, meta.node, meta.zone, meta.forZones, meta.forNodes)
      this.#metas.set(meta, own)
    }
    return own
  }

  #text<T extends string>(text: T): T {
    return this.#interner.string(text) as T
  }

  #optional(text: string | null): string | null {
    return text === null ? null : this.#interner.string(text)
  }
}

function listOf<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? EMPTY : list
}
