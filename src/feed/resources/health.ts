/** `/health`, `/ready` and `/metrics`: what supervisors and scrapers ask. */
import type { ProbeBackend } from '../backend.ts'
import type { Endpoint } from './endpoint.ts'
import { json, object, ref } from './schemas.ts'

/** See the top of the file. */
export function healthEndpoints(backend: ProbeBackend): Endpoint[] {
  return [
    {
      method: 'GET',
      path: '/health',
      id: 'health',
      summary: 'Whether the process is alive',
      answers: { 200: json('It is.', object({ status: { const: 'ok' } })) },
      handle: () => ({ status: 'ok' }),
    },
    {
      method: 'GET',
      path: '/ready',
      id: 'ready',
      summary: 'Whether everything is known and answered',
      description: 'Ready means that DNS answers and that GET /v1/routes is whole.',
      answers: {
        200: json('Ready.', ref('Readiness')),
        503: json('Not ready, with the reasons.', {
          allOf: [{ type: 'object', required: ['code', 'message', 'ready', 'reasons'] }],
        }),
      },
      handle: (_request, reply) => {
        const { ready, reasons, details } = backend.ready()
        if (ready) return { ready, reasons, details }
        const message = reasons.length === 0 ? 'Not ready yet' : `Not ready: ${reasons.join('; ')}`
        return reply
          .code(503)
          .header('retry-after', '2')
          .send({ code: 'WAY_NOT_READY', message, ready, reasons, details })
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      id: 'metrics',
      summary: 'Prometheus metrics',
      answers: { 200: { description: 'The page.', content: { 'text/plain': { type: 'string' } } } },
      handle: async (_request, reply) => {
        const { contentType, text } = await backend.metrics()
        return reply.type(contentType).send(text)
      },
    },
  ]
}
