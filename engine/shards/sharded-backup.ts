// The backup of a database in several shards: a full archive of each, one behind the other, whose first
// entries say which part they are (backup/archive-parts.ts). Each part is of the moment at which it begins,
// none earlier than the backup; of what is written meanwhile some is in it.

import type { Backup } from '../backup/backup.ts'
import { OmenError } from '../error.ts'
import { type FanOut, isStaleMap } from './fan-out.ts'
import type { BytesPage } from './read-port.ts'
import { shardsOf } from './shard-map.ts'

/** Begins a backup; `of` is its id. The first part begins with the call. */
export async function startShardedBackup(fan: FanOut, of: string): Promise<Backup> {
  const names = shardsOf(fan.map)
  let hasBegun = false
  const pages = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      for (const [i, name] of names.entries()) {
        const part = { of, index: i + 1, count: names.length }
        const archive = fan.pages<BytesPage>(name, (port, call, id) => port.archive(call, id, part))
        for await (const { bytes } of archive) {
          hasBegun = true
          yield bytes
        }
      }
    } catch (error) {
      if (!hasBegun || !isStaleMap(error)) throw error
      const message = 'backup: a shard was split meanwhile; begin again'
      throw new OmenError('unavailable', message, { retryAfter: 1, cause: error })
    } finally {
      fan.end()
    }
  }
  const stream = pages()
  // A map that is old is found out about by the first page, before a byte has left.
  let first: IteratorResult<Uint8Array> | null = await stream.next()
  const backup: Backup = {
    id: of,
    next: async () => {
      const next = first ?? (await stream.next())
      first = null
      return next
    },
    return: async () => {
      fan.end()
      return stream.return()
    },
    [Symbol.asyncIterator]: () => backup,
  }
  return backup
}
