// `rollups` of `PUT /v1/tables/{table}`, as catalog entries: the list is the whole truth. A rollup that
// is in it as it was stays, with its new retention; one that is missing, or means something else
// now, is dropped with its table; what is new gets a table and is built from the points there are.

import type { Catalog } from '../catalog/catalog.ts'
import type { CatalogDatabase } from '../catalog/catalog-table.ts'
import {
  encodeColumn,
  encodeRollup,
  encodeRollupDropped,
  encodeSettings,
  encodeTable,
  encodeTableDropped,
} from '../catalog/catalog-entry.ts'
import { OmenError } from '../error.ts'
import { fieldTypeName, fieldTypeOf } from '../field.ts'
import { checkName } from '../lifecycle/name.ts'
import { parseRetention } from '../lifecycle/retention-text.ts'
import type { PlanTable } from '../query/plan.ts'
import {
  defineRollup,
  isSameDefinition,
  widthOf,
  type RollupDefinition,
  type RollupRequest,
} from './definition.ts'
import { layoutOf } from './layout.ts'
import { encodeDefinition } from './registry.ts'

/** What entries before these have taken. */
export interface NextIds {
  readonly table: number
  readonly column: number
}

interface Declared {
  readonly name: string
  readonly definition: RollupDefinition
  /** Undefined: as it is, or none. */
  readonly retention: { readonly ns: bigint; readonly text: string } | undefined
  readonly pointer: string
}

const MEMBERS = ['name', 'every', 'select', 'retention']
/** Rollups of one table. */
const ROLLUPS_MAX = 16
const NS_PER_DAY = 86_400_000_000_000n
/** Buckets of a series that a partition should hold, and the widths it can have, in days. */
const PARTITION_BUCKETS = 256n
const PARTITION_DAYS = [1, 7, 30, 365]
/** What entries before these may need for a name. */
const NAME_BYTES = 1_028

/**
 * The entries that make `rollups` the rollups of `source` (with the columns that it has by then), with
 * room for their keys in the key tables. Throws `bad_request`, `unknown_column`, `type_conflict`,
 * `unsupported`, `limit_exceeded`, and `conflict` for a name that another table has.
 */
export function encodeRollupsOf(
  catalog: Catalog,
  database: { readonly id: number; readonly tables: CatalogDatabase['tables'] },
  source: PlanTable,
  rollups: unknown,
  next: NextIds,
): Uint8Array[] {
  const declared = declaredRollups(rollups, source)
  if (declared.length > 0 && catalog.rollups.into(source.id) !== undefined) {
    const message = `table '${source.name}' is a rollup, and a rollup has none`
    throw new OmenError('unsupported', message, { pointer: '/rollups' })
  }
  const entries: Uint8Array[] = []
  const kept = new Map<string, number>()
  for (const { id, target, definition } of catalog.rollups.of(source.id)) {
    const table = catalog.tableOf(target)!
    const same = declared.find(
      (one) => one.name === table.name && isSameDefinition(one.definition, definition),
    )
    if (same !== undefined) kept.set(table.name, target)
    else entries.push(encodeRollupDropped(id), encodeTableDropped(target))
  }
  const gone = new Set(catalog.rollups.of(source.id).map(({ target }) => target))
  let { table, column } = next
  let id = catalog.rollups.nextId
  for (const one of declared) {
    const existing = kept.get(one.name)
    if (existing !== undefined) {
      entries.push(...retentionEntries(catalog, existing, one))
      continue
    }
    const holder = database.tables.get(one.name)
    if (one.name === source.name || (holder !== undefined && !gone.has(holder.id))) {
      const message = `rollups: there is a table '${one.name}' already`
      throw new OmenError('conflict', message, { pointer: `${one.pointer}/name` })
    }
    const made = tableEntries({ database: database.id, source, table, column }, one)
    entries.push(...made.entries, ...retentionEntries(catalog, table, one))
    entries.push(encodeRollup(id++, source.id, table++, encodeDefinition(one.definition)))
    column += made.columns
  }
  reserve(catalog, { table, column }, entries)
  return entries
}

function declaredRollups(rollups: unknown, source: PlanTable): Declared[] {
  const pointer = '/rollups'
  if (!Array.isArray(rollups)) {
    throw new OmenError('bad_request', 'rollups: a list of rollups', { pointer })
  }
  if (rollups.length > ROLLUPS_MAX) {
    const message = `rollups: ${rollups.length} are declared, over the limit of ${ROLLUPS_MAX}`
    throw new OmenError('limit_exceeded', message, { pointer })
  }
  const declared = rollups.map((one, i) => declaredRollup(one, source, `${pointer}/${i}`))
  const names = new Set<string>()
  for (const { name, pointer: at } of declared) {
    if (names.has(name)) {
      const message = `rollups: '${name}' is there twice`
      throw new OmenError('conflict', message, { pointer: `${at}/name` })
    }
    names.add(name)
  }
  return declared
}

function declaredRollup(rollup: unknown, source: PlanTable, pointer: string): Declared {
  if (typeof rollup !== 'object' || rollup === null || Array.isArray(rollup)) {
    throw new OmenError('bad_request', 'rollups: a rollup is an object', { pointer })
  }
  for (const member of Object.keys(rollup)) {
    if (MEMBERS.includes(member)) continue
    const message = `rollups: ${JSON.stringify(member.slice(0, 100))} is unknown`
    throw new OmenError('bad_request', message, { pointer: `${pointer}/${member}` })
  }
  const request = rollup as RollupRequest
  const { retention } = request
  return {
    name: checkName(request.name, 'table', `${pointer}/name`),
    definition: defineRollup(request, source, pointer),
    retention: parseRetention(retention ?? null, `${pointer}/retention`),
    pointer,
  }
}

function retentionEntries(catalog: Catalog, table: number, { retention }: Declared): Uint8Array[] {
  if (retention === undefined) return []
  const known = catalog.tableOf(table)?.retention ?? null
  if (retention.ns === (known?.ns ?? 0n) && retention.text === (known?.text ?? '')) return []
  return [encodeSettings(table, retention.ns, retention.text)]
}

/** Room for all keys up to these ids; none is longer than its entry. */
function reserve(catalog: Catalog, end: NextIds, entries: readonly Uint8Array[]): void {
  const bytes = entries.reduce((sum, entry) => sum + entry.length, 0)
  for (const [table, id] of [
    [catalog.tables, end.table],
    [catalog.columns, end.column],
  ] as const) {
    const count = id - table.count
    if (count > 0) table.reserve(count, bytes + count * NAME_BYTES)
  }
}

/** Entries of a rollup's table and its columns. */
function tableEntries(
  at: { database: number; source: PlanTable; table: number; column: number },
  { name, definition }: Declared,
): { entries: Uint8Array[]; columns: number } {
  const { database, source, table, column } = at
  const types = new Map(source.columns.map((field) => [field.name, fieldTypeName(field.type)]))
  const { columns } = layoutOf(definition, (field) => types.get(field)!)
  const partitionSeconds = partitionOf(widthOf(definition))
  const entries = [encodeTable(table, { database, partitionSeconds, name })]
  columns.forEach((one, i) => {
    entries.push(encodeColumn(column + i, table, fieldTypeOf(one.type)!, one.name))
  })
  return { entries, columns: columns.length }
}

/** The narrowest partition that holds enough buckets. */
function partitionOf(width: bigint): number {
  const wanted = width * PARTITION_BUCKETS
  const days = PARTITION_DAYS.find((count) => BigInt(count) * NS_PER_DAY >= wanted) ?? 365
  return days * 86_400
}
