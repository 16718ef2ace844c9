// Entry `omendb/local` for Node: one `open` for a directory, memory and a server, that answers the
// calls of `omendb/client`. A user's tests need no server: `await open('memory:')`.

import { type NodeOptions, open as openDatabase } from '../../engine/node.ts'
import { type LocalClient, type LocalOptions, clientOf, isRemote, remoteClient } from './client.ts'

export type { LocalClient, LocalOptions } from './client.ts'
export { clientOf } from './client.ts'
export { OmenDBError } from '../../client/index.ts'
export type * from '../../client/index.ts'

/** `engine`: how a database of this process is opened. */
export interface LocalOpenOptions extends LocalOptions {
  readonly engine?: NodeOptions
}

/**
 * Opens `memory:`, a directory (`file:./data`), which it makes if it is missing and holds until `close`,
 * or the server at a URL (`http://db:8080`). Throws as `open` of `omendb` does.
 */
export async function open(
  location: string,
  { engine, ...options }: LocalOpenOptions = {},
): Promise<LocalClient> {
  if (isRemote(location)) return remoteClient(location, options)
  return clientOf(await openDatabase(location, engine), options)
}
