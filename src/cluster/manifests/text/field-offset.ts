/** Where a field stands in the tree that the YAML library makes of a document. */
import { isMap, isNode, isScalar, isSeq } from 'yaml'

/** Where the field is, or the nearest thing above it. Keys may hold dots: the longest key that fits is taken. */
export function offsetOf(root: unknown, path: string): number {
  let node: unknown = root
  let offset = isNode(root) ? (root.range?.[0] ?? 0) : 0
  let rest = path
  while (rest !== '') {
    const step = isMap(node) ? stepIntoMap(node.items, rest) : isSeq(node) ? stepIntoSeq(node.items, rest) : null
    if (step === null) break
    node = step.node
    offset = step.offset ?? offset
    rest = step.rest
  }
  return offset
}

interface Step {
  readonly node: unknown
  readonly offset: number | undefined
  readonly rest: string
}

function stepIntoMap(pairs: readonly { key: unknown; value: unknown }[], path: string): Step | null {
  let best: Step | null = null
  let longest = -1
  for (const { key, value } of pairs) {
    if (!isScalar(key)) continue
    const name = String(key.value)
    const behind = path.charAt(name.length)
    if (name.length <= longest || !path.startsWith(name) || (behind !== '' && behind !== '.' && behind !== '['))
      continue
    longest = name.length
    best = { node: value, offset: key.range?.[0], rest: path.slice(name.length + (behind === '.' ? 1 : 0)) }
  }
  return best
}

function stepIntoSeq(items: readonly unknown[], path: string): Step | null {
  const match = /^\[(\d+)\]\.?/.exec(path)
  const item = match === null ? undefined : items[Number(match[1])]
  if (match === null || !isNode(item)) return null
  return { node: item, offset: item.range?.[0], rest: path.slice(match[0].length) }
}
