// Backups at the edge are of one database, because each has storage of its own: `db` says of which. On a
// server that has all of them in one directory there is no such parameter, so it ends here.

import { OmenError } from '../../engine/error.ts'

/** Parameters of a backup. */
const KNOWN: ReadonlySet<string> = new Set(['db', 'since'])

/**
 * The request for a backup or a restore as the shard of its database takes it. Throws `conflict` if it
 * does not say which database it means where there are others than `default`: half of a backup that
 * nobody notices is worse than none.
 */
export function archiveRequest(request: Request, databases: readonly string[]): Request {
  const url = new URL(request.url)
  const others = databases.filter((name) => name !== 'default')
  // Those that no route has, the shard refuses by name, and that comes first.
  const isKnown = [...url.searchParams.keys()].every((name) => KNOWN.has(name))
  if (!url.searchParams.has('db') && others.length > 0 && isKnown) {
    const count = others.length + 1
    const message = `archive: there are ${count} databases, and an archive is of one: name it with db=`
    throw new OmenError('conflict', message)
  }
  url.searchParams.delete('db')
  return new Request(url, request)
}
