import { describe, expect, it } from 'vitest'
import { FairShare } from '#src/dns/udp/fair-share.ts'
import { BATCH } from '#src/dns/udp/message-vector.ts'
import { SK_MEMINFO } from '#src/dns/udp/system-calls.ts'

const LIMIT = 8 << 20
/** Words of a struct sockaddr_in6 and room behind it. */
const WORDS = 8
/** Under it the ports below hash to different buckets. */
const SALT = 1

/** The kernel's words about a queue of which `fill` is full. */
function queue(fill: number, drops = 0, limit = LIMIT): Uint32Array {
  const words = new Uint32Array(SK_MEMINFO.words)
  words[SK_MEMINFO.allocated] = fill * limit
  words[SK_MEMINFO.limit] = limit
  words[SK_MEMINFO.drops] = drops
  return words
}

/** Packets between two looks. */
const MOST = 16 * BATCH

/** As many packets, of which each port but the first sends one. @returns which ports lost how many. */
function play(share: FairShare, ports: number, isIPv6 = true): number[] {
  const lost: number[] = Array(ports).fill(0)
  for (let i = 0; i < MOST; i++) take(share, i < ports ? i : 0, lost, isIPv6)
  return lost
}

function take(share: FairShare, port: number, lost: number[], isIPv6 = true): void {
  const words = new Int32Array(WORDS)
  words[0] = (isIPv6 ? 10 : 2) | (port << 16)
  words[isIPv6 ? 5 : 1] = 0x0100007f
  if (share.isSurplus(words, 0, isIPv6)) lost[port] = (lost[port] ?? 0) + 1
}

/** Looks at a long queue until the limit falls no more, with packets of so many ports before each look. */
function limited(ports: number): FairShare {
  const share = new FairShare(SALT)
  for (let look = 0; look < 20; look++) {
    play(share, ports)
    share.look(queue(0.5))
  }
  return share
}

describe('FairShare', () => {
  it('limits nobody while the queue is short', () => {
    const share = new FairShare(SALT)
    for (let look = 0; look < 20; look++) {
      expect(share.look(queue(0.1))).toBe(0)
      expect(share.isLimited).toBe(false)
    }
  })

  it('takes a queue that the system keeps short for long when it is nearly full', () => {
    const share = new FairShare(SALT)
    share.look(queue(0.7, 0, 425_984))
    expect(share.isLimited).toBe(false)
    share.look(queue(0.8, 0, 425_984))
    expect(share.isLimited).toBe(true)
  })

  it.each([true, false])('leaves a busy client what the others do not take, IPv6: %s', isIPv6 => {
    const lost = play(limited(9), 9, isIPv6)
    // An eighth of all is answered to the busy one.
    expect(lost).toEqual([MOST - 8 - MOST / 8, 0, 0, 0, 0, 0, 0, 0, 0])
  })

  it('drops nothing of many that ask as much each, in bursts', () => {
    const share = limited(32)
    const lost: number[] = Array(32).fill(0)
    for (let i = 0; i < MOST; i++) take(share, Math.floor((2 * i) / BATCH) % 32, lost)
    expect(Math.max(...lost)).toBe(0)
  })

  it('drops nothing of a client that is alone', () => {
    const share = limited(1)
    expect(share.isLimited).toBe(true)
    expect(play(share, 1)).toEqual([0])
    // Another one comes: from the next look on it counts.
    expect(play(share, 2)).toEqual([0, 0])
    share.look(queue(0.5))
    expect(play(share, 2)).toEqual([MOST - 1 - MOST / 8, 0])
  })

  it('takes the limit back when the queue is short again', () => {
    const share = limited(9)
    for (let look = 0; look < 64; look++) {
      expect(share.isLimited).toBe(look < 56)
      play(share, 9)
      share.look(queue(0))
    }
  })

  it('tells losses since the last look, also when their count overflows, and takes them for a long queue', () => {
    const share = new FairShare(SALT)
    expect(share.look(queue(0, 0xffff_fff0))).toBe(0xffff_fff0)
    expect(share.isLimited).toBe(true)
    expect(share.look(queue(0, 0xffff_fff0))).toBe(0)
    expect(share.look(queue(0, 4))).toBe(20)
  })

  it('asks for a look when batches are full, or while it limits, and not at each', () => {
    const share = new FairShare(SALT)
    const looks = (packets: number): number => {
      let wanted = 0
      for (let batch = 0; batch < 160; batch++) if (share.note(packets)) wanted++
      return wanted
    }
    expect(looks(BATCH - 1)).toBe(0)
    expect(looks(BATCH)).toBe(10)
    share.look(queue(1))
    expect(looks(1)).toBe(10)
  })
})
