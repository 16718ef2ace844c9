// A shard's database as requests reach it that come without a coordinator, which is as long as it is the
// only one: changes of tables are refused from the moment on in which its place changes, and those that
// are under way are waited for. Writes are held against the shard's fence in their turn, as all are.

import type { Database } from '../database.ts'
import type { Batch, BatchOptions } from '../ingest/batch.ts'
import type { ShardDesk } from './shard-desk.ts'

const CHANGES: ReadonlySet<string | symbol> = new Set([
  'putTable',
  'dropTable',
  'dropColumn',
  'createDatabase',
  'dropDatabase',
])

/** The database `name`, with its changes under the eyes of its desk. */
export function directDatabase(db: Database, desk: ShardDesk, name: string): Database {
  return new Proxy(db, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...given: unknown[]) => unknown
      if (key === 'batch') return (options?: BatchOptions) => counted(target.batch(options), desk)
      if (key === 'restore') {
        const restore: Database['restore'] = (source) => target.restore(source, { database: name })
        return (source: AsyncIterable<Uint8Array>) => desk.changeDirectly(() => restore(source))
      }
      if (!CHANGES.has(key)) return call
      return (...given: unknown[]) => desk.changeDirectly(async () => call(...given))
    },
  })
}

/** A batch whose points the desk counts when they are stored. */
function counted(batch: Batch, desk: ShardDesk): Batch {
  const commit = batch.commit.bind(batch)
  batch.commit = async (...given) => {
    const stored = await commit(...given)
    desk.count(stored.written)
    return stored
  }
  return batch
}
