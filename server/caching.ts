// Caching of answers to GET (RFC 9110, 8.8 and 13): the database's version of an answer is its weak
// ETag, and a client that has this version gets a 304 without the query being run. What moves with the
// clock has none and is `no-store`, as all other answers are (dispatch.ts).

import { answerWith } from './answer.ts'
import type { Server, ServerContext } from './endpoint.ts'

/** What a GET's answers are documented with beside their 200. */
export const UNCHANGED = {
  304: {
    description: 'The answer is still that of the `If-None-Match`; it was not worked out again',
  },
}

/**
 * A 304 if the client has this version, else what `answer` makes, with these headers. The version has to
 * be taken before.
 */
export function answerVersion(
  server: Server,
  c: ServerContext,
  version: string | null,
  answer: (headers: Readonly<Record<string, string>>) => Promise<Response>,
): Response | Promise<Response> {
  const headers = cachingHeaders(version)
  return isKnown(c, version) ? answerWith(server, c, null, headers, 304) : answer(headers)
}

/** Headers of an answer of this version; none of one that has no version. */
function cachingHeaders(version: string | null): Readonly<Record<string, string>> {
  if (version === null) return {}
  return { ETag: `W/"${version}"`, 'Cache-Control': 'private, no-cache' }
}

/** Has the client this version already? Compared weakly; `*` names no version. */
function isKnown(c: ServerContext, version: string | null): boolean {
  const header = c.req.header('if-none-match')
  if (version === null || header === undefined) return false
  return header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === `"${version}"`)
}

/** How an answer is written, as far as its version differs by it. */
export function shapeText(...parts: readonly (string | null | undefined)[]): string {
  return parts.map((part) => part ?? '').join(' ')
}
