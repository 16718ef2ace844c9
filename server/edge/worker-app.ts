// The app that the Worker itself runs: what needs no database (documents, health, preflights), and every
// refusal of the router, in the words and the shape of the route that was asked for. It is loaded when it
// is first needed, which is never in an isolate that forwards good requests.

import { OmenError } from '../../engine/error.ts'
import type { Access } from '../access.ts'
import { createApp } from '../app.ts'
import type { ServerContext } from '../endpoint.ts'
import { type Grant, NO_GRANT } from '../grant.ts'
import { absentDatabase } from './absent-database.ts'
import { edgeOptions, type EdgeEnv } from './environment.ts'

/** What the router found out about a request that it does not forward. */
export interface Finding {
  /** What whoever asks may do, or why nothing. */
  readonly grant: Grant | OmenError
  /** Why not even a route that is open to all. */
  readonly refusal: OmenError | null
}

/** Answers a request by what was found out about it. */
export type WorkerApp = (request: Request, finding: Finding) => Promise<Response>

/** Who asks is what the router found out. */
export const findingAccess: Access = {
  identify(c) {
    const { grant } = findingOf(c)
    return grant instanceof OmenError ? Promise.reject(grant) : grant
  },
  identifyOpen(c) {
    const { refusal } = findingOf(c)
    if (refusal !== null) throw refusal
    return NO_GRANT
  },
}

const findingOf = (c: ServerContext): Finding => c.env as unknown as Finding

/** The app for these bindings. */
export function createWorkerApp(env: EdgeEnv): WorkerApp {
  const app = createApp(absentDatabase(), { ...edgeOptions(env), access: findingAccess })
  return async (request, finding) => app.fetch(request, finding as object)
}
