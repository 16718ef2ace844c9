// Routes about the server itself: its health, its numbers, its document. What makes the document is
// loaded when somebody asks for it: few do, and it is a third of all else.

import * as z from 'zod'
import { OmenError } from '../../engine/error.ts'
import { answerJson, answerWith } from '../answer.ts'
import { addEndpoint, type Server } from '../endpoint.ts'
import { sees } from '../grant.ts'
import { NoQuery } from '../schema/parameter.ts'
import { FAILURE, jsonAnswers } from '../schema/problem.ts'
import { HealthAnswer, ReadyAnswer } from '../schema/service.ts'
import { VERSION } from '../version.ts'

const group = 'Server'
const query = NoQuery

export function addServiceRoutes(server: Server): void {
  addHealth(server)
  addReady(server)
  addMetrics(server)
  addDocument(server)
  addDocs(server)
  addRoot(server)
}

function addHealth(server: Server): void {
  const { 200: pass, ...failure } = jsonAnswers('Reads and writes, or (`warn`) reads', HealthAnswer)
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/health',
      operationId: 'health',
      summary: 'Is the server well?',
      description:
        '`pass`; `warn`: reads only, and `message` says why; `fail` with 503. Needs no token.',
      group,
      access: 'open',
      query,
      answers: { 200: pass, 503: { ...pass, description: '`fail`' }, ...failure },
    },
    (c) => {
      const { status, message } = server.db.health()
      const body = { status, name: 'omendb', version: VERSION, message }
      return answerJson(server, c, body, status === 'fail' ? 503 : 200)
    },
  )
}

function addReady(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/ready',
      operationId: 'ready',
      summary: 'May requests be sent?',
      description: '503 `unavailable` while the server recovers. Needs no token.',
      group,
      access: 'open',
      query,
      answers: jsonAnswers('Yes', ReadyAnswer),
    },
    (c) => {
      const { status, message } = server.db.health()
      if (status === 'fail') throw new OmenError('unavailable', message)
      return answerJson(server, c, { status: 'ready' as const })
    },
  )
}

function addMetrics(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/metrics',
      operationId: 'metrics',
      summary: 'Numbers for Prometheus',
      description:
        'For any token that may read some database; of databases it shows those that the token sees.',
      group,
      access: 'reader',
      query,
      answers: {
        200: { description: 'Text format', content: { 'text/plain': { schema: z.string() } } },
        ...FAILURE,
      },
    },
    (c) => {
      const type = 'text/plain; version=0.0.4; charset=utf-8'
      const page = server.metrics.render(server.db.metrics(), (name) => sees(c.get('grant'), name))
      return answerWith(server, c, page, { 'Content-Type': type })
    },
  )
}

function addDocument(server: Server): void {
  let text: string | null = null
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/openapi.json',
      operationId: 'openapi',
      summary: 'The API document',
      description: 'OpenAPI 3.1, made of the schemas that requests are checked against.',
      group,
      access: 'open',
      query,
      answers: jsonAnswers('OpenAPI 3.1', z.record(z.string(), z.unknown())),
    },
    async (c) => {
      const { openApiDocument } = await import('../openapi.ts')
      text ??= JSON.stringify(openApiDocument(server.endpoints))
      return answerWith(server, c, text, { 'Content-Type': 'application/json' })
    },
  )
}

function addDocs(server: Server): void {
  let page: string | null = null
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/docs',
      operationId: 'docs',
      summary: 'The API document as a page',
      description: 'A page without scripts that asks nobody for anything.',
      group,
      access: 'open',
      query,
      answers: {
        200: { description: 'HTML', content: { 'text/html': { schema: z.string() } } },
        ...FAILURE,
      },
    },
    async (c) => {
      const { docsPage, docsPolicy } = await import('../docs.ts')
      const { openApiDocument } = await import('../openapi.ts')
      page ??= docsPage(openApiDocument(server.endpoints))
      return answerWith(server, c, page, {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': await docsPolicy(),
        'Referrer-Policy': 'no-referrer',
      })
    },
  )
}

/** Whoever opens the address that the server prints wants to see something. */
function addRoot(server: Server): void {
  addEndpoint(
    server,
    {
      method: 'get',
      path: '/',
      operationId: 'root',
      summary: 'Leads to the page of the API document',
      description: 'Whoever opens the address of the server sees the page.',
      group,
      access: 'open',
      query,
      answers: { 302: { description: 'To `/docs`' }, ...FAILURE },
    },
    (c) => c.redirect('/docs'),
  )
}
