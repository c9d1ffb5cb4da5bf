/** Asks again for popular answers before they expire, when a reader has wished so. */
import type { ForeignQuestion } from '../../forward/question.ts'
import { ForwardZones, NO_ZONE } from '../../forward/zones.ts'
import { ENTRY, SHAPE } from '../memory/layout.ts'
import type { CacheService } from './service.ts'

/** How often wishes are looked for, in milliseconds. */
const PERIOD_MS = 100
/** Questions for this that are in flight at one time; what is beyond expires, and is asked for then. */
const MOST = 200

/** Who asks upstreams. */
export interface Asker {
  ask(question: ForeignQuestion, waiter: () => void): void
  flush(): void
}

/** See the top of the file. */
export class Prefetch {
  readonly #service: CacheService
  readonly #zones: ForwardZones
  readonly #asker: Asker
  readonly #timer: NodeJS.Timeout
  #inFlight = 0

  /** @param apexes of the forward zones. */
  constructor(service: CacheService, apexes: readonly Uint8Array[], asker: Asker) {
    this.#service = service
    this.#zones = new ForwardZones(apexes)
    this.#asker = asker
    this.#timer = setInterval(() => this.look(), PERIOD_MS).unref()
  }

  /** Takes the wishes there are. */
  look(): void {
    const { writer } = this.#service
    const questions: ForeignQuestion[] = []
    // Memory that nobody can be with any more comes free without a new answer, too.
    writer.reclaim()
    writer.takeWishes(place => {
      const question = this.#questionOf(place)
      if (question !== null && this.#inFlight + questions.length < MOST) questions.push(question)
    })
    if (questions.length === 0) return
    this.#service.count('prefetches', questions.length)
    for (const question of questions) {
      this.#inFlight++
      this.#asker.ask(question, () => {
        this.#inFlight--
      })
    }
    this.#asker.flush()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #questionOf(place: number): ForeignQuestion | null {
    const { reader } = this.#service.writer
    const shape = reader.word(place, ENTRY.shape)
    const type = reader.word(place, ENTRY.question) >>> 16
    const start = reader.nameStart(place)
    const name = Uint8Array.from({ length: shape & SHAPE.name }, (_, i) => reader.arena.getUint8(start + i))
    const flags = shape & (SHAPE.dnssecOk | SHAPE.checkingDisabled)
    const labels = this.#service.setKey(name, type, flags)
    const zone = this.#zones.find(reader.arena, start, labels)
    if (zone === NO_ZONE) return null
    return {
      name,
      type,
      isDnssecOk: (flags & SHAPE.dnssecOk) !== 0,
      isCheckingDisabled: (flags & SHAPE.checkingDisabled) !== 0,
      zone,
    }
  }
}
