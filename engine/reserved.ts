// The database that is the system's own: what a server keeps beside its users' data (its tokens) lies in
// ordinary tables of it, so that log, recovery and backups hold it as they hold points. Nobody else sees
// it, and names that begin like it are taken.

import { OmenError } from './error.ts'

/** Its name. */
export const SYSTEM_DATABASE = '_omendb'

/** Of the system itself: reaches what is hidden from all others. */
export interface SystemOptions {
  readonly system?: boolean | undefined
}

/** Whether a name is the system's, or too much like it. */
export function isReserved(database: string): boolean {
  return database.startsWith(SYSTEM_DATABASE)
}

/** Throws `forbidden` for a name that only the system may write to, make or drop. */
export function refuseReserved(
  database: string | undefined,
  { system = false }: SystemOptions = {},
): void {
  if (database === undefined || system || !isReserved(database)) return
  const message = `database '${database}': names that begin with ${SYSTEM_DATABASE} are the server's own`
  throw new OmenError('forbidden', message)
}

/** The names of databases that a caller sees: all but the system's, unless it asks for them. */
export function visibleNames(
  names: Iterable<string>,
  { system = false }: SystemOptions = {},
): string[] {
  return [...names].filter((name) => system || !isReserved(name))
}
