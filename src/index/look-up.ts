/** Finds entries for the writer, by names that stand in no message. */
import { foldOctet, type Name, type NameKey } from '../wire/name.ts'
import type { IndexMemory } from './memory.ts'

/** Room for a name, filled up with zeros to words of eight octets. */
const ROOM = 264
/** The label `*` and its length octet. */
const WILDCARD = 0x012a

/** See the top of the file. Places are those of `IndexReader`, 0 for none. */
export class LookUp {
  /** The name that was looked up last, folded, zeros behind it. */
  readonly words: Int32Array
  readonly #bytes: Uint8Array = new Uint8Array(ROOM)
  readonly #view: DataView
  readonly #memory: IndexMemory

  constructor(memory: IndexMemory) {
    this.words = new Int32Array(this.#bytes.buffer)
    this.#view = new DataView(this.#bytes.buffer)
    this.#memory = memory
  }

  /** Whether the name that was looked up last starts with the label `*`. */
  get isWildcard(): boolean {
    return this.#view.getUint16(0) === WILDCARD
  }

  /** The entry of a name. */
  find(view: number, name: Name | NameKey): number {
    this.read(view, name)
    return this.findFrom(0, view)
  }

  /** Takes a name up and hashes it, for {@link findFrom}. */
  read(view: number, name: Name | NameKey): void {
    const bytes = this.#bytes
    const { length } = name
    if (typeof name === 'string') for (let i = 0; i < length; i++) bytes[i] = name.charCodeAt(i)
    else for (let i = 0; i < length; i++) bytes[i] = foldOctet(name[i] as number)
    bytes.fill(0, length, (length + 7) & ~3)
    const { reader } = this.#memory
    reader.name.scan(this.#view, 0, length)
    reader.name.hash(this.#view, 0, view)
  }

  /** Hash of the top label of the name that was taken up last. */
  top(): number {
    return this.#memory.reader.name.top(this.#view, 0)
  }

  /** The entry of the name that was taken up last, from its label `label` on. */
  findFrom(label: number, view: number): number {
    return this.#memory.reader.find(this.#view, 0, label, view)
  }
}
