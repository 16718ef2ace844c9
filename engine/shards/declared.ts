// Tables as `putTable` takes them: what the catalog of a database with several shards knows of each, what
// a new shard is given, and what a coordinator checks writes against. Of two that declare one name
// the first one wins.

import type { Catalog } from '../catalog/catalog.ts'
import { OmenError } from '../error.ts'
import { fieldTypeName } from '../field.ts'
import type { TableSettings } from '../lifecycle/settings.ts'
import { describeRollups } from '../rollup/describe.ts'
import type { DeclaredTable } from './shard-port.ts'

/** The tables of a database, without those that rollups are kept in. */
export function describeTables(catalog: Catalog, database: string): DeclaredTable[] {
  const tables = [...(catalog.databases.get(database)?.tables.values() ?? [])]
  return tables
    .filter(({ id }) => catalog.rollups.into(id) === undefined)
    .map((table) => {
      const fields = catalog.shownColumns(table).map((one) => [one.name, fieldTypeName(one.type)])
      const rollups = describeRollups(catalog, table.id)
      const settings: TableSettings = {
        tags: catalog.tagKeys(table),
        fields: Object.fromEntries(fields) as Record<string, string>,
        retention: table.retention?.text ?? null,
        ...(rollups.length > 0 ? { rollups } : {}),
        ...(table.declaration === null ? {} : { declaration: table.declaration }),
      }
      return { name: table.name, settings }
    })
}

/**
 * Tables with what is declared of them now added: tags and fields are joined, retention and rollups that
 * are given take the place of those before. Throws `type_conflict` for a column that is there with
 * another type. The same list if there is no news.
 */
export function joinTables(
  known: readonly DeclaredTable[],
  declared: readonly DeclaredTable[],
): readonly DeclaredTable[] {
  const joined = new Map(known.map((table) => [table.name, table]))
  let isNews = false
  for (const { name, settings } of declared) {
    const before = joined.get(name)
    const after = joinSettings(before?.settings ?? {}, settings)
    if (before !== undefined && JSON.stringify(before.settings) === JSON.stringify(after)) continue
    joined.set(name, { name, settings: after })
    isNews = true
  }
  return isNews ? [...joined.values()] : known
}

function joinSettings(
  before: TableSettings,
  { tags, fields, ...set }: TableSettings,
): TableSettings {
  const knownTags = new Set(before.tags)
  const knownFields = new Map(Object.entries(before.fields ?? {}))
  for (const tag of tags ?? []) {
    const type = knownFields.get(tag)
    if (type !== undefined) throw conflict(tag, type, 'tag')
    knownTags.add(tag)
  }
  for (const [field, type] of Object.entries(fields ?? {})) {
    if (knownTags.has(field)) throw conflict(field, 'tag', type)
    const known = knownFields.get(field)
    if (known !== undefined && known !== type) throw conflict(field, known, type)
    knownFields.set(field, type)
  }
  const given = Object.entries(set).filter(([, value]) => value !== undefined)
  return {
    ...before,
    ...Object.fromEntries(given),
    tags: [...knownTags],
    fields: Object.fromEntries(knownFields),
  }
}

function conflict(name: string, has: string, sent: string): OmenError {
  return new OmenError('type_conflict', `column '${name}' is ${has}, sent ${sent}`)
}
