/** Plain scalars of YAML as kubectl's parser reads them, as far as the fast reader does; see `block-yaml.ts`. */

const GIVE_UP: unique symbol = Symbol('give up')

/** Words that are no texts in YAML 1.1, as kubectl's parser reads them. The longest has five letters. */
const WORDS: ReadonlyMap<string, boolean | null> = new Map(
  [
    ...['true', 'yes', 'on', 'y'].map(word => [word, true] as const),
    ...['false', 'no', 'off', 'n'].map(word => [word, false] as const),
    ['null', null] as const,
  ].flatMap(([word, value]) => {
    const capital = word.charAt(0).toUpperCase() + word.slice(1)
    return [word, capital, word.toUpperCase()].map(text => [text, value] as const)
  }),
)
const LONGEST_WORD = 5
const INTEGER = /^-?(0|[1-9][0-9]{0,14})$/
const LIKE_A_NUMBER = /^[-+]?([0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?|0[xob].*|\.(inf|nan))$/i

/** The value of a plain scalar under YAML 1.1; numbers that are not simply decimal are left to the whole parser. */
export function resolveScalar(text: string): unknown {
  const code = text.charCodeAt(0)
  const isLetter = (code >= 65 && code <= 90) || (code >= 97 && code <= 122)
  if (isLetter) {
    const word = text.length <= LONGEST_WORD ? WORDS.get(text) : undefined
    return word === undefined ? text : word
  }
  if (text === '~') return null
  if (INTEGER.test(text)) return text === '-0' ? giveUp() : Number(text)
  if (LIKE_A_NUMBER.test(text)) giveUp()
  return text
}

/** Leaves the document to the whole parser. */
export function giveUp(): never {
  throw GIVE_UP
}

/** Whether a thrown value is {@link giveUp}'s. */
export function isGivenUp(error: unknown): boolean {
  return error === GIVE_UP
}
