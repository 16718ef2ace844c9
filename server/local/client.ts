// The client's calls over a database in this process: the server's app is its `fetch`. So there is one
// definition of what a call means, down to the message of an error, and whatever was tested against it
// is true of a server; between the two is a function call instead of a socket.

import { createClient, OmenDBError, type Client, type ClientOptions } from '../../client/index.ts'
import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import { createApp } from '../app.ts'
import { fetchOf, localBodies } from './exchange.ts'

/** A client that holds what it talks to. */
export interface LocalClient extends Client {
  /**
   * The database below the calls, for those who want no JSON in between: `batch()` and answers as columns
   * in typed arrays. It throws `OmenError`. Where the database is elsewhere (at a URL, in a worker) there
   * is none, and this throws `unsupported`.
   */
  readonly engine: Database
  /** Stores what is not stored yet and gives the database back; later calls fail. Over HTTP: nothing. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Those of a client, without what only a network needs; of a URL also `token`. */
export type LocalOptions = Omit<ClientOptions, 'url' | 'fetch'>

/** The name of the server in the process; nobody resolves it. */
const HERE = 'http://localhost'

/** There is no connection that could be silent: what takes long is at work. */
const NO_TIMEOUT = 2 ** 31 - 1

/** The calls of the client over an open database, which `close` closes. */
export function clientOf(database: Database, given: LocalOptions = {}): LocalClient {
  const unlimited = { perSecond: 0, atOnce: 0 }
  const options = { trusted: true, requestLimits: unlimited, bodyHost: localBodies }
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

/** A client of a server, with the members of one that is here. */
export function remoteClient(url: string, options: LocalOptions = {}): LocalClient {
  const engine = (): never => {
    throw new OmenError('unsupported', `engine: the database is at ${url}`)
  }
  return holding(createClient({ ...options, url }), engine, async () => {})
}

export const isRemote = (location: string): boolean => /^https?:/.test(location)

/** The client of the database that opens. Whoever uses it meets one class of errors: also this throws it. */
export async function openClient(
  opening: Promise<Database>,
  options: LocalOptions,
): Promise<LocalClient> {
  try {
    return clientOf(await opening, options)
  } catch (cause) {
    if (!(cause instanceof OmenError)) throw cause
    throw new OmenDBError(0, { code: cause.code, detail: cause.message }, { cause })
  }
}

function holding(client: Client, engine: () => Database, close: () => Promise<void>): LocalClient {
  const local = { ...client, close, [Symbol.asyncDispose]: close }
  return Object.defineProperty(local, 'engine', { get: engine }) as LocalClient
}
