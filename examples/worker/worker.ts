// A Cloudflare Worker with an OmenDB of its own: it counts the requests of each path, and /stats shows the
// last hour in buckets, as a dashboard draws them. The points are in Durable Objects of this Worker, so
// they are there after every deploy; nothing else has to run.
// Try it:  npm install omendb && npx wrangler dev      For everyone:  npx wrangler deploy

import { createClient } from 'omendb/client'
import omendb, { type EdgeEnv } from 'omendb/worker'

// The classes of its objects, which wrangler.jsonc binds.
export { OmenCatalog, OmenShard } from 'omendb/worker'

interface Visits {
  tags: { path: string }
  fields: { count: number; ms: number }
}

/** The database in this Worker: its `fetch` is a call. A loopback host, so it asks for no token. */
function visitsOf(env: EdgeEnv) {
  const call: typeof fetch = (input, init) => omendb.fetch(new Request(input, init), env)
  return createClient({ url: 'http://localhost', fetch: call }).table<Visits>('example_visits')
}

export default {
  async fetch(request: Request, env: EdgeEnv, context: ExecutionContext): Promise<Response> {
    const startedAt = Date.now()
    const visits = visitsOf(env)
    const { pathname } = new URL(request.url)
    if (pathname === '/stats') {
      const select = { count: 'sum(count)', slowest: 'max(ms)' } as const
      const answer = await visits.query({ start: '-1h', select, by: ['path'], every: '1h' })
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
