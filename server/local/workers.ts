// Entry `omendb` for Workers: as on Node, with `memory:` or a server.

import type { OpenOptions as EngineOptions } from '../../engine/database.ts'
import { open as openEngine } from '../../engine/workers.ts'
import { edgeSql } from '../edge/sql.ts'
import { openClient } from './client.ts'
import { type LocalClient, type LocalOptions, isRemote, remoteClient } from './local-client.ts'

export * from './public.ts'

export interface OpenOptions extends LocalOptions {
  readonly engine?: EngineOptions
}

/** Opens `memory:`, whose content ends with the isolate, or the server at a URL. Throws OmenDBError. */
export async function open(
  location: string,
  { engine, ...options }: OpenOptions = {},
): Promise<LocalClient> {
  if (isRemote(location)) return remoteClient(location, options)
  return openClient(openEngine(location, engine), options, edgeSql)
}
