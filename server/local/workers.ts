// Entry `omendb/local` for Workers: as on Node, with `memory:` or a server.

import { open as openDatabase } from '../../engine/workers.ts'
import type { OpenOptions } from '../../engine/database.ts'
import { type LocalClient, type LocalOptions, clientOf, isRemote, remoteClient } from './client.ts'

export type { LocalClient, LocalOptions } from './client.ts'
export { clientOf } from './client.ts'
export { OmenDBError } from '../../client/index.ts'
export type * from '../../client/index.ts'

export interface LocalOpenOptions extends LocalOptions {
  readonly engine?: OpenOptions
}

/** Opens `memory:`, whose content ends with the isolate, or the server at a URL. */
export async function open(
  location: string,
  { engine, ...options }: LocalOpenOptions = {},
): Promise<LocalClient> {
  if (isRemote(location)) return remoteClient(location, options)
  return clientOf(await openDatabase(location, engine), options)
}
