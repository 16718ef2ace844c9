// A shard's database as requests reach it that come without a coordinator, which is as long as it is the
// only one: changes of tables are refused from the moment on in which its place changes, and those that
// are under way are waited for. Writes are held against the shard's fence in their turn, as all are.

import type { Database } from '../database.ts'
import type { ShardDesk } from './shard-desk.ts'

const CHANGES: ReadonlySet<string | symbol> = new Set([
  'putTable',
  'dropTable',
  'dropColumn',
  'createDatabase',
  'dropDatabase',
  'restore',
])

/** The database, with its changes under the eyes of its desk. */
export function directDatabase(db: Database, desk: ShardDesk): Database {
  return new Proxy(db, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key, target)
      if (typeof value !== 'function') return value
      const call = value.bind(target) as (...given: unknown[]) => unknown
      if (!CHANGES.has(key)) return call
      return (...given: unknown[]) => desk.changeDirectly(async () => call(...given))
    },
  })
}
