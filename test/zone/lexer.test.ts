import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Entry, Lexer } from '#src/zone/lexer.ts'

function entriesOf(text: string): Entry[] {
  const lexer = new Lexer(text)
  const entries: Entry[] = []
  for (let entry = lexer.next(); entry !== null; entry = lexer.next()) entries.push(entry)
  return entries
}

/** Words of each entry, with `"` before quoted ones and `+` before blank owners. */
function wordsOf(text: string): string[] {
  return entriesOf(text).map(({ tokens, isOwnerBlank }) => {
    const words = tokens.map(({ text: word, kind }) => (kind === 'quoted' ? `"${word}` : word))
    return `${isOwnerBlank ? '+' : ''}${words.join('|')}`
  })
}

describe('words', () => {
  it('end at white space, comments, parentheses and quotes', () => {
    expect(wordsOf('a b\tc;d\ne(f)g;h')).toEqual(['a|b|c', 'e|f|g'])
    expect(wordsOf(';')).toEqual([])
    expect(wordsOf('a;b')).toEqual(['a'])
    expect(wordsOf('(e)f "g"h "i""j"')).toEqual(['e|f|"g|h|"i|"j'])
  })

  it('keep their escapes, also before characters that would end them', () => {
    expect(wordsOf('a\\ b\\;c\\(d\\"e\\\\ f "x\\"y\\\\" g')).toEqual(['a\\ b\\;c\\(d\\"e\\\\|f|"x\\"y\\\\|g'])
  })

  it('end at the line end, whatever is before it', () => {
    expect(wordsOf('a\\\nb\n')).toEqual(['a\\', 'b'])
  })

  it('are one word when a value is quoted behind an equals sign', () => {
    const [entry] = entriesOf('a="b c;d" "e=f" g=h')
    expect(entry?.tokens.map(({ text, kind }) => [text, kind])).toEqual([
      ['a="b c;d"', 'pair'],
      ['e=f', 'quoted'],
      ['g=h', 'plain'],
    ])
  })

  it('can be empty when quoted', () => {
    expect(wordsOf('a ""')).toEqual(['a|"'])
  })

  it('know their lines', () => {
    const [, entry] = entriesOf('x\n\na (\n; comment\n b\n) c\n')
    expect(entry?.tokens.map(({ line }) => line)).toEqual([3, 5, 6])
    expect(entry?.line).toBe(3)
  })
})

describe('entries', () => {
  it('are lines, longer in parentheses, and none for empty lines', () => {
    expect(wordsOf('\n  \n; x\na (b\nc) d\n+e\n ( \n f )\n')).toEqual(['a|b|c|d', '+e', '+f'])
  })

  it('tell a blank owner from one that is there', () => {
    expect(wordsOf('a\n b\n\tc\n(d)\n')).toEqual(['a', '+b', '+c', 'd'])
  })
})

describe('faults', () => {
  it.each([
    ['a (\nb\n', 1, 'a parenthesis that is opened here is never closed'],
    ['a (b (\nc)\n', 1, 'a parenthesis that is opened here is never closed'],
    ['x\na b)\n', 2, 'a parenthesis is closed that is not open'],
    ['x\na "b\nc"\n', 2, 'a quoted text must end on its line'],
    ['a "b', 1, 'a quoted text must end on its line'],
    ['a "b\\"', 1, 'a quoted text must end on its line'],
    ['a b"c"\n', 1, 'a quote inside a word must be written as \\"'],
    ['a b="c\n', 1, 'a quoted text must end on its line'],
  ])('%j', (text, line, reason) => {
    const fault = entriesOf(text).find(entry => entry.fault !== null)?.fault
    expect(fault).toEqual({ line, message: `Cannot read the entry: ${reason}` })
  })

  it('do not reach the entries behind them', () => {
    const entries = entriesOf('a "b\nc\nd)\ne "f"\n')
    expect(entries.map(({ fault }) => fault === null)).toEqual([false, true, false, true])
    expect(entries.map(({ tokens }) => tokens[0]?.text)).toEqual(['a', 'c', 'd', 'e'])
  })
})

describe('every text', () => {
  it('is read to its end without a throw, in lines that only grow', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '=', '"', '\\', '(', ')', ';', ' ', '\n', '\r', '\u00ff'),
      maxLength: 60,
    })
    fc.assert(
      fc.property(text, input => {
        const lines = entriesOf(input).flatMap(({ tokens }) => tokens.map(({ line }) => line))
        expect(lines).toEqual(lines.toSorted((a, b) => a - b))
        expect(lines.every(line => line >= 1 && line <= input.split('\n').length)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  it('gives back words that were written with spaces between them', () => {
    const word = fc.stringMatching(/^[a-z0-9.=@$\\#-]{1,8}$/).map(text => text.replaceAll('\\', '\\\\'))
    fc.assert(
      fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 5 }), { maxLength: 5 }), lines => {
        const text = lines.map(words => words.join(' ')).join('\n')
        expect(wordsOf(text)).toEqual(lines.map(words => words.join('|')))
        expect(wordsOf(lines.map(words => `${words[0]} ( ${words.slice(1).join('\n ; x\n')} )`).join('\n'))).toEqual(
          lines.map(words => words.join('|')),
        )
      }),
    )
  })
})
