// What `PUT /v1/tables/{table}` means, as catalog entries: a table that is missing is made, tags and
// fields that it names are added (one that is there with the same type is no news; one with another
// type is a conflict), its retention is set, and its rollups are those of the list. Of the rest nothing
// is ever taken away by leaving it out.

import type { Catalog } from '../catalog/catalog.ts'
import type { CatalogTable } from '../catalog/catalog-table.ts'
import {
  encodeColumn,
  encodeDatabase,
  encodeDeclaration,
  encodeSettings,
  encodeTable,
  encodeTag,
} from '../catalog/catalog-entry.ts'
import { OmenError } from '../error.ts'
import { TIME_MIN } from '../calendar.ts'
import { FIELD_TYPE_NAMES, type FieldType, fieldTypeOf } from '../field.ts'
import type { PlanColumn, PlanTable } from '../query/plan.ts'
import { encodeRollupsOf } from '../rollup/declare.ts'
import type { RollupRequest } from '../rollup/definition.ts'
import { refuseRollup } from '../rollup/refusals.ts'
import { checkDatabaseName, checkName } from './name.ts'
import { parseRetention } from './retention-text.ts'

/** What to set; absent members stay as they are. */
export interface TableSettings {
  /** Tag keys to have. */
  readonly tags?: readonly string[] | undefined
  /** Fields to have, with the names of their types. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** Age at which points go: `30d`; null = they stay. */
  readonly retention?: string | null | undefined
  /** All of its rollups: those that are not in the list are dropped. */
  readonly rollups?: readonly RollupRequest[] | undefined
  /** What a layer above keeps of the table, at most 262,144 characters, as it likes; null = nothing. */
  readonly declaration?: string | null | undefined
}

/** Settings with their values read. */
export interface CheckedSettings {
  readonly tags: readonly string[]
  readonly fields: ReadonlyMap<string, FieldType>
  /** Undefined: as it is. */
  readonly retention: { readonly ns: bigint; readonly text: string } | undefined
  /** As sent: they are checked against the columns (rollup/declare.ts). Undefined: as they are. */
  readonly rollups: unknown
  /** Undefined: as it is. */
  readonly declaration: string | null | undefined
}

const MEMBERS = ['tags', 'fields', 'retention', 'rollups', 'declaration']
const DECLARATION_MAX = 262_144
const TAGS_MAX = 256
const FIELDS_MAX = 4096
const DAY_SECONDS = 86_400
const encoder = new TextEncoder()

/** Throws `bad_request`, `limit_exceeded` or `type_conflict` for what no table can have. */
export function checkSettings(name: string, settings: TableSettings): CheckedSettings {
  checkName(name, 'table', '/table')
  for (const member of Object.keys(settings)) {
    if (!MEMBERS.includes(member)) {
      throw refusal(`${JSON.stringify(member.slice(0, 100))} is unknown`, `/${member}`)
    }
  }
  const tags = [...new Set(tagsOf(settings.tags))]
  const fields = fieldsOf(settings.fields)
  for (const tag of tags) if (fields.has(tag)) throw bothKinds(tag)
  const { retention } = settings
  return {
    tags,
    fields,
    retention: retention === undefined ? undefined : parseRetention(retention, '/retention'),
    rollups: settings.rollups,
    declaration: declarationOf(settings.declaration),
  }
}

function declarationOf(declaration: unknown): string | null | undefined {
  if (declaration === undefined || declaration === null) return declaration
  if (typeof declaration !== 'string') throw refusal('declaration: a text or null', '/declaration')
  if (declaration.length <= DECLARATION_MAX) return declaration
  const message = `declaration: more than ${DECLARATION_MAX} characters`
  throw new OmenError('limit_exceeded', message, { pointer: '/declaration' })
}

function tagsOf(tags: unknown): string[] {
  if (tags === undefined) return []
  if (!Array.isArray(tags)) throw refusal('tags: a list of names', '/tags')
  return tags.map((tag, i) => checkColumnName(tag, `/tags/${i}`))
}

function fieldsOf(fields: unknown): Map<string, FieldType> {
  const types = new Map<string, FieldType>()
  if (fields === undefined) return types
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw refusal('fields: an object of types by name', '/fields')
  }
  for (const [name, typeName] of Object.entries(fields)) {
    const pointer = `/fields/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
    checkColumnName(name, pointer)
    const type = typeof typeName === 'string' ? fieldTypeOf(typeName) : null
    if (type === null) {
      const known = FIELD_TYPE_NAMES.join(' ')
      throw refusal(`fields: the type of '${name}' is none of ${known}`, pointer)
    }
    types.set(name, type)
  }
  return types
}

function checkColumnName(name: unknown, pointer: string): string {
  const checked = checkName(name, 'column', pointer)
  if (checked !== 'time') return checked
  const message = "'time' is the time of a point, no tag or field can have that name"
  throw refusal(message, pointer)
}

function refusal(message: string, pointer: string): OmenError {
  return new OmenError('bad_request', message, { pointer })
}

function bothKinds(name: string): OmenError {
  const message = `column '${name}' is declared as a tag and as a field`
  return new OmenError('type_conflict', message, { pointer: '/tags' })
}

/**
 * The entries that settings take as the catalog is now, with room for their keys in its key tables;
 * none if all is so already. `database` and table are made if they are missing. Throws
 * `type_conflict` or `limit_exceeded`.
 */
export function encodeSettingsOf(
  catalog: Catalog,
  database: string,
  name: string,
  settings: CheckedSettings,
): Uint8Array[] {
  const entries = createDatabaseEntries(catalog, database)
  const known = catalog.databases.get(database)
  const databaseId = known?.id ?? catalog.nextDatabaseId
  const table = known?.tables.get(name)
  const id = table?.id ?? catalog.tables.count
  if (table === undefined) {
    entries.push(encodeTable(id, { database: databaseId, partitionSeconds: DAY_SECONDS, name }))
  }
  if (table !== undefined) refuseRollup(catalog, id)
  const { tags, fields } = newColumns(table, settings)
  checkCounts(table, tags.length, fields.length)
  let column = catalog.columns.count
  for (const tag of tags) entries.push(encodeTag(column++, id, tag))
  for (const [field, type] of fields) entries.push(encodeColumn(column++, id, type, field))
  const { retention } = settings
  if (retention !== undefined && !isSame(table, retention)) {
    entries.push(encodeSettings(id, retention.ns, retention.text))
  }
  const declaration = settings.declaration === undefined ? undefined : settings.declaration || null
  if (declaration !== undefined && declaration !== (table?.declaration ?? null)) {
    entries.push(encodeDeclaration(id, declaration ?? ''))
  }
  const nameBytes = (names: readonly string[]): number =>
    names.reduce((sum, text) => sum + 4 + encoder.encode(text).length, 0)
  catalog.tables.reserve(1, nameBytes([name]))
  const names = [...tags, ...fields.map(([field]) => field)]
  catalog.columns.reserve(names.length, nameBytes(names))
  if (settings.rollups === undefined) return entries
  const source = sourceOf(table, { id, name }, settings)
  const next = { table: Math.max(catalog.tables.count, id + 1), column }
  const holder = { id: databaseId, tables: known?.tables ?? new Map<string, CatalogTable>() }
  return [...entries, ...encodeRollupsOf(catalog, holder, source, settings.rollups, next)]
}

/** The table as it will be, for what is made of it. */
function sourceOf(
  table: CatalogTable | undefined,
  { id, name }: { id: number; name: string },
  { tags, fields }: CheckedSettings,
): PlanTable {
  const columns = new Map<string, Pick<PlanColumn, 'name' | 'type'>>(table?.columns)
  for (const [field, type] of fields) columns.set(field, { name: field, type })
  return {
    ...{ id, name, partitionSeconds: DAY_SECONDS },
    // Ids tell columns apart here, and say no more.
    columns: Array.from(columns.values(), (column, at) => ({ ...column, id: at })),
    cutoff: TIME_MIN,
    tagKeys: [...new Set([...(table?.tags.keys() ?? []), ...tags])],
  }
}

/** What a table lacks of the declared columns. Throws `type_conflict`. */
function newColumns(
  table: CatalogTable | undefined,
  { tags, fields }: CheckedSettings,
): { tags: string[]; fields: [string, FieldType][] } {
  for (const tag of tags) {
    const column = table?.columns.get(tag)
    if (column !== undefined) throw conflict(tag, FIELD_TYPE_NAMES[column.type]!, 'tag')
  }
  for (const [name, type] of fields) {
    const sent = FIELD_TYPE_NAMES[type]!
    if (table?.tags.has(name)) throw conflict(name, 'tag', sent)
    const column = table?.columns.get(name)
    if (column !== undefined && column.type !== type) {
      throw conflict(name, FIELD_TYPE_NAMES[column.type]!, sent)
    }
  }
  return {
    tags: tags.filter((tag) => !table?.tags.has(tag)),
    fields: [...fields].filter(([name]) => !table?.columns.has(name)),
  }
}

function conflict(name: string, has: string, sent: string): OmenError {
  const pointer = sent === 'tag' ? '/tags' : '/fields'
  return new OmenError('type_conflict', `column '${name}' is ${has}, sent ${sent}`, { pointer })
}

function checkCounts(table: CatalogTable | undefined, tags: number, fields: number): void {
  const isOver =
    (table?.tags.size ?? 0) + tags > TAGS_MAX || (table?.columns.size ?? 0) + fields > FIELDS_MAX
  if (!isOver) return
  throw new OmenError('limit_exceeded', 'a table would have more than 4,096 fields or 256 tags')
}

function isSame(table: CatalogTable | undefined, { ns, text }: { ns: bigint; text: string }) {
  return ns === (table?.retention?.ns ?? 0n) && text === (table?.retention?.text ?? '')
}

/** The entry that makes a database, none if it is there. Throws `bad_request` for its name. */
export function createDatabaseEntries(catalog: Catalog, name: string): Uint8Array[] {
  checkDatabaseName(name)
  return catalog.databases.has(name) ? [] : [encodeDatabase(catalog.nextDatabaseId, name)]
}
