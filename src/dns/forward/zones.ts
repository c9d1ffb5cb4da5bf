/** Which forward zone a name belongs to: the longest one that holds it. */
import { foldWord, type NameHash } from '../../index/hash.ts'

/** {@link ForwardZones.find}: no zone holds the name. */
export const NO_ZONE = -1

/** Zones by their apex. There are few, and most fail the first comparison, so they are tried one after the other. */
export class ForwardZones {
  /** Longest first, with their numbers in the list that was given. */
  readonly #zones: readonly { readonly apex: Uint8Array; readonly labels: number; readonly number: number }[]
  readonly #apexes: readonly Uint8Array[]
  /** Whether there is any zone besides the root. */
  readonly hasStubs: boolean

  /** @param apexes folded wire names. */
  constructor(apexes: readonly Uint8Array[]) {
    this.#apexes = apexes
    this.#zones = apexes
      .map((apex, number) => ({ apex, labels: labelsIn(apex), number }))
      .sort((a, b) => b.labels - a.labels || b.apex.length - a.apex.length)
    this.hasStubs = this.#zones.some(({ labels }) => labels > 0)
  }

  /** Number of the longest zone that holds the name at `at`, or {@link NO_ZONE}. */
  find(bytes: DataView, at: number, name: NameHash): number {
    for (const { apex, labels, number } of this.#zones) {
      if (name.labels < labels) continue
      const start = name.starts[name.labels - labels] as number
      if (name.length - start === apex.length && isAt(apex, bytes, at + start)) return number
    }
    return NO_ZONE
  }

  /** Octets of a zone's apex. */
  apexLength(number: number): number {
    return (this.#apexes[number] as Uint8Array).length
  }
}

function isAt(apex: Uint8Array, bytes: DataView, at: number): boolean {
  for (let i = 0; i < apex.length; i++) if (foldWord(bytes.getUint8(at + i)) !== apex[i]) return false
  return true
}

function labelsIn(apex: Uint8Array): number {
  let labels = 0
  for (let i = 0; (apex[i] ?? 0) !== 0; i += (apex[i] as number) + 1) labels++
  return labels
}
