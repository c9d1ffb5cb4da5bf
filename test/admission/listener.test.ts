import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMISSION_PATH, buildListener, REVIEW_LIMIT } from '#src/admission/listener.ts'
import { fixture, NETWORK } from '../pool/support.ts'
import { type Json, review, service, webhookOf } from './support.ts'

const logged: object[] = []
const fix = fixture()
const webhook = webhookOf(fix)
const app = buildListener({
  tls: null,
  logger: { error: fields => logged.push(fields) },
  review: (network, body) => {
    if ((body as Json | null)?.['kind'] === 'Explode') throw new Error('a secret')
    return webhook.review(network, body)
  },
})
let url = ''

beforeAll(async () => {
  url = await app.listen({ host: '::1', port: 0 })
})
afterAll(() => app.close())

async function send(
  body: string,
  headers: Record<string, string> = {},
  path: string = ADMISSION_PATH,
): Promise<Response> {
  return await fetch(`${url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  })
}

describe('the admission listener', () => {
  it('answers a review, of the network that the query names or the only one', async () => {
    for (const query of ['', `?network=${NETWORK}`, '?timeout=10s']) {
      const response = await send(JSON.stringify(review(service('kuard'))), {}, ADMISSION_PATH + query)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toContain('application/json')
      expect(await response.json()).toMatchObject({ kind: 'AdmissionReview', response: { allowed: true } })
    }
  })

  it('takes a Service as large as an API server does', async () => {
    const padding = 'x'.repeat(3 * 1024 * 1024)
    const body = JSON.stringify(review(service('large', {}, { annotations: { padding } })))
    expect((await send(body)).status).toBe(200)
  })

  it.each([
    ['no JSON', '{', {}, ADMISSION_PATH, 400, 'WAY_ADMISSION_REVIEW'],
    ['nothing', '', {}, ADMISSION_PATH, 400, 'WAY_ADMISSION_REVIEW'],
    ['no review', '{}', {}, ADMISSION_PATH, 400, 'WAY_ADMISSION_REVIEW'],
    ['null', 'null', {}, ADMISSION_PATH, 400, 'WAY_ADMISSION_REVIEW'],
    ['too much', ' '.repeat(REVIEW_LIMIT + 1), {}, ADMISSION_PATH, 413, 'WAY_HTTP_TOO_LARGE'],
    ['another type', '{}', { 'content-type': 'text/plain' }, ADMISSION_PATH, 415, 'WAY_HTTP_MEDIA_TYPE'],
    ['another network', '{}', {}, `${ADMISSION_PATH}?network=x`, 404, 'WAY_NETWORK_UNKNOWN'],
    ['another path', '{}', {}, '/v1/addresses', 404, 'WAY_HTTP_NOT_FOUND'],
    ['what makes us fail', '{"kind":"Explode"}', {}, ADMISSION_PATH, 500, 'WAY_INTERNAL'],
  ])('refuses %s', async (_, body, headers, path, status, code) => {
    const response = await send(body, headers as Record<string, string>, path)
    const answer = (await response.json()) as { code: string; message: string }
    expect({ status: response.status, code: answer.code }).toEqual({ status, code })
    expect(answer.message).not.toContain('secret')
  })

  it('has nothing else, and logs only defects', async () => {
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
    expect((await fetch(`${url}${ADMISSION_PATH}`)).status).toBe(404)
    expect(logged).toEqual([expect.objectContaining({ event: 'admission_error' })])
  })
})
