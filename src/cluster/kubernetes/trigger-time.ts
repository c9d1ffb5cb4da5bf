/** When what a slice says happened. */
import { type Fields, isFields } from '../strip/fields.ts'

const ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time'

/**
 * Milliseconds since the epoch at which a Pod or Service changed and so made the EndpointSlice controller write the
 * slice; null when it does not say.
 */
export function triggerTime(slice: Fields): number | null {
  const metadata = isFields(slice['metadata']) ? slice['metadata'] : {}
  const annotations = isFields(metadata['annotations']) ? metadata['annotations'] : {}
  const text = annotations[ANNOTATION]
  const time = typeof text === 'string' ? Date.parse(text) : Number.NaN
  return Number.isNaN(time) ? null : time
}
