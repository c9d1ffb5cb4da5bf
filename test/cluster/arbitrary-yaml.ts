/** Random YAML as people write it, and with a few characters changed: mostly valid, sometimes not, often odd. */
import fc from 'fast-check'

const KEYS = ['a', 'b', 'name', 'spec', 'items', 'k-1', 'x.y/z', '"q k"', "'s'", '_u', 'yes', 'n', '1', '__proto__']
const SCALARS = [
  ...['v', '"v"', "'v'", '1', '-5', '007', '1.5', '10.0.0.1', 'fd00::1', 'true', 'No', '~', '""', "''", 'a b c'],
  ...['"a: b"', '"#"', 'a#b', '{}', '[]', '"\\n\\u0041"', 'x-y', '100m', '1e3', 'e3', '2026-01-01T00:00:00Z', 'a,b'],
  ...['/x/y', '', 'é', '$(X)', '(a)', '^a$', '=x', '-x', '--flag', '+x', '.x', '.', 'a]', '- ', '*', 'y', '0x1f'],
  ...['!!str 1', '&x 1', '[a, b]', '{a: 1}', '>', '"open', "it's", 'a: b', '<<', '-0', '1_000', '.inf'],
]
const TRAILS = ['', '', '', '', '', ' ', ' # c', '  #', '\t']
const MUTATIONS = [...' \n:-#"\'a1|{}[]&*!\t\\,?%~.><', '\u00a0', '\u2028', '\u0007']

const anyScalar = fc.constantFrom(...SCALARS)
const anyTrail = fc.constantFrom(...TRAILS)
const anyGap = fc.constantFrom('', '', '', '', '\n', '# c\n', '   # c\n', '   \n')

const anyLiteral: fc.Arbitrary<string[]> = fc
  .tuple(
    fc.constantFrom('|', '|-', '|+'),
    fc.array(fc.constantFrom('text', '  more: x', '', '# no comment', ' ', 't '), { minLength: 1, maxLength: 4 }),
    fc.integer({ min: 1, max: 3 }),
  )
  .map(([header, lines, indent]) => [header, ...lines.map(line => (line === '' ? '' : ' '.repeat(indent) + line))])

/** A node as lines: the first is put behind its key or dash, the others are below it. */
const { node } = fc.letrec<{ node: string[] }>(tie => ({
  node: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    { weight: 4, arbitrary: fc.tuple(anyScalar, anyTrail).map(([scalar, trail]) => [scalar + trail]) },
    { weight: 1, arbitrary: anyLiteral },
    { weight: 3, arbitrary: blockOf(fc.constantFrom(...KEYS), ':', tie('node')) },
    { weight: 2, arbitrary: blockOf(fc.constant('-'), '', tie('node')) },
  ),
}))

function blockOf(
  openings: fc.Arbitrary<string>,
  separator: string,
  children: fc.Arbitrary<string[]>,
): fc.Arbitrary<string[]> {
  const entry = fc.tuple(openings, children, anyGap, fc.constantFrom(0, 1, 2, 2, 2, 4), fc.boolean())
  return fc.array(entry, { minLength: 1, maxLength: 3 }).map(entries => {
    const lines: string[] = ['']
    for (const [opening, [first = '', ...below], gap, indent, isInline] of entries) {
      if (gap !== '') lines.push(gap.slice(0, -1))
      const shift = ' '.repeat(indent)
      if (opening === '-' && first === '' && isInline && below.length > 0) {
        lines.push(`- ${below[0]}`, ...below.slice(1).map(line => (line === '' ? '' : `  ${line}`)))
      } else {
        const head = first === '' ? `${opening}${separator}` : `${opening}${separator} ${first}`
        lines.push(head, ...below.map(line => (line === '' ? '' : shift + line)))
      }
    }
    return lines
  })
}

/** A document without markers and directives. */
export const anyYaml: fc.Arbitrary<string> = fc
  .tuple(
    blockOf(fc.constantFrom(...KEYS), ':', node),
    fc.array(fc.tuple(fc.nat(400), fc.constantFrom(...MUTATIONS), fc.boolean()), { maxLength: 2 }),
    fc.boolean(),
  )
  .map(([lines, mutations, isEnded]) => {
    let text = lines.slice(1).join('\n') + (isEnded ? '\n' : '')
    for (const [where, character, isReplacing] of mutations) {
      const position = where % (text.length + 1)
      text = text.slice(0, position) + character + text.slice(position + (isReplacing ? 1 : 0))
    }
    return text
  })
  .filter(text => !/^(---|\.\.\.)|^%/m.test(text))
