// Answers that succeed, on their way out: text or bytes that are whole, or pieces that are pulled as the
// client reads. A host that writes to its connection itself (server/node.ts) gets them as they are: to
// make a Response, its headers and a web stream of a short answer costs more than many a query. Others
// get a Response.

import { byteBody } from './encode/stream.ts'
import { breakAnswer, type Server, type ServerContext } from './endpoint.ts'

/** What an answer says; pieces are returned if the client leaves. */
export type AnswerBody = string | Uint8Array<ArrayBuffer> | AsyncIterator<Uint8Array>

/** Headers as far as the app sets them. */
export interface AnswerHeaders {
  has(name: string): boolean
  set(name: string, value: string): void
}

/** An answer with this body, null for none, and these headers; 200 unless said. */
export function answerWith(
  server: Server,
  c: ServerContext,
  body: AnswerBody | null,
  headers: Readonly<Record<string, string>>,
  status = 200,
): Response {
  const failed = breakAnswer(server, c)
  body = followed(c, body)
  // HEAD goes through the router as GET, which makes a Response of the answer's head.
  if (server.bodyHost !== null && c.req.raw.method !== 'HEAD') {
    return server.bodyHost.answer(c.env, { status, body, headers, failed })
  }
  const given = body === null || isWhole(body) ? body : byteBody(body, failed)
  return new Response(given, { status, headers })
}

/** The body with its bytes counted, now or as they go. */
function followed(c: ServerContext, body: AnswerBody | null): AnswerBody | null {
  const course = c.get('course')
  if (body === null || !isWhole(body)) return body && course.follow(body, c.get('grant'))
  if (course.isCounted) course.bytes = typeof body === 'string' ? utf8Length(body) : body.length
  return body
}

const encoder = new TextEncoder()

function utf8Length(text: string): number {
  return encoder.encode(text).length
}

function isWhole(body: AnswerBody): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array
}

/** A value as JSON. */
export function answerJson(
  server: Server,
  c: ServerContext,
  value: unknown,
  status = 200,
): Response {
  const headers = { 'Content-Type': 'application/json' }
  return answerWith(server, c, JSON.stringify(value), headers, status)
}

/** A 204. */
export function answerNothing(server: Server, c: ServerContext): Response {
  return answerWith(server, c, null, {}, 204)
}
