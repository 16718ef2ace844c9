// From the text of a statement to what runs it: parsed, its tables described, bound, and held against
// what the session may do.

import type { TableColumns } from '../../engine/database-types.ts'
import { catalogRelation } from '../catalogs/catalogs.ts'
import type { CatalogTable } from '../catalogs/snapshot.ts'
import { bind } from '../bind/bind.ts'
import type { FunctionTable, Surroundings } from '../function.ts'
import { Looks } from '../looks.ts'
import { planStatement } from '../plan/statement.ts'
import type { Relation, Schema } from '../relation.ts'
import type { StatementAccess } from '../session.ts'
import { SqlError } from '../sql-error.ts'
import { parse } from '../syntax/parse.ts'
import type { SqlEngine } from '../tables/engine.ts'
import { TableRelation } from '../tables/table-relation.ts'
import { type Described, describeTables, schemaOf } from '../tables/table-schema.ts'
import type { BoundStatement, Command } from '../tree.ts'
import type { DataType } from '../type.ts'
import { type Names, namesOf } from './names.ts'
import type { PlanCache } from './plan-cache.ts'

export interface Plan {
  readonly statement: BoundStatement
  readonly access: StatementAccess
  readonly usesCatalog: boolean
  readonly names: Names
  /** Its tables, as it was bound to them. */
  readonly described: Described
}

export interface PlanPlace {
  readonly engine: SqlEngine
  readonly database: string
  readonly functions: FunctionTable
  readonly catalogFunctions: ReadonlySet<string>
  readonly plans: PlanCache
}

const NO_NAMES: Names = { tables: new Set(), usesCatalog: false }

/** What the statement of a text names, and its tables as they are now. */
async function look(place: PlanPlace, text: string) {
  const { statements } = await parse(text)
  const first = statements[0]
  const names = first === undefined ? NO_NAMES : namesOf(first.tree, place.catalogFunctions)
  const described = await describeTables(place.engine, place.database, names.tables)
  const tables = schemaOf(place.engine, place.database, described)
  return { names, schema: withCatalogs(tables), described }
}

function withCatalogs(tables: Schema): Schema {
  return {
    relation(schema, name) {
      if (schema === null) {
        return catalogRelation('pg_catalog', name) ?? tables.relation(null, name)
      }
      return catalogRelation(schema, name) ?? tables.relation(schema, name)
    },
  }
}

/** Whether the tables of a plan are as they were. */
async function isCurrent(place: PlanPlace, { names, described }: Plan): Promise<boolean> {
  if (names.tables.size === 0) return true
  const now = await describeTables(place.engine, place.database, names.tables)
  for (const [name, table] of described) if (!isSame(table, now.get(name) ?? null)) return false
  return true
}

function isSame(one: TableColumns | null, two: TableColumns | null): boolean {
  if (one === null || two === null) return one === two
  if (one.declaration !== two.declaration || !isEqual(one.tags, two.tags)) return false
  const types = Object.entries(two.fields)
  const before = Object.entries(one.fields)
  return before.length === types.length && before.every((pair, i) => isEqual(pair, types[i]!))
}

const isEqual = (one: readonly string[], two: readonly string[]): boolean =>
  one.length === two.length && one.every((text, i) => text === two[i])

/**
 * Plans the one statement of a text; `surroundingsOf` hears whether it looks in the catalogs. Throws
 * SqlError: what parsing and binding throw.
 */
export async function planText(
  place: PlanPlace,
  text: string,
  types: readonly (DataType | null)[],
  surroundingsOf: (usesCatalog: boolean) => Promise<Surroundings>,
): Promise<Plan> {
  const own = await surroundingsOf(false)
  const oids = types.map((type) => type?.oid ?? null)
  const key = JSON.stringify([place.database, own.timeZone, oids, text])
  const kept = place.plans.get(key, own)
  if (kept !== null && (await isCurrent(place, kept))) return kept
  const { names, schema, described } = await look(place, text)
  const { usesCatalog } = names
  const looks = new Looks()
  const surroundings = looks.through(usesCatalog ? await surroundingsOf(true) : own)
  const bound = await bind(text, types, schema, place.functions, surroundings)
  const statement = planStatement(bound)
  const plan = { statement, access: accessOf(statement), usesCatalog, names, described }
  place.plans.put(key, plan, looks)
  return plan
}

/**
 * The plan, or another one if its tables have other columns by now. Throws 0A000 if the answer would
 * have other columns than the client was told.
 */
export async function renewPlan(
  place: PlanPlace,
  text: string,
  plan: Plan,
  surroundingsOf: (usesCatalog: boolean) => Promise<Surroundings>,
): Promise<Plan> {
  if (await isCurrent(place, plan)) return plan
  const { parameters, columns } = plan.statement
  const renewed = await planText(place, text, parameters, surroundingsOf)
  const told = ({ columns: list }: Pick<BoundStatement, 'columns'>): string =>
    JSON.stringify(list?.map(({ name, type }) => [name, type.name]) ?? null)
  if (told({ columns }) === told(renewed.statement)) return renewed
  throw new SqlError('0A000', 'cached plan must not change result type')
}

const ACCESS: Partial<Readonly<Record<Command['kind'], StatementAccess>>> = {
  insert: 'write',
  delete: 'write',
  copyFrom: 'write',
  truncate: 'write',
  createTable: 'admin',
  addColumn: 'admin',
  alterTable: 'admin',
  dropColumn: 'admin',
  setTable: 'admin',
  dropTable: 'admin',
  createDatabase: 'admin',
  dropDatabase: 'admin',
}

function accessOf({ body }: BoundStatement): StatementAccess {
  if (!('command' in body)) return 'read'
  const { command } = body
  return command.kind === 'explain' ? accessOf(command.statement) : (ACCESS[command.kind] ?? 'read')
}

/** The tables of a database with what the catalogs say of them. */
export async function catalogTables(engine: SqlEngine, database: string): Promise<CatalogTable[]> {
  const found: CatalogTable[] = []
  for (const { name } of await engine.tables(database)) {
    const table = await engine.table(name, { database }).catch((error: unknown) => {
      // Dropped meanwhile.
      if ((error as { code?: unknown }).code === 'not_found') return null
      throw error
    })
    if (table === null) continue
    const { points, diskBytes, retention } = table
    const relation: Relation = new TableRelation(engine, database, table)
    const options = retention === null ? [] : [`retention=${retention}`]
    found.push({ relation, points, options, byteSize: diskBytes })
  }
  return found
}
