// Entry of the engine for browsers: opens a database in the thread that calls. What a page wants is
// `open` of `omendb`, which does it in a worker of its own and answers the client's calls.

import { openBrowserDatabase } from './browser-database.ts'
import { compileKernel } from './browser-kernel.ts'
import type { Database, OpenOptions } from './database.ts'

export * from './public.ts'

/**
 * Opens `memory:`, or in a dedicated worker `opfs:name`, a database in the origin's own file system,
 * which is made if it is missing and held until `close` or the end of the worker: a second opener gets
 * `locked`. Throws `unsupported` where there is no such file system, `corrupt` naming file and offset
 * if the data fails its checks.
 */
export async function open(location: string, options: OpenOptions = {}): Promise<Database> {
  return openBrowserDatabase(await compileKernel(), location, options)
}
