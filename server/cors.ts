// Which pages of browsers may read answers (WHATWG Fetch, "CORS protocol"): none, until origins are
// configured. Tokens travel in a header that pages set themselves, so credentials are not allowed.

import type { AnswerHeaders } from './answer.ts'

/** Headers of answers that pages may see beside the few that all may. */
const EXPOSED = [
  'ETag',
  'X-Request-Id',
  'Server-Timing',
  'OmenDB-Backup-Id',
  'Retry-After',
  'Location',
  'WWW-Authenticate',
].join(', ')

/** Headers of requests that pages may set. */
const ALLOWED = [
  'Authorization',
  'Content-Type',
  'Content-Encoding',
  'If-None-Match',
  'Last-Event-ID',
  'X-Request-Id',
].join(', ')

/** Seconds that a browser may remember a preflight. */
const MAX_AGE = '7200'

export interface Cors {
  /** Puts onto an answer what lets the page of this origin read it, if it may. */
  mark(headers: Pick<AnswerHeaders, 'set'>, origin: string | undefined): void
  /** The answer to a preflight for these methods, null for an origin that may not. */
  preflight(origin: string | undefined, methods: string): Response | null
}

/** Null for no origins; `*` is all of them. */
export function createCors(origins: readonly string[]): Cors | null {
  if (origins.length === 0) return null
  const isOpen = origins.includes('*')
  const known = new Set(origins)
  const isAllowed = (origin: string): boolean => isOpen || known.has(origin)
  return {
    mark(headers, origin) {
      if (!isOpen) headers.set('Vary', 'Origin')
      if (origin === undefined || !isAllowed(origin)) return
      headers.set('Access-Control-Allow-Origin', isOpen ? '*' : origin)
      headers.set('Access-Control-Expose-Headers', EXPOSED)
      headers.set('Timing-Allow-Origin', isOpen ? '*' : origin)
    },
    preflight(origin, methods) {
      if (origin === undefined || !isAllowed(origin)) return null
      const headers = {
        'Access-Control-Allow-Methods': methods,
        'Access-Control-Allow-Headers': ALLOWED,
        'Access-Control-Max-Age': MAX_AGE,
      }
      return new Response(null, { status: 204, headers })
    },
  }
}
