// A client that holds what it talks to: the same whether that is in this thread, in a worker or at a
// URL. Nothing of the server is in here, so that a page which needs none loads none.

import { createClient, type Client, type ClientOptions } from '../../client/index.ts'
import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'

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
export const HERE = 'http://localhost'

/** There is no connection that could be silent: what takes long is at work. */
export const NO_TIMEOUT = 2 ** 31 - 1

/** A client of a server, with the members of one that is here. */
export function remoteClient(url: string, options: LocalOptions = {}): LocalClient {
  const engine = (): never => {
    throw new OmenError('unsupported', `engine: the database is at ${url}`)
  }
  return holding(createClient({ ...options, url }), engine, async () => {})
}

export const isRemote = (location: string): boolean => /^https?:/.test(location)

/** The client with the members of one that holds its database. */
export function holding(
  client: Client,
  engine: () => Database,
  close: () => Promise<void>,
): LocalClient {
  const local = { ...client, close, [Symbol.asyncDispose]: close }
  return Object.defineProperty(local, 'engine', { get: engine }) as LocalClient
}
