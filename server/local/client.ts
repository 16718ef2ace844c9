// The client's calls over a database in this process: the server's app is its `fetch`. So there is one
// definition of what a call means, down to the message of an error, and whatever was tested against it
// is true of a server; between the two is a function call instead of a socket.

import { createClient, type Client, type ClientOptions } from '../../client/index.ts'
import type { Database } from '../../engine/database.ts'
import { createApp } from '../app.ts'

/** A client that holds what it talks to. */
export interface LocalClient extends Client {
  /** Stores what is not stored yet and gives the database back; later calls fail. Over HTTP: nothing. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

export type LocalOptions = Omit<ClientOptions, 'url' | 'fetch'>

/** Loopback, which a server without a token serves. */
const HERE = 'http://localhost'

/** The calls of the client over an open database, which stays its owner's until `close`. */
export function clientOf(database: Database, options: LocalOptions = {}): LocalClient {
  const app = createApp(database)
  let isClosed = false
  const call = async (input: RequestInfo | URL, init?: RequestInit): Promise<Response> => {
    if (isClosed) throw new Error('the database is closed')
    return app.fetch(new Request(input, init))
  }
  // Nothing is lost on the way: what fails here would fail again.
  const client = createClient({ retry: false, ...options, url: HERE, fetch: call })
  return closing(client, () => {
    isClosed = true
    return database.close()
  })
}

/** A client of a server, with the members of one that is here. */
export function remoteClient(url: string, options: LocalOptions = {}): LocalClient {
  return closing(createClient({ ...options, url }), async () => {})
}

export const isRemote = (location: string): boolean => /^https?:/.test(location)

function closing(client: Client, close: () => Promise<void>): LocalClient {
  return { ...client, close, [Symbol.asyncDispose]: close }
}
