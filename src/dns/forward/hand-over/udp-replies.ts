/**
 * Sends replies to queries that batched UDP threads have handed over: from the same sockets, which belong to the process,
 * and with the same control messages. Replies of one turn of the loop leave together.
 */
import { CELL, type Counters, DROP } from '../../counters.ts'
import { UDP } from '../../transport.ts'
import { BATCH, controlOffset, MAX_REPLY, MessageVector, nameOffset, SLOT } from '../../udp/message-vector.ts'
import { EAGAIN, EINTR, ENOBUFS, type Pointer, type SystemCalls } from '../../udp/system-calls.ts'
import type { DeferredQuery } from './reception.ts'
import { RECORD } from './ring.ts'

/** See the top of the file. */
export class UdpReplies {
  readonly #calls: SystemCalls
  readonly #counters: Counters
  readonly #vector: MessageVector
  #descriptor = -1
  #count = 0
  #isScheduled = false

  constructor(calls: SystemCalls, counters: Counters) {
    this.#calls = calls
    this.#counters = counters
    this.#vector = new MessageVector(calls)
  }

  /** The query of a record (layout: `RECORD`), which must not change any more. */
  queryOf(record: Uint8Array): DeferredQuery {
    const view = new DataView(record.buffer, record.byteOffset)
    return {
      bytes: record,
      start: RECORD.query,
      length: view.getUint16(RECORD.queryLength, true),
      source: record,
      sourceAt: RECORD.source,
      view: view.getInt32(RECORD.view, true),
      transport: UDP,
      room: () => {
        const descriptor = view.getInt32(RECORD.descriptor, true)
        if (descriptor !== this.#descriptor || this.#count === BATCH) this.flush()
        this.#descriptor = descriptor
        return { bytes: this.#vector.output, start: this.#count * SLOT, capacity: MAX_REPLY }
      },
      replied: length => {
        if (length > 0) this.#add(record, view.getUint16(RECORD.controlLength, true), length)
      },
    }
  }

  /** Sends what is there. What the kernel has no room for is dropped: the client asks again. */
  flush(): void {
    const count = this.#count
    this.#count = 0
    let sent = 0
    while (sent < count) {
      const pointer = this.#vector.sendPointers[sent] as Pointer
      const result = this.#calls.send(this.#descriptor, pointer, count - sent)
      if (result > 0) {
        for (let i = sent; i < sent + result; i++) this.#counters.add(CELL.sentBytes + UDP, this.#vector.replyLength(i))
        this.#counters.add(CELL.sentPackets + UDP, result)
        sent += result
      } else if (result === -EAGAIN || result === -ENOBUFS) {
        this.#counters.add(DROP.send, count - sent)
        return
      } else if (result !== -EINTR) {
        this.#counters.add(DROP.send, 1)
        sent++
      }
    }
  }

  #add(record: Uint8Array, controlLength: number, length: number): void {
    const { memory } = this.#vector
    const j = this.#count++
    memory.set(record.subarray(RECORD.name, RECORD.control), nameOffset(j))
    if (controlLength > 0) memory.set(record.subarray(RECORD.control, RECORD.source), controlOffset(j))
    this.#vector.address(j, j, length, controlLength)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.flush()
    })
  }
}
