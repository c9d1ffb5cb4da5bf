import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readBlockYaml } from '#src/cluster/manifests/text/block-yaml.ts'
import { readYaml } from '#src/cluster/manifests/text/yaml.ts'
import { anyYaml } from './arbitrary-yaml.ts'

/** What the library makes of a document: directives keep the fast reader away. */
function byLibrary(text: string): unknown {
  return readYaml(`%YAML 1.2\n---\n${text}`)[0]?.value ?? null
}

function read(text: string): unknown {
  const document = readBlockYaml(text, 0, text.length, 1)
  return document === null ? 'given up' : document.value
}

const PRINTED = `apiVersion: v1
kind: Service
metadata:
  annotations:
    kubectl.kubernetes.io/last-applied-configuration: |
      {"apiVersion":"v1","kind":"Service","metadata":{"name":"kuard"}}
    service.fly.io/note: 'it is # no comment'
  creationTimestamp: "2026-11-20T08:00:00Z"
  labels: {}
  name: kuard
spec:
  clusterIP: fdaa:0:48c8:0:1::1a
  clusterIPs:
  - fdaa:0:48c8:0:1::1a
  internalTrafficPolicy: Cluster
  ports:
  - name: http
    port: 8080
    protocol: TCP
    targetPort: http   # by name
  -   name: "https"
      port: 8443
  publishNotReadyAddresses: true
  selector:
    app: kuard
status:
  loadBalancer: {}
`

describe('the fast reader of block YAML', () => {
  it('reads what kubectl prints, as the library does', () => {
    expect(read(PRINTED)).not.toBe('given up')
    expect(read(PRINTED)).toEqual(byLibrary(PRINTED))
  })

  it('says what the library says, or nothing', () => {
    let reads = 0
    fc.assert(
      fc.property(anyYaml, text => {
        const document = readBlockYaml(text, 0, text.length, 1)
        if (document === null) return
        reads++
        expect(document.value).toStrictEqual(byLibrary(text))
      }),
      { numRuns: 2_000 },
    )
    expect(reads).toBeGreaterThan(100)
  })

  it.each([
    ['an anchor', 'a: &x 1\nb: 2\n'],
    ['an alias', 'a: *x\n'],
    ['a tag', 'a: !!str 1\n'],
    ['a flow mapping', 'a: {b: 1}\n'],
    ['a flow sequence', 'a: [1]\n'],
    ['a folded text', 'a: >\n  b\n'],
    ['a scalar of two lines', 'a: b\n  c\n'],
    ['a quoted text of two lines', 'a: "b\n  c"\n'],
    ['a tab', 'a:\tb\n'],
    ['a duplicate key', 'a: 1\na: 2\n'],
    ['a merge key', '<<: {}\n'],
    ['an octal number', 'a: 010\n'],
    ['a float', 'a: 1.5\n'],
    ['a key that is no text', '1: a\n'],
    ['a colon in a scalar', 'a: b: c\n'],
    ['a wrong indent', 'a:\n  b: 1\n c: 2\n'],
    ['a sequence where a mapping goes on', 'a: 1\n- b\n'],
    ['an indented document', '  a: 1\n'],
    ['a prototype', '__proto__: 1\n'],
    ['a key of all objects', 'constructor: 1\n'],
    ['a literal without a last line end', 'a: |\n  b'],
    ['a literal with an indent of its own', 'a: |2\n   b\n'],
    ['very deep nesting', Array.from({ length: 100 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
  ])('leaves %s to the library', (_, text) => {
    expect(read(text)).toBe('given up')
  })

  it.each([
    ['yes', true],
    ['Off', false],
    ['y', true],
    ['~', null],
    ['', null],
    ['12', 12],
    ['-7', -7],
    ['10.0.0.1', '10.0.0.1'],
    ['fd00::1', 'fd00::1'],
    ['e3', 'e3'],
    ['"1"', '1'],
    ['2026-11-20', '2026-11-20'],
    ['100m', '100m'],
    ['a b  # c', 'a b'],
    ["'#'", '#'],
    ['"a\\"b\\u0041"', 'a"bA'],
  ])('a: %s', (scalar, value) => {
    expect(read(`a: ${scalar}\n`)).toEqual({ a: value })
  })

  it.each([
    ['|', 'b\n\nc\n'],
    ['|-', 'b\n\nc'],
    ['|+', 'b\n\nc\n\n'],
  ])('a literal text %s', (header, value) => {
    expect(read(`a: ${header}\n  b\n\n  c\n\nd: 1\n`)).toEqual({ a: value, d: 1 })
  })

  it('gives the lines of the document and of its items', () => {
    const text = '# list\n\nitems:\n- a: 1\n\n# two\n- b:\n    items:\n    - 1\nkind: List\n'
    expect(readBlockYaml(text, 0, text.length, 11)).toEqual({
      value: { items: [{ a: 1 }, { b: { items: [1] } }], kind: 'List' },
      line: 13,
      itemLines: [14, 17],
    })
  })
})
