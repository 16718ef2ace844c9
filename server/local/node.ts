// Entry `omendb` for Node: one `open` for a directory, memory and a server, that answers the calls of
// `omendb/client`. A user's tests need no server: `await open('memory:')`.

import { type NodeOptions, open as openEngine } from '../../engine/node.ts'
import { nodeSql } from '../node/sql.ts'
import { openClient } from './client.ts'
import { type LocalClient, type LocalOptions, isRemote, remoteClient } from './local-client.ts'

export * from './public.ts'

/** `engine`: how a database of this process is opened. */
export interface OpenOptions extends LocalOptions {
  readonly engine?: NodeOptions
}

/**
 * Opens `memory:`, a directory (`file:./data`), which it makes if it is missing and holds until `close`,
 * or the server at a URL (`http://db:8080`). Throws OmenDBError: `locked` if another has the directory,
 * `corrupt` naming file and offset if the data fails its checks.
 */
export async function open(
  location: string,
  { engine, ...options }: OpenOptions = {},
): Promise<LocalClient> {
  if (isRemote(location)) return remoteClient(location, options)
  return openClient(openEngine(location, engine), options, nodeSql)
}
