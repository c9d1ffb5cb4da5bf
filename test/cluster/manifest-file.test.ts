import { describe, expect, it } from 'vitest'
import { isManifestName, readManifest } from '#src/cluster/manifests/file.ts'
import type { FileContent } from '#src/cluster/manifests/file-reader.ts'
import { ManifestSyntaxError } from '#src/cluster/manifests/text/document.ts'
import { readYaml } from '#src/cluster/manifests/text/yaml.ts'
import type { SourceProblem } from '#src/cluster/source.ts'
import { Interner } from '#src/cluster/strip.ts'
import { keyOf, serviceValue } from './values.ts'

function content(text: string, path = 'm/all.yaml'): FileContent {
  const result = readManifest(path, text, new Interner())
  if ('problem' in result) throw new Error(JSON.stringify(result.problem))
  return result.content
}

function problem(text: string, path = 'm/all.yaml'): SourceProblem {
  const result = readManifest(path, text, new Interner())
  if ('content' in result) throw new Error('the file reads')
  return result.problem
}

function origins(text: string, path?: string): string[] {
  return content(text, path).objects.map(({ object }) => `${keyOf(object)} ${object.origin}`)
}

const SERVICE = (name: string): string => `apiVersion: v1
kind: Service
metadata:
  name: ${name}
spec:
  ports:
  - port: 80
`

describe('the documents of a YAML file', () => {
  it.each([
    ['one', SERVICE('a'), ['default/a m/all.yaml:1']],
    ['two', `${SERVICE('a')}---\n${SERVICE('b')}`, ['default/a m/all.yaml:1', 'default/b m/all.yaml:9']],
    ['a marker and a comment first', `---\n# a\n${SERVICE('a')}`, ['default/a m/all.yaml:3']],
    ['empty ones between', `---\n---\n# none\n---\n${SERVICE('a')}---\n`, ['default/a m/all.yaml:5']],
    ['a comment behind the marker', `--- # a\n${SERVICE('a')}`, ['default/a m/all.yaml:2']],
    [
      'an end marker',
      `${SERVICE('a')}...\n---\n${SERVICE('b')}`,
      ['default/a m/all.yaml:1', 'default/b m/all.yaml:10'],
    ],
    [
      'lines that end as on Windows',
      `${SERVICE('a')}---\n${SERVICE('b')}`.replaceAll('\n', '\r\n'),
      ['default/a m/all.yaml:1', 'default/b m/all.yaml:9'],
    ],
    ['a byte order mark', `\ufeff${SERVICE('a')}`, ['default/a m/all.yaml:1']],
    ['a directive', `%YAML 1.2\n---\n${SERVICE('a')}`, ['default/a m/all.yaml:3']],
    [
      'flow style behind the marker',
      `---\n--- ${JSON.stringify(serviceValue({ ports: [{ port: 1 }] }))}\n`,
      ['default/kuard m/all.yaml:2'],
    ],
    ['dashes inside a text', `${SERVICE('a')}  x: |\n    ---\n    y\n`, ['default/a m/all.yaml:1']],
    ['JSON', JSON.stringify(serviceValue({ ports: [{ port: 1 }] })), ['default/kuard m/all.yaml:1']],
    ['nothing', '# nothing\n', []],
  ])('%s', (_, text, expected) => {
    expect(origins(text)).toEqual(expected)
  })

  it('a list as kubectl prints it is its items, each with its line', () => {
    const items = ['a', 'b'].map(name => SERVICE(name).replaceAll('\n', '\n  ').trimEnd())
    const text = `apiVersion: v1\nitems:\n- ${items[0]}\n- ${items[1]}\nkind: List\nmetadata:\n  resourceVersion: ""\n`
    expect(origins(text)).toEqual(['default/a m/all.yaml:3', 'default/b m/all.yaml:10'])
  })

  it('a list in a list is its items, too, with their faults', () => {
    const good = serviceValue({ ports: [{ port: 80 }] }, { name: 'a' })
    const bad = serviceValue({ ports: [{ port: 0 }] }, { name: 'b' })
    const inner = { apiVersion: 'v1', kind: 'ServiceList', items: [good, bad] }
    const list = { apiVersion: 'v1', kind: 'List', items: [{ apiVersion: 'v1', kind: 'List', items: [inner] }] }
    for (const text of [JSON.stringify(list), `---\n${JSON.stringify(list)}\n`]) {
      const { objects, problems } = content(text)
      expect(objects.map(({ object }) => object.kind === 'Service' && object.key)).toEqual(['default/a'])
      expect(problems).toEqual([expect.objectContaining({ code: 'WAY_MANIFEST_OBJECT', field: 'spec.ports[0].port' })])
    }
  })

  it('aliases and merge keys are read as kubectl reads them', () => {
    const text = `${SERVICE('a')}    <<: &more {protocol: UDP}\n  selector: {app: &app kuard, tier: *app}\n`
    expect(content(text).objects[0]?.object).toMatchObject({
      ports: [{ port: 80, protocol: 'UDP' }],
      selector: { app: 'kuard', tier: 'kuard' },
    })
  })

  it('a bomb of aliases is refused', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]']
    for (let i = 1; i < 9; i++)
      lines.push(
        `a${i}: &a${i} [${Array(10)
          .fill(`*a${i - 1}`)
          .join(', ')}]`,
      )
    expect(problem(`${lines.join('\n')}\n`).message).toContain('Excessive alias count')
  })

  it.each([
    ['010', 8],
    ['0o17', 15],
    ['0x1f', 31],
    ['1_000', 1_000],
    ['0b11', 3],
    ['1.5', 1.5],
    ['1:20', '1:20'],
    ['2026-11-20', '2026-11-20'],
    ['e3', 'e3'],
    ['.', '.'],
    ['-.inf', Number.NEGATIVE_INFINITY],
    ['!!binary aGk=', 'aGk='],
    ['{b: No}', { b: false }],
  ])('the value %s is %j', (text, value) => {
    expect(readYaml(`a: ${text}\n`)[0]?.value).toEqual({ a: value })
  })
})

describe('a file that does not parse', () => {
  it.each([
    ['zero bytes', '', null],
    ['a colon too much', `${SERVICE('a')}---\na: b: c\n`, 9],
    ['a duplicate key', 'a: 1\nb: 2\na: 3\n', 3],
    ['an open quote', 'a: 1\nb: "x\n', 3],
    ['an unknown alias', 'a: *b\n', 1],
    ['a tab for an indent', 'a:\n\tb: 1\n', 2],
  ])('%s', (_, text, line) => {
    expect(problem(text)).toMatchObject({ code: 'WAY_MANIFEST_PARSE', file: 'm/all.yaml', line, field: null })
  })

  it.each([
    ['{"a": 1,\n"b" 2}', 2],
    ['{"a":\n[1,\n', 2],
    ['', null],
    ['[1] x', 1],
  ])('JSON %j', (text, line) => {
    expect(problem(text, 'm/all.json')).toMatchObject({ code: 'WAY_MANIFEST_PARSE', line })
  })

  it('syntax errors know their line', () => {
    expect(() => readYaml('a: [')).toThrow(ManifestSyntaxError)
  })
})

describe('a file of JSON', () => {
  const values = [serviceValue({ ports: [{ port: 80 }] }), serviceValue({ ports: [{ port: 0 }] }, { name: 'b"]\\' })]
  const list = { kind: 'List', other: ['"items": [{', { items: [{}] }], items: values, apiVersion: 'v1' }

  it('on one line is all of line 1', () => {
    const text = JSON.stringify({ ...list, items: values.slice(0, 1) })
    expect(origins(text, 'm/all.json')).toEqual(['default/kuard m/all.json:1'])
  })

  it('on many lines has the line of each item and each field', () => {
    const text = JSON.stringify(list, null, 2)
    const lines = text.split('\n')
    const { objects, problems } = content(text, 'm/all.json')
    expect(objects.map(({ line }) => line)).toEqual([lines.findIndex(line => line.includes('"apiVersion": "v1"'))])
    expect(problems.map(({ field, line }) => [field, lines[(line ?? 0) - 1]?.trim()])).toEqual([
      ['metadata.name', '"name": "b\\"]\\\\"'],
      ['spec.ports[0].port', '"port": 0'],
    ])
  })

  it('of a single object has the lines of its fields, too', () => {
    const text = JSON.stringify(values[1], null, 2)
    expect(content(text, 'm/a.json').problems.map(({ line }) => line)).toEqual([5, 10])
  })
})

describe('the objects of a file', () => {
  it('an invalid one is left out alone, with the line of each fault', () => {
    const text = `${SERVICE('a')}---\n${SERVICE('b').replace('80', '70000')}---\n${SERVICE('c')}`
    const { objects, problems } = content(text)
    expect(objects.map(({ object }) => object.kind === 'Service' && object.name)).toEqual(['a', 'c'])
    expect(problems).toEqual([
      {
        code: 'WAY_MANIFEST_OBJECT',
        file: 'm/all.yaml',
        line: 15,
        field: 'spec.ports[0].port',
        message: 'All of Service default/b is left out: Invalid value: 70000: must be between 1 and 65535, inclusive',
      },
    ])
  })

  it('a fault of a field that is not there has the line of what is around it', () => {
    const text = `${SERVICE('a')}  - name: x\n    port: 81\n`
    expect(content(text).problems).toMatchObject([{ field: 'spec.ports[0].name', line: 7 }])
  })

  it('a fault in an item of a list has its line', () => {
    const item = SERVICE('b').replace('80', '0').replaceAll('\n', '\n  ').trimEnd()
    const text = `kind: List\nitems:\n- ${SERVICE('a').replaceAll('\n', '\n  ').trimEnd()}\n- ${item}\napiVersion: v1\n`
    expect(content(text).problems).toMatchObject([{ field: 'spec.ports[0].port', line: 16 }])
  })

  it('a fault under a key with dots has its line', () => {
    const text = 'apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n  labels:\n    x: z\n    fly.io/app: A.b\n'
    expect(content(text)).toMatchObject({
      objects: [{ object: { app: null } }],
      problems: [{ field: 'metadata.labels.fly.io/app', line: 7 }],
    })
    expect(content(text).problems[0]?.message).toContain('A part of Namespace a is left out')
  })

  it('a document that is no object is a problem', () => {
    expect(content('- a\n').problems).toMatchObject([{ code: 'WAY_MANIFEST_OBJECT', line: 1, field: null }])
    expect(content('a: 1\n').problems.map(({ field }) => field)).toEqual(['apiVersion', 'kind'])
  })

  it('of other kinds are counted and passed over', () => {
    const text = ['Deployment', 'ConfigMap', 'Deployment'].map(kind => `apiVersion: v1\nkind: ${kind}\n`).join('---\n')
    expect([...content(text).ignored]).toEqual([
      ['v1 Deployment', 2],
      ['v1 ConfigMap', 1],
    ])
  })
})

describe('a file that is read again', () => {
  function again(before: string, after: string): { before: FileContent; after: FileContent } {
    const interner = new Interner()
    const first = readManifest('m/all.yaml', before, interner)
    if ('problem' in first) throw new Error('the file does not read')
    const second = readManifest('m/all.yaml', after, interner, first.content)
    if ('problem' in second) throw new Error('the file does not read')
    return { before: first.content, after: second.content }
  }

  it('keeps the objects of the documents that have not changed', () => {
    const texts = [SERVICE('a'), SERVICE('b'), SERVICE('c')]
    const { before, after } = again(texts.join('---\n'), texts.with(1, SERVICE('d')).join('---\n'))
    expect(after.objects[0]).toBe(before.objects[0])
    expect(after.objects[2]).toBe(before.objects[2])
    expect(after.objects[1]?.object).toMatchObject({ name: 'd' })
  })

  it('is as if it were read for the first time, also when documents move', () => {
    const wrong = SERVICE('wrong').replace('80', '0')
    const texts = [SERVICE('a'), wrong, 'apiVersion: v1\nkind: Secret\n', SERVICE('a'), '# none\n']
    const before = texts.join('---\n')
    for (const after of [`# moved\n${before}`, texts.toReversed().join('---\n'), `---\n${before}---\n${wrong}`]) {
      expect(again(before, after).after).toEqual(content(after))
    }
  })
})

it('manifests are the files that kubectl reads', () => {
  expect(['a.yaml', 'a.yml', 'a.json', 'a.yaml~', 'a.txt', 'yaml'].map(isManifestName)).toEqual([
    ...[true, true, true, false, false, false],
  ])
})
