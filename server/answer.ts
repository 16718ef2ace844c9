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

/** A 200 with this body and these headers. */
export function answerWith(
  server: Server,
  c: ServerContext,
  body: AnswerBody,
  headers: Readonly<Record<string, string>>,
): Response {
  const failed = breakAnswer(server, c)
  // HEAD goes through the router as GET, which makes a Response of the answer's head.
  if (server.bodyHost !== null && c.req.raw.method !== 'HEAD') {
    return server.bodyHost.answer(c.env, { body, headers, failed })
  }
  const isWhole = typeof body === 'string' || body instanceof Uint8Array
  return new Response(isWhole ? body : byteBody(body, failed), { headers })
}
