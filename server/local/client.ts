// The client's calls over a database in this process: the server's app is its `fetch`. So there is one
// definition of what a call means, down to the message of an error, and whatever was tested against it
// is true of a server; between the two is a function call instead of a socket.

import { createClient, OmenDBError } from '../../client/index.ts'
import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { createApp, type AppOptions } from '../app.ts'
import { fetchOf, localBodies } from './exchange.ts'
import { type LocalClient, type LocalOptions, HERE, NO_TIMEOUT, holding } from './local-client.ts'

/** The host's way to SQL, for `createApp`. */
type LoadSql = AppOptions['sql']

/** The calls of the client over an open database, which `close` closes. */
export function clientOf(database: Database, given: LocalOptions = {}, sql?: LoadSql): LocalClient {
  const unlimited = { perSecond: 0, atOnce: 0 }
  const here = { trusted: true, requestLimits: unlimited, bodyHost: localBodies }
  const options = sql === undefined ? here : { ...here, sql }
  const ask = fetchOf(createApp(database, options))
  let isClosed = false
  const call: typeof fetch = async (input, init) => {
    if (isClosed) throw new Error('the database is closed')
    return ask(input, init)
  }
  // Nothing is lost on the way: what fails here would fail again.
  const own = { retry: false, timeoutMs: NO_TIMEOUT } as const
  const client = createClient({ ...own, ...given, url: HERE, fetch: call })
  const close = (): Promise<void> => {
    isClosed = true
    return database.close()
  }
  return holding(client, () => database, close)
}

/** The client of the database that opens. Whoever uses it meets one class of errors: also this throws it. */
export async function openClient(
  opening: Promise<Database>,
  options: LocalOptions,
  sql?: LoadSql,
): Promise<LocalClient> {
  try {
    return clientOf(await opening, options, sql)
  } catch (cause) {
    if (!(cause instanceof OmenError)) throw cause
    throw new OmenDBError(0, { code: cause.code, detail: cause.message }, { cause })
  }
}
