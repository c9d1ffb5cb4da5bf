/** Finds entries for the writer, by names that stand in no message. */
import type { Name, NameKey } from '../wire/name.ts'
import { foldWord } from './hash.ts'
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
  #last: Name | NameKey | null = null
  #lastView = -1
  #hashed = -1

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

  /** Takes a name up and hashes it, for {@link findFrom}; nothing is done for the one that was taken up last. */
  read(view: number, name: Name | NameKey): void {
    const memory = this.#memory
    if (name === this.#last && view === this.#lastView && memory.hashed === this.#hashed) return
    this.#last = name
    this.#lastView = view
    this.#hashed = memory.hashed
    const { length } = name
    if (typeof name === 'string') this.#take(name)
    else this.#fold(name)
    const { reader } = memory
    reader.name.scan(this.#view, 0, length)
    reader.name.hash(this.#view, 0, view)
  }

  /** Keys are folded. */
  #take(name: NameKey): void {
    const bytes = this.#bytes
    const { length } = name
    for (let i = 0; i < length; i++) bytes[i] = name.charCodeAt(i)
    for (let i = length; i < ((length + 7) & ~3); i++) bytes[i] = 0
  }

  #fold(name: Name): void {
    const bytes = this.#bytes
    const { words } = this
    const { length } = name
    bytes.set(name)
    for (let i = length; i < ((length + 7) & ~3); i++) bytes[i] = 0
    // Length octets are below the letters.
    for (let word = 0; 4 * word < length; word++) words[word] = foldWord(words[word] as number)
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
