import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cutJson } from '#src/cluster/manifests/text/json.ts'
import { listItems } from '#src/cluster/strip.ts'

/** The items of a text, or why there are none. */
function read(text: string): unknown {
  try {
    return cutJson(text).flatMap(part => itemsOf(part.read()?.value))
  } catch {
    return 'no JSON'
  }
}

function byEngine(text: string): unknown {
  try {
    return itemsOf(JSON.parse(text))
  } catch {
    return 'no JSON'
  }
}

function itemsOf(value: unknown): readonly unknown[] {
  return listItems(value) ?? [value]
}

const anyList = fc
  .record(
    {
      apiVersion: fc.constant('v1'),
      items: fc.array(fc.oneof({ weight: 5, arbitrary: fc.object({ maxDepth: 2 }) }, fc.jsonValue({ maxDepth: 1 }))),
      kind: fc.constantFrom('List', 'ServiceList', 'Service'),
      metadata: fc.record({ items: fc.jsonValue({ maxDepth: 1 }), 'a"items': fc.jsonValue({ maxDepth: 1 }) }),
    },
    { requiredKeys: ['apiVersion'] },
  )
  .chain(list =>
    fc.tuple(fc.shuffledSubarray(Object.keys(list), { minLength: Object.keys(list).length }), fc.constant(list)),
  )
  .map(([keys, list]) => Object.fromEntries(keys.map(key => [key, Object.entries(list).find(([k]) => k === key)?.[1]])))

const anyText = fc
  .tuple(
    anyList,
    fc.constantFrom(0, 2),
    fc.array(fc.tuple(fc.nat(300), fc.constantFrom(...'{}[]",: \\x1')), { maxLength: 2 }),
  )
  .map(([list, indent, mutations]) => {
    let text = JSON.stringify(list, null, indent)
    for (const [where, character] of mutations) {
      const position = where % (text.length + 1)
      text = text.slice(0, position) + character + text.slice(position + 1)
    }
    return text
  })

describe('a JSON text that is cut into its items', () => {
  it('holds what the engine finds in the whole of it, or is as wrong', () => {
    fc.assert(
      fc.property(anyText, text => {
        expect(read(text)).toEqual(byEngine(text))
      }),
      { numRuns: 1_500 },
    )
  })

  it.each([
    '{"kind":"List","items":[{}],"items":[]}',
    '{"kind":"List","items":[{"a":"}]"},{"b":"\\"{"}]}',
    '{"kind":"List","items":[{} {}]}',
    '{"kind":"List","items":[{},]}',
    '{"kind":"List","items":[{}]}}',
    '{"kind":"List","items":{}}',
    '{"kind":"List","items":[]}',
    '[{"kind":"List","items":[{}]}]',
  ])('%s', text => {
    expect(read(text)).toEqual(byEngine(text))
  })

  it('is in parts of which equal ones have equal texts', () => {
    const texts = cutJson('{"kind":"List","items":[{"a":1},{"a":1},{"a":2}]}').map(part => part.text)
    expect(texts).toEqual(['{"a":1}', '{"a":1}', '{"a":2}'])
  })
})
