/**
 * The cache in the thread that forwards: keeps what upstreams have said, gives answers that are out of date when they say
 * nothing, and has popular answers fetched again before they expire.
 */

import { NameHash } from '../../../index/hash.ts'
import type { ForeignAnswer } from '../../forward/answer.ts'
import type { AnswerCache } from '../../forward/forwarder.ts'
import type { ForeignQuestion } from '../../forward/question.ts'
import { ForwardZones, NO_ZONE } from '../../forward/zones.ts'
import { WriterFigures } from '../figures.ts'
import { questionFlags } from '../key.ts'
import { KIND } from '../memory/layout.ts'
import { staleForm } from '../read/foreign-form.ts'
import type { CacheSetup } from '../setup.ts'
import { KeptAnswer } from './kept-answer.ts'
import { CacheWriter } from './writer.ts'

const CLASS_IN = 1
/** The longest name, and what reading it in words may touch. */
const NAME_ROOM = 258

/** See the top of the file. */
export class CacheService implements AnswerCache {
  readonly writer: CacheWriter
  readonly #figures: WriterFigures
  readonly #except: ForwardZones | null
  readonly #kept = new KeptAnswer()
  readonly #name: Uint8Array = new Uint8Array(NAME_ROOM)
  readonly #nameView: DataView
  readonly #labels = new NameHash()

  constructor({ buffers, figures, options }: CacheSetup) {
    this.writer = new CacheWriter(buffers, options.rules)
    this.#figures = new WriterFigures(figures)
    this.#except = options.except.length === 0 ? null : new ForwardZones(options.except)
    this.#nameView = new DataView(this.#name.buffer)
  }

  store(question: ForeignQuestion, answer: ForeignAnswer): void {
    if (!this.#take(question)) return
    this.keep(question.type, answer, 0)
  }

  /**
   * Keeps an answer to the question of the writer's key.
   *
   * @param age seconds since it was given.
   * @returns its place; 0: it was not kept.
   */
  keep(type: number, answer: ForeignAnswer, age: number): number {
    if (!this.#kept.read(answer, type, this.writer.rules)) return 0
    const place = this.writer.store(this.#kept, age)
    if (place !== 0) this.#figures.inserted(this.#kept.kind)
    this.note()
    return place
  }

  failed(question: ForeignQuestion, answer: ForeignAnswer): ForeignAnswer {
    if (!this.#take(question)) return answer
    const { writer } = this
    const place = writer.fail(answer.rcode, Math.max(0, answer.infoCode))
    this.note()
    if (place === 0) return answer
    if (writer.reader.kind(place) !== KIND.failure) return staleForm(writer.reader, place)
    this.#figures.inserted(KIND.failure)
    return answer
  }

  hasStale(question: ForeignQuestion): boolean {
    return this.#find(question) !== 0
  }

  stale(question: ForeignQuestion): ForeignAnswer | null {
    const place = this.#find(question)
    return place === 0 ? null : staleForm(this.writer.reader, place)
  }

  /** Lets the control thread see how full the cache is. */
  note(): void {
    const { entries, bytes, evictions, refused } = this.writer.figures
    this.#figures.set('entries', entries)
    this.#figures.set('bytes', bytes)
    this.#figures.set('evictions', evictions)
    this.#figures.set('refused', refused)
  }

  /** Counts what was asked again before it expired, or was flushed. */
  count(total: 'prefetches' | 'flushed', count: number): void {
    this.#figures.add(total, count)
    this.note()
  }

  /** Sets the writer's key. @returns the labels of the name. */
  setKey(name: Uint8Array, type: number, flags: number): NameHash {
    this.#name.set(name)
    this.#labels.scan(this.#nameView, 0, name.length)
    this.writer.reader.refresh()
    this.writer.reader.key.set(this.#nameView, 0, name.length, type, CLASS_IN, flags)
    return this.#labels
  }

  /** Sets the writer's key; false when names like this are not kept. */
  open(name: Uint8Array, type: number, flags: number): boolean {
    const labels = this.setKey(name, type, flags)
    return this.#except === null || this.#except.find(this.#nameView, 0, labels) === NO_ZONE
  }

  /** An answer that can be given, fresh or not; 0: none. */
  #find(question: ForeignQuestion): number {
    if (!this.#take(question)) return 0
    const { writer } = this
    const place = writer.reader.find()
    return place !== 0 && writer.reader.kind(place) !== KIND.failure && writer.isOfUse(place) ? place : 0
  }

  #take({ name, type, isDnssecOk, isCheckingDisabled }: ForeignQuestion): boolean {
    return this.open(name, type, questionFlags(isDnssecOk, isCheckingDisabled))
  }
}
