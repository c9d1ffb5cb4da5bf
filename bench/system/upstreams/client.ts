/** A client of a server in front of upstreams: asks at a steady rate, and says what came of it. */
import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { judge, makeQuestion, type Verdict } from './message.ts'

/** What came of one question. */
export interface Outcome {
  readonly verdict: Verdict | 'unanswered'
  /** How long it took, milliseconds. */
  readonly ms: number
}

/** Resolvers of clients give up at this time. */
const PATIENCE_MS = 5000
const TICK_MS = 5
/** Sockets, each with a port of its own. */
const SOCKETS = 8

interface Pending {
  readonly question: Buffer
  readonly at: number
  readonly timer: NodeJS.Timeout
  done(outcome: Outcome): void
}

/** See the top of the file. */
export class SteadyClient {
  readonly #sockets: readonly { readonly socket: Socket; readonly pending: Map<number, Pending> }[]
  #next = 0

  static async open(port: number): Promise<SteadyClient> {
    const sockets = Array.from({ length: SOCKETS }, () => createSocket('udp6'))
    for (const socket of sockets) {
      socket.connect(port, '::1')
      await once(socket, 'connect')
    }
    return new SteadyClient(sockets)
  }

  private constructor(sockets: readonly Socket[]) {
    this.#sockets = sockets.map(socket => {
      const pending = new Map<number, Pending>()
      socket.on('error', () => {})
      socket.on('message', reply => receive(pending, reply))
      return { socket, pending }
    })
  }

  /** Asks for the address of a name. */
  ask(name: string): Promise<Outcome> {
    const number = this.#next++
    const place = this.#sockets[number % SOCKETS]
    if (place === undefined) throw new Error('there is no socket')
    const { socket, pending } = place
    const id = Math.floor(number / SOCKETS) & 0xffff
    const question = makeQuestion(name, id)
    return new Promise(done => {
      const timer = setTimeout(() => {
        pending.delete(id)
        done({ verdict: 'unanswered', ms: PATIENCE_MS })
      }, PATIENCE_MS)
      pending.set(id, { question, at: performance.now(), timer, done })
      socket.send(question)
    })
  }

  /** Asks for names of a list, `perSecond` of them, for so many seconds, and waits for every answer. */
  async run(nameOf: (number: number) => string, perSecond: number, seconds: number): Promise<Outcome[]> {
    const start = performance.now()
    const asked: Promise<Outcome>[] = []
    const all = Math.round(perSecond * seconds)
    await new Promise<void>(resolve => {
      const timer = setInterval(() => {
        const due = Math.min(all, Math.floor(((performance.now() - start) * perSecond) / 1000))
        while (asked.length < due) asked.push(this.ask(nameOf(asked.length)))
        if (asked.length < all) return
        clearInterval(timer)
        resolve()
      }, TICK_MS)
    })
    return await Promise.all(asked)
  }

  close(): void {
    for (const { socket } of this.#sockets) socket.close()
  }
}

function receive(pending: Map<number, Pending>, reply: Buffer): void {
  const id = reply.readUInt16BE()
  const asked = pending.get(id)
  if (asked === undefined) return
  pending.delete(id)
  clearTimeout(asked.timer)
  asked.done({ verdict: judge(asked.question, reply), ms: performance.now() - asked.at })
}
