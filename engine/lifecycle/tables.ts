// Tables, columns and databases that are made and dropped without points: each is a control record,
// found in the write queue's turn, durable before it is in force (Shard.logEntries).

import type { Catalog } from '../catalog/catalog.ts'
import {
  encodeColumnDropped,
  encodeDatabaseDropped,
  encodeTableDropped,
} from '../catalog/catalog-entry.ts'
import { OmenError } from '../error.ts'
import { nearestName } from '../query/expression/name.ts'
import { refuseRollup, refuseStored } from '../rollup/refusals.ts'
import {
  type TableSettings,
  checkSettings,
  createDatabaseEntries,
  encodeSettingsOf,
} from './settings.ts'

/** What these need of a shard. */
export interface LifecycleTarget {
  readonly catalog: Catalog
  logEntries(find: () => Uint8Array): Promise<void>
  dropTables(find: () => Uint8Array): Promise<void>
  readonly rollups: { start(): void }
}

/** Makes a table or sets what `settings` name. Throws `bad_request`, `type_conflict`, `unsupported`. */
export async function putTable(
  target: LifecycleTarget,
  database: string,
  name: string,
  settings: TableSettings,
): Promise<void> {
  const checked = checkSettings(name, settings)
  const { catalog } = target
  await target.logEntries(() => join(encodeSettingsOf(catalog, database, name, checked)))
  if (settings.rollups !== undefined) target.rollups.start()
}

/** Drops a table with its points and its rollups. Throws `not_found`, `conflict` for a rollup. */
export function dropTable(target: LifecycleTarget, database: string, name: string): Promise<void> {
  const { catalog } = target
  return target.dropTables(() => {
    const { id } = catalog.table(database, name)
    refuseRollup(catalog, id)
    const made = catalog.rollups.of(id).map((rollup) => encodeTableDropped(rollup.target))
    return join([...made, encodeTableDropped(id)])
  })
}

/**
 * Drops a field with its values, which frees its name and type. Points stay, without it. Throws
 * `not_found`, `unknown_column`, and `unsupported` for a tag key and for `time`.
 */
export function dropColumn(
  target: LifecycleTarget,
  database: string,
  table: string,
  name: string,
): Promise<void> {
  return target.logEntries(() => {
    const { id, columns, tags } = target.catalog.table(database, table)
    const column = columns.get(name)
    if (column !== undefined) {
      refuseRollup(target.catalog, id)
      refuseStored(target.catalog, id, name)
      return encodeColumnDropped(column.id)
    }
    if (tags.has(name) || name === 'time') {
      const what = name === 'time' ? 'the time of its points' : 'a tag key, which names its series'
      const message = `column '${name}' of table '${table}' is ${what}: only fields can be dropped`
      throw new OmenError('unsupported', message)
    }
    const near = nearestName(name, [...columns.keys()])
    const advice = near === null ? '' : `; did you mean '${near}'?`
    const message = `table '${table}' has no field '${name}'${advice}`
    throw new OmenError('unknown_column', message)
  })
}

/** Makes a database if it is missing. Throws `bad_request` for its name. */
export async function createDatabase(target: LifecycleTarget, name: string): Promise<void> {
  const { catalog } = target
  await target.logEntries(() => join(createDatabaseEntries(catalog, name)))
}

/** Drops a database with its tables. Throws `not_found`; `default` is there again at once, empty. */
export async function dropDatabase(target: LifecycleTarget, name: string): Promise<void> {
  await target.dropTables(() => {
    const found = target.catalog.databases.get(name)
    if (found !== undefined) return encodeDatabaseDropped(found.id)
    if (name === 'default') return new Uint8Array()
    throw new OmenError('not_found', `database '${name}' does not exist`)
  })
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
