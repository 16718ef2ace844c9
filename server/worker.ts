// The server on Cloudflare Workers. The Worker routes: the objects hold what there is, one catalog for a
// deployment, one shard or more for a database, each on the storage of its own. The kernel comes as a
// compiled module with the shards. wrangler.jsonc of deploy/cloudflare binds them together.
// A default export, because Workers demand one.

import type { EdgeEnv } from './edge/environment.ts'
import { Router } from './edge/router.ts'

export { OmenCatalog } from './edge/catalog-object.ts'
export { OmenShard } from './edge/shard-object.ts'
export type { EdgeEnv } from './edge/environment.ts'

/** One of an isolate: it remembers what the catalog said. */
let router: Router | null = null

export default {
  /** Answers one request. */
  fetch(request: Request, env: EdgeEnv): Promise<Response> {
    router ??= new Router(env)
    return router.answer(request)
  },
}
