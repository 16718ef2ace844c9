// OmenDB from a Cloudflare Worker: counts the requests of each path, and shows the last hour.
// Run it:  npx omendb serve &   then   npx wrangler dev -c examples/worker/wrangler.jsonc
// For production: wrangler secret put OMENDB_TOKEN, and OMENDB_URL in wrangler.jsonc.

import { createClient } from 'omendb/client'

interface Env {
  OMENDB_URL: string
  OMENDB_TOKEN?: string
  /** A service binding to OmenDB's own Worker, instead of the network. */
  OMENDB?: { fetch: typeof fetch }
}

interface Visits {
  tags: { path: string }
  fields: { count: number; ms: number }
}

export default {
  async fetch(request: Request, env: Env, context: ExecutionContext): Promise<Response> {
    const startedAt = Date.now()
    const { OMENDB_URL: url, OMENDB_TOKEN: token, OMENDB: binding } = env
    const call =
      binding && ((input: RequestInfo | URL, init?: RequestInit) => binding.fetch(input, init))
    const visits = createClient({ url, token, fetch: call }).table<Visits>('example_visits')
    const { pathname } = new URL(request.url)
    if (pathname === '/stats') {
      const select = { count: 'sum(count)', slowest: 'max(ms)' } as const
      const answer = await visits.query({ start: '-1h', select, by: ['path'] })
      return Response.json([...answer.rows()])
    }
    const response = new Response(`You are at ${pathname}\n`)
    // The visitor does not wait for it.
    const fields = { count: 1, ms: Date.now() - startedAt }
    context.waitUntil(visits.write({ tags: { path: pathname }, fields }))
    return response
  },
}

interface ExecutionContext {
  waitUntil(promise: Promise<unknown>): void
}
