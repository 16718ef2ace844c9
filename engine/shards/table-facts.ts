// What a shard knows of a table without reading a point: its columns and tags, and between which times
// its points are. Of all shards together that is what the table looks like.

import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import { compareText } from '../catalog/tags.ts'
import type { FieldType } from '../field.ts'
import type { Shard } from '../shard.ts'
import { typeConflict } from './merged-catalog.ts'
import type { TableFacts } from './read-port.ts'

/** What a shard has of a table; null: it does not have it. */
export function factsOf(shard: Shard, database: string, name: string): TableFacts | null {
  const { catalog } = shard
  if (catalog.databases.get(database)?.tables.has(name) !== true) return null
  const { id, columns, tagKeys } = catalog.planTable(database, name)
  let [minTime, maxTime] = [TIME_MAX, TIME_MIN]
  const add = (from: bigint, to: bigint): void => {
    if (from < minTime) minTime = from
    if (to > maxTime) maxTime = to < TIME_MAX ? to : TIME_MAX
  }
  const held = shard.snapshot()
  try {
    for (const { description } of held.version.tables.get(id) ?? []) {
      add(description.minTime, description.maxTime)
    }
    // Rollups may hold what has expired.
    for (const { target, width } of catalog.rollups.of(id)) {
      for (const { description } of held.version.tables.get(target) ?? []) {
        add(description.minTime, description.maxTime + width)
      }
    }
    for (const { snapshot } of held.memtables) {
      if (snapshot.rowCount > 0) add(snapshot.minTime, snapshot.maxTime)
    }
  } finally {
    held.release()
  }
  const named = columns.map((column) => ({ name: column.name, type: column.type }))
  return { columns: named, tagKeys, minTime, maxTime }
}

/** What shards have of a table together; null: none has it. Throws `conflict` if types differ. */
export function joinFacts(table: string, all: readonly (TableFacts | null)[]): TableFacts | null {
  const found = all.filter((facts) => facts !== null)
  if (found.length < 2) return found[0] ?? null
  const columns = new Map<string, FieldType>()
  for (const { name, type } of found.flatMap((facts) => facts.columns)) {
    const known = columns.get(name)
    if (known !== undefined && known !== type) throw typeConflict(table, name, known, type)
    columns.set(name, type)
  }
  return {
    columns: [...columns.keys()]
      .sort(compareText)
      .map((name) => ({ name, type: columns.get(name)! })),
    tagKeys: [...new Set(found.flatMap(({ tagKeys }) => tagKeys))].sort(compareText),
    minTime: found.map(({ minTime }) => minTime).reduce((a, b) => (a < b ? a : b)),
    maxTime: found.map(({ maxTime }) => maxTime).reduce((a, b) => (a > b ? a : b)),
  }
}
