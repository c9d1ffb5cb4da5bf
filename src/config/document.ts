/** A YAML text as a tree that knows its lines, so that every fault can say where it is. */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument, type Node as YamlNode } from 'yaml'

/** Something wrong in a configuration. */
export interface Fault {
  /** `networks[0].prefix`, or a flag's name; '' for the text as a whole. */
  readonly path: string
  /** From 1; null when the value did not come from a file. */
  readonly line: number | null
  /** Continues the sentence that begins with the path: "must be …". */
  readonly reason: string
}

/** A broken rule, with the path of the value that breaks it. */
export interface BrokenRule {
  readonly path: string
  readonly reason: string
}

export interface ScalarNode {
  readonly kind: 'scalar'
  readonly line: number
  readonly value: unknown
}
export interface ListNode {
  readonly kind: 'list'
  readonly line: number
  readonly items: readonly DocumentNode[]
}
export interface MapNode {
  readonly kind: 'map'
  readonly line: number
  readonly entries: ReadonlyMap<string, DocumentNode>
}
/** A value with the line on which it (its key, inside a map) begins. */
export type DocumentNode = ScalarNode | ListNode | MapNode

/** A map with nothing in it: what an empty file, and a section without keys, mean. */
export const EMPTY_MAP: MapNode = { kind: 'map', line: 1, entries: new Map() }

/** More nodes than any honest configuration has; stops aliases that multiply. */
const MAX_NODES = 20_000

/** Parses one YAML 1.2 document. Syntax faults are added to `faults`; then the tree may be incomplete. */
export function parseTree(text: string, faults: Fault[]): DocumentNode {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true })
  for (const error of document.errors) {
    const reason = error.message.replace(/\s+/g, ' ')
    faults.push({ path: '', line: lines.linePos(error.pos[0]).line, reason: `is no YAML: ${reason}` })
  }
  let nodes = 0
  const convert = (node: YamlNode | null | undefined, keyLine: number): DocumentNode => {
    if (++nodes > MAX_NODES) throw new RangeError('too many nodes')
    if (node === null || node === undefined) return { kind: 'scalar', line: keyLine, value: null }
    if (isAlias(node)) return convert(node.resolve(document), keyLine)
    const line = keyLine > 0 ? keyLine : lineOf(node)
    if (isScalar(node)) return { kind: 'scalar', line, value: node.value }
    if (isSeq<YamlNode>(node)) return { kind: 'list', line, items: node.items.map(item => convert(item, 0)) }
    if (!isMap<YamlNode, YamlNode>(node)) return { kind: 'scalar', line, value: null }
    const entries = new Map<string, DocumentNode>()
    for (const { key, value } of node.items) {
      entries.set(isScalar(key) ? String(key.value) : String(key), convert(value, lineOf(key)))
    }
    return { kind: 'map', line, entries }
  }
  const lineOf = (node: YamlNode): number => (node.range ? lines.linePos(node.range[0]).line : 1)
  try {
    return document.contents === null ? EMPTY_MAP : convert(document.contents, 0)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    faults.push({
      path: '',
      line: null,
      reason: 'has more values, after its aliases are expanded, than a configuration may',
    })
    return EMPTY_MAP
  }
}

/** The line of the value at a path such as `networks[0].prefix`, or of the nearest value around it. */
export function lineOfPath(root: DocumentNode, path: string): number | null {
  let node = root
  for (const step of path.split(/\.|(?=\[)/)) {
    const index = /^\[(\d+)\]$/.exec(step)?.[1]
    const next =
      node.kind === 'list' && index !== undefined
        ? node.items[Number(index)]
        : node.kind === 'map'
          ? node.entries.get(step)
          : undefined
    if (next === undefined) break
    node = next
  }
  return node === EMPTY_MAP ? null : node.line
}
