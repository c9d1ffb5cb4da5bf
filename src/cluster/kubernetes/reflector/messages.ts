/** What a reflector reads of the API server's messages. */
import { isFields } from '../../strip/fields.ts'

/** One line of a watch. */
export interface WatchLine {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: unknown
  /** The object's resourceVersion, or ''. */
  readonly version: string
  /** A bookmark behind the last of the initial events (KEP-3157). */
  readonly endsInitial: boolean
}

/** What stands around the items of a list. */
export interface Listed {
  readonly version: string
  /** Token of the next page, or ''. */
  readonly next: string
}

const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'] as const
const INITIAL_END = 'k8s.io/initial-events-end'
const LARGEST_REFUSAL = 64 * 1024

/** @throws SyntaxError when it is none. */
export function watchLineOf(value: unknown): WatchLine {
  const fields = isFields(value) ? value : {}
  const type = TYPES.find(known => known === fields['type'])
  if (type === undefined) throw new SyntaxError(`a line of the watch has the type ${JSON.stringify(fields['type'])}`)
  const { object } = fields
  const metadata = metadataOf(object)
  const annotations = isFields(metadata['annotations']) ? metadata['annotations'] : {}
  const endsInitial = type === 'BOOKMARK' && annotations[INITIAL_END] === 'true'
  return { type, object, version: textOf(metadata['resourceVersion']), endsInitial }
}

/** @throws SyntaxError when it is no list. */
export function listedOf(value: unknown): Listed {
  const metadata = metadataOf(value)
  const version = textOf(metadata['resourceVersion'])
  if (version === '') throw new SyntaxError('the list has no resourceVersion')
  return { version, next: textOf(metadata['continue']) }
}

/** The body of an answer that is no success, as far as it is worth reading. */
export async function readRefusal(chunks: AsyncIterable<Uint8Array>): Promise<unknown> {
  let text = ''
  const decoder = new TextDecoder()
  try {
    for await (const chunk of chunks) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length > LARGEST_REFUSAL) break
    }
    return JSON.parse(text)
  } catch {
    return text
  }
}

/**
 * Whether `version` is not before `other`. Versions of one resource are numbers that grow (KEP-5504); texts that are
 * none cannot be compared, and count as later.
 */
export function isNotBefore(version: string, other: string): boolean {
  const isNumber = (text: string): boolean => /^\d{1,20}$/.test(text)
  return !isNumber(version) || !isNumber(other) || BigInt(version) >= BigInt(other)
}

function metadataOf(value: unknown): Readonly<Record<string, unknown>> {
  return isFields(value) && isFields(value['metadata']) ? value['metadata'] : {}
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
