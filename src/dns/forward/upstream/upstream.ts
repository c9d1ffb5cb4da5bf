/** One upstream: the ways to it, how fast it is, and whether it works. */
import type { Channel } from '../channel/channel.ts'
import type { UpstreamFigures } from '../figures.ts'
import type { UpstreamOptions, UpstreamState } from '../options.ts'
import { Latency } from './latency.ts'

/** Answers that failed to come, one after the other, before an upstream is not asked first any more. */
const MISSES = 3

/** See the top of the file. */
export class Upstream {
  readonly options: UpstreamOptions
  readonly latency: Latency = new Latency()
  readonly figures: UpstreamFigures
  /** The usual way; over UDP, answers that are cut are asked for again on the other. */
  readonly channel: Channel
  readonly streamChannel: Channel
  /** It does not know EDNS (RFC 6891 section 7); asked without it until this time. */
  plainUntil = 0
  #state: UpstreamState = 'good'
  #misses = 0

  constructor(options: UpstreamOptions, figures: UpstreamFigures, channel: Channel, streamChannel: Channel) {
    this.options = options
    this.figures = figures
    this.channel = channel
    this.streamChannel = streamChannel
  }

  get state(): UpstreamState {
    return this.#state
  }

  set state(state: UpstreamState) {
    this.#state = state
    this.figures.setState(state)
  }

  /** Whether it is asked at all. */
  get isUsable(): boolean {
    return this.#state === 'good' || this.#state === 'suspect'
  }

  /** It answered after `ms`, whatever it said. @returns whether it was suspected before. */
  answered(ms: number): boolean {
    this.latency.add(ms)
    this.figures.answered(ms)
    this.figures.setLate(this.latency.late)
    return this.recovered()
  }

  /** It is there. @returns whether it was suspected before. */
  recovered(): boolean {
    this.#misses = 0
    if (this.#state !== 'suspect') return false
    this.state = 'good'
    return true
  }

  /** It did not answer in `ms`, or could not be reached. @returns whether it is suspected from now on. */
  missed(ms: number): boolean {
    this.latency.miss(ms)
    if (++this.#misses < MISSES || this.#state !== 'good') return false
    this.state = 'suspect'
    return true
  }

  close(): void {
    this.channel.close()
    this.streamChannel.close()
  }
}
