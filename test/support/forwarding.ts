/** A forwarder whose upstreams are in the hands of a test: what is sent lies in lists, and time is the test's. */
import type { ForeignAnswer } from '#src/dns/forward/answer.ts'
import type { Attempt, Channel } from '#src/dns/forward/channel/channel.ts'
import { RandomSource } from '#src/dns/forward/exchange/random.ts'
import { allocateFigures, type ForwardSnapshot, readFigures } from '#src/dns/forward/figures.ts'
import { type AnswerCache, Forwarder, type UpstreamNotice } from '#src/dns/forward/forwarder.ts'
import type { ForwardOptions, ForwardPolicy, UpstreamOptions } from '#src/dns/forward/options.ts'
import type { ForeignQuestion } from '#src/dns/forward/question.ts'
import { parseName } from '#src/wire/name.ts'
import { type MadeAnswer, makeReply, readQuery, type UpstreamQuery } from './fake-upstream.ts'

/** A channel that only notes. */
export class FakeChannel implements Channel {
  /** What was sent and neither answered nor cancelled. */
  readonly open: Attempt[] = []
  readonly sent: UpstreamQuery[] = []
  readonly cancelled: Attempt[] = []

  send(attempt: Attempt): void {
    this.open.push(attempt)
    this.sent.push(readQuery(Uint8Array.from(attempt.query), false, 0))
  }

  cancel(attempt: Attempt): void {
    this.#forget(attempt)
    this.cancelled.push(attempt)
  }

  flush(): void {}

  close(): void {}

  /** Questions of clients that are open. */
  get asked(): readonly Attempt[] {
    return this.open.filter(({ query }) => !readQuery(query, false, 0).name.startsWith('waypost-'))
  }

  /** Questions that were sent, without those about loops. */
  get names(): readonly string[] {
    return this.sent.map(({ name }) => name).filter(name => !name.startsWith('waypost-'))
  }

  /** Answers the oldest open question of a client. @returns whether it was taken as the answer. */
  answer(made: MadeAnswer | Uint8Array, attempt: Attempt | undefined = this.asked[0]): boolean {
    if (attempt === undefined) throw new Error('nothing was asked')
    const message = made instanceof Uint8Array ? made : makeReply(readQuery(attempt.query, false, 0), made)
    const isTaken = attempt.received(message)
    if (isTaken) this.#forget(attempt)
    return isTaken
  }

  /** Loses the oldest open question of a client. */
  lose(message = 'ECONNREFUSED', attempt: Attempt | undefined = this.asked[0]): void {
    if (attempt === undefined) throw new Error('nothing was asked')
    this.#forget(attempt)
    attempt.lost(new Error(message))
  }

  #forget(attempt: Attempt): void {
    const place = this.open.indexOf(attempt)
    if (place >= 0) this.open.splice(place, 1)
  }
}

/** See the top of the file. */
export interface FakeForwarding {
  readonly forwarder: Forwarder
  /** One for each upstream. */
  readonly channels: readonly FakeChannel[]
  readonly streams: readonly FakeChannel[]
  readonly notices: readonly UpstreamNotice[]
  /** Asks; the answer is in the list when it is there. */
  ask(name: string, change?: Partial<ForeignQuestion>): ForeignAnswer[]
  figures(): ForwardSnapshot
}

/** How it is made. */
export interface FakeForwardingOptions {
  readonly upstreams?: number
  readonly policy?: ForwardPolicy
  readonly options?: Partial<ForwardOptions>
  readonly cache?: AnswerCache
  readonly isSelf?: (upstream: UpstreamOptions) => boolean
}

/** Makes a forwarder with so many upstreams for every name; the clock is `performance.now`, which a test may fake. */
export function fakeForwarding(made: FakeForwardingOptions = {}): FakeForwarding {
  const { upstreams: count = 1, policy = 'sequential', options = {}, cache = null, isSelf = () => false } = made
  const upstreams = Array.from(
    { length: count },
    (_, i): UpstreamOptions => ({
      label: `up-${i}`,
      protocol: 'udp',
      address: '192.0.2.1',
      port: 1000 + i,
      serverName: null,
      path: null,
      ca: null,
    }),
  )
  const zones = [{ apex: parseName('.'), upstreams: upstreams.map((_, i) => i), policy }]
  const all = { zones, upstreams, maxInFlight: 100, deadlineMs: 4000, randomCase: false, ...options }
  const memory = allocateFigures(all.upstreams.length)
  const channels: FakeChannel[] = []
  const streams: FakeChannel[] = []
  const notices: UpstreamNotice[] = []
  const forwarder = new Forwarder({
    options: all,
    figures: memory,
    clock: () => performance.now(),
    random: new RandomSource(),
    cache,
    isSelf,
    notice: notice => notices.push(notice),
    channels: () => {
      const [channel, streamChannel] = [new FakeChannel(), new FakeChannel()]
      channels.push(channel)
      streams.push(streamChannel)
      return { channel, streamChannel }
    },
  })
  return {
    forwarder,
    channels,
    streams,
    notices,
    ask: (name, change = {}) => {
      const answers: ForeignAnswer[] = []
      const question = {
        name: parseName(name),
        type: 1,
        isDnssecOk: false,
        isCheckingDisabled: false,
        zone: 0,
        ...change,
      }
      forwarder.ask(question, answer => answers.push(answer))
      return answers
    },
    figures: () =>
      readFigures(
        memory,
        all.upstreams.map(({ label }) => label),
      ),
  }
}
