// The server on Cloudflare Workers: the same app as a fetch handler, over a database in the memory
// of its isolate. The first request opens it; what it holds ends with the isolate.
// A default export, because Workers demand one.

import { open } from '../engine/workers.ts'
import { createApp, type App } from './app.ts'
import type { BodyLimits } from './limits.ts'

/** Bindings of the Worker. Without a token only loopback hosts are served, as anywhere. */
export interface WorkerEnv {
  readonly OMENDB_TOKEN?: string
  /** Origins whose pages may call, comma-separated. */
  readonly OMENDB_CORS_ORIGIN?: string
}

/** An isolate has 128 MB for everything. */
const LIMITS: BodyLimits = { wireBytesMax: 8_000_000, inflatedBytesMax: 16 * 1024 * 1024 }

export { OmenShard } from './edge/shard-object.ts'
let opening: Promise<App> | null = null

async function openApp(env: WorkerEnv): Promise<App> {
  const corsOrigins = (env.OMENDB_CORS_ORIGIN ?? '').split(',').filter((origin) => origin !== '')
  const options = { token: env.OMENDB_TOKEN, corsOrigins, limits: LIMITS }
  return createApp(await open('memory:'), options)
}

export default {
  /** Answers one request; a database that cannot be opened is tried again by the next. */
  async fetch(request: Request, env: WorkerEnv): Promise<Response> {
    opening ??= openApp(env).catch((error: unknown) => {
      opening = null
      throw error
    })
    return (await opening).fetch(request, env)
  },
}
