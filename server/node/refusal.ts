// What never reaches the app: requests that Node's parser refuses, that are too slow, or whose target is
// no URL. They get problem documents like all others.

import { randomUUID } from 'node:crypto'
import { STATUS_CODES, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { OmenError } from '../../engine/error.ts'
import { HEADER_BYTES_MAX } from '../limits.ts'
import { describeProblem, problemWith } from '../problem.ts'

/** Headers of an answer that the app has no part in. */
function bareHeaders(requestId: string): Record<string, string> {
  return {
    'Cache-Control': 'no-store',
    'X-Request-Id': requestId,
    'Server-Timing': 'total;dur=0',
    'X-Content-Type-Options': 'nosniff',
  }
}
/** A request whose target or Host cannot be made a URL never reaches the app. */
export function refuseUnreadable(cause: unknown): Response {
  const message = cause instanceof Error ? cause.message : 'unreadable request'
  const requestId = randomUUID()
  return problemWith(new OmenError('bad_request', message), requestId, bareHeaders(requestId))
}
const PARSER_ERRORS: Readonly<Record<string, { status: number; error: OmenError }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    error: new OmenError('too_large', `request head: more than ${HEADER_BYTES_MAX} bytes`),
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    error: new OmenError('timeout', 'the request took too long to arrive'),
  },
}

/** The parser's reason, one of llhttp's own texts, helps whoever typed a URL with an umlaut in it. */
function unparsed({ code, reason }: ParserError): { status: number; error: OmenError } {
  const advice = code === 'HPE_INVALID_URL' ? ' (percent-encode what is not ASCII)' : ''
  const message = `not an HTTP request${reason ? `: ${reason}${advice}` : ''}`
  return { status: 400, error: new OmenError('bad_request', message) }
}

type ParserError = NodeJS.ErrnoException & { reason?: string }

/** Writes a problem document onto the socket of a request that has no response object, and ends it. */
export function answerClientError(cause: ParserError, socket: Duplex): void {
  const response = (socket as { _httpMessage?: ServerResponse })._httpMessage
  if (!socket.writable || cause.code === 'ECONNRESET' || response?.headersSent) {
    socket.destroy()
    return
  }
  const { status, error } = PARSER_ERRORS[cause.code ?? ''] ?? unparsed(cause)
  const requestId = randomUUID()
  const body = JSON.stringify({ ...describeProblem(error, requestId), status })
  const headers = {
    Connection: 'close',
    'Content-Type': 'application/problem+json',
    'Content-Length': Buffer.byteLength(body),
    ...bareHeaders(requestId),
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, ...lines].join('\r\n')
  socket.end(`${head}\r\n\r\n${body}`, () => socket.destroy())
}
