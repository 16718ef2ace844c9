// Which names an expression sees: the columns of its FROM, then those of the queries around it, whose
// rows it reads as `outer`. Unquoted names fold to lower case; where no column is called so, the only
// one equal but for case is meant.
// Source: PostgreSQL 15, src/backend/parser/parse_relation.c.

import type { Alias, ColumnRef } from 'libpg-query'
import { textsOf } from '../syntax/name.ts'
import type { Bound, Named, Node } from '../tree.ts'
import type { Context } from './context.ts'
import { makeRecord } from './record.ts'
import type { Site } from './site.ts'
import { sinkInputs } from './tree-map.ts'

/** A column by its name, as an expression over the row of the FROM. */
export interface VisibleColumn {
  readonly name: string
  readonly bound: Bound
}

/** What a table, subquery, function or join is called by in a FROM. */
export interface Entry {
  readonly name: string
  readonly schema: string | null
  readonly columns: readonly VisibleColumn[]
  /** Those of PostgreSQL's system columns that a table has; `*` leaves them out. */
  readonly system?: readonly VisibleColumn[]
  /** Bytes before its alias or name. */
  readonly location: number
}

export interface FromItem {
  readonly node: Node
  readonly entries: readonly Entry[]
  /** What an unqualified name finds and `*` stands for: columns of USING once. */
  readonly visible: readonly VisibleColumn[]
}

export interface CteName {
  readonly id: number
  readonly columns: readonly Named[]
  /** Called at each reference, with its place. */
  readonly refer: (location: number | undefined) => void
}

/** A row that expressions read, and the rows around it. */
export interface Scope {
  readonly parent: Scope | null
  /** Number of rows around it. */
  readonly level: number
  readonly from: FromItem
  /** Rows around it that lie there at run time but may not be named (FROM items without LATERAL). */
  readonly hidden: ReadonlySet<Scope>
  readonly ctes: ReadonlyMap<string, CteName>
}

/** The surroundings of a query: what its scopes stand in. */
export type Environment = Omit<Scope, 'from' | 'level'>

export const OUTERMOST: Environment = { parent: null, hidden: new Set(), ctes: new Map() }

/** A FROM that is not there: one row without columns. */
export const NO_FROM: FromItem = {
  node: { kind: 'values', rows: [[]], columns: [] },
  entries: [],
  visible: [],
}

export function openScope(environment: Environment, from: FromItem): Scope {
  const level = environment.parent === null ? 0 : environment.parent.level + 1
  return { ...environment, from, level }
}

/** What a query inside an expression stands in. */
export function within(scope: Scope): Environment {
  return { parent: scope, hidden: scope.hidden, ctes: scope.ctes }
}

export interface ColumnName {
  readonly schema: string | null
  readonly table: string | null
  readonly name: string
  readonly location: number | undefined
}

/** The column of a name. Throws 42702, 42703 or 42P01, as PostgreSQL does. */
export function resolveColumn(context: Context, scope: Scope, name: ColumnName): Bound {
  const found = name.table === null ? bare(context, scope, name) : qualified(context, scope, name)
  const distance = scope.level - found.scope.level
  if (distance > 0) context.refer(found.scope.level)
  // A copy: each reference has its own place in the text.
  return distance > 0 ? sinkInputs(found.bound, distance) : { ...found.bound }
}

interface Found {
  readonly scope: Scope
  readonly bound: Bound
}

function* visibleScopes(scope: Scope): Iterable<Scope> {
  for (let one: Scope | null = scope; one !== null; one = one.parent) {
    if (!scope.hidden.has(one)) yield one
  }
}

/** By exact name, else by the only one equal but for case. */
function pick(columns: readonly VisibleColumn[], name: string): readonly VisibleColumn[] {
  const exact = columns.filter((column) => column.name === name)
  if (exact.length > 0) return exact
  const folded = name.toLowerCase()
  return columns.filter((column) => column.name.toLowerCase() === folded)
}

/** A table's name where a column could stand. */
function wholeRow(columns: readonly VisibleColumn[]): Bound {
  return makeRecord(
    columns.map(({ name }) => name),
    columns.map(({ bound }) => bound),
  )
}

function bare(context: Context, scope: Scope, { name, location }: ColumnName): Found {
  for (const isExact of [true, false]) {
    for (const one of visibleScopes(scope)) {
      const matches = isExact
        ? one.from.visible.filter((column) => column.name === name)
        : pick(one.from.visible, name)
      if (matches.length > 1) {
        context.fail('42702', `column reference "${name}" is ambiguous`, location)
      }
      if (matches.length === 1) return { scope: one, bound: matches[0]!.bound }
    }
  }
  const own = systemColumn(context, scope, name, location)
  if (own !== null) return own
  for (const one of visibleScopes(scope)) {
    const entry = one.from.entries.find((each) => each.name === name)
    if (entry !== undefined) return { scope: one, bound: wholeRow(entry.columns) }
  }
  return context.fail('42703', `column "${name}" does not exist`, location, {
    hint: nearest(scope, name),
  })
}

function systemColumn(
  context: Context,
  scope: Scope,
  name: string,
  location: number | undefined,
): Found | null {
  for (const one of visibleScopes(scope)) {
    const all = one.from.entries.flatMap(({ system = [] }) => system)
    const matches = all.filter((column) => column.name === name)
    if (matches.length > 1) {
      context.fail('42702', `column reference "${name}" is ambiguous`, location)
    }
    if (matches.length === 1) return { scope: one, bound: matches[0]!.bound }
  }
  return null
}

function qualified(context: Context, scope: Scope, column: ColumnName): Found {
  const { table, name, location } = column
  const found = findEntry(scope, column)
  if (found === null) return missingEntry(context, scope, column)
  const { columns, system = [] } = found.entry
  const matches = pick([...columns, ...system], name)
  if (matches.length > 1) {
    context.fail('42702', `column reference "${name}" is ambiguous`, location)
  }
  if (matches.length === 1) return { scope: found.scope, bound: matches[0]!.bound }
  return context.fail('42703', `column ${table}.${name} does not exist`, location, {
    hint: nearest(scope, name),
  })
}

export function findEntry(
  scope: Scope,
  { schema, table }: Pick<ColumnName, 'schema' | 'table'>,
): { readonly scope: Scope; readonly entry: Entry } | null {
  for (const isExact of [true, false]) {
    for (const one of visibleScopes(scope)) {
      const entry = one.from.entries.find(
        (candidate) =>
          (isExact
            ? candidate.name === table
            : candidate.name.toLowerCase() === table!.toLowerCase()) &&
          (schema === null || candidate.schema === schema),
      )
      if (entry !== undefined) return { scope: one, entry }
    }
  }
  return null
}

/** Throws 42P01: it is nowhere, or it is where this expression may not look. */
export function missingEntry(
  context: Context,
  scope: Scope,
  { table, location }: Pick<ColumnName, 'table' | 'location'>,
): never {
  for (let one: Scope | null = scope; one !== null; one = one.parent) {
    if (one.from.entries.some((entry) => entry.name === table)) {
      const detail =
        `There is an entry for table "${table}", ` +
        'but it cannot be referenced from this part of the query.'
      const message = `invalid reference to FROM-clause entry for table "${table}"`
      context.fail('42P01', message, location, { detail })
    }
  }
  return context.fail('42P01', `missing FROM-clause entry for table "${table}"`, location)
}

/** The columns of `*`, `t.*`. Throws 42601 or 42P01. */
export function starColumns(
  { context, scope }: Pick<Site, 'context' | 'scope'>,
  parts: readonly string[],
  location: number | undefined,
): readonly VisibleColumn[] {
  const [table, schema = null] = [...parts].reverse()
  if (table === undefined) {
    if (scope.from.entries.length === 0) {
      context.fail('42601', 'SELECT * with no tables specified is not valid', location)
    }
    return scope.from.visible
  }
  const found = findEntry(scope, { schema, table })
  if (found === null) return missingEntry(context, scope, { table, location })
  if (found.scope !== scope) {
    return context.refuse('the row of an outer query', location, 'Name its columns.')
  }
  return found.entry.columns
}

/** Null: there is no `*`. */
export function columnsOfStar(
  site: Pick<Site, 'context' | 'scope'>,
  { fields = [], location }: ColumnRef,
): readonly VisibleColumn[] | null {
  if (!fields.some((field) => 'A_Star' in field)) return null
  return starColumns(site, textsOf(fields.slice(0, -1)), location)
}

/** The hint of a misspelt name, if a column is at most a third of it away. */
function nearest(scope: Scope, name: string): string | undefined {
  let best: { text: string; distance: number } | null = null
  for (const entry of scope.from.entries) {
    for (const column of entry.columns) {
      const distance = editDistance(name, column.name)
      if (distance > Math.max(1, name.length / 3)) continue
      if (best !== null && best.distance <= distance) continue
      best = { text: `${entry.name}.${column.name}`, distance }
    }
  }
  return best === null ? undefined : `Perhaps you meant to reference the column "${best.text}".`
}

const COMPARED_CHARACTERS_MAX = 64

function editDistance(a: string, b: string): number {
  if (Math.max(a.length, b.length) > COMPARED_CHARACTERS_MAX) return Infinity
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[b.length]!
}

/** The columns of a node as expressions over its row. */
export function inputsOf(columns: readonly Named[]): VisibleColumn[] {
  return columns.map(({ name, type }, index) => ({ name, bound: { kind: 'input', type, index } }))
}

/** A node under its alias, its columns under theirs. Throws 42P10 for more aliases than columns. */
export function named(
  context: Context,
  node: Node,
  alias: Alias | undefined,
  own: Omit<Entry, 'columns'>,
): FromItem {
  const names = textsOf(alias?.colnames ?? [])
  const name = alias?.aliasname ?? own.name
  if (names.length > node.columns.length) {
    const counts = `${node.columns.length} columns available but ${names.length} columns specified`
    context.fail('42P10', `table "${name}" has ${counts}`, -1)
  }
  const columns = inputsOf(node.columns).map((column, index) => ({
    ...column,
    name: names[index] ?? column.name,
  }))
  return { node, entries: [{ ...own, name, columns }], visible: columns }
}
