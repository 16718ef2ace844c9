// What tests of the binder bind against: a table of points, one of hosts, and a few functions.

import './grammar-module.ts'
import { bind } from '../../sql/bind/bind.ts'
import type { FunctionTable, Surroundings } from '../../sql/function.ts'
import type { Relation, RelationColumn, Schema } from '../../sql/relation.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { BoundStatement, Node } from '../../sql/tree.ts'
import { type DataType, typeOf } from '../../sql/type.ts'
import { smallFunctions } from './small-functions.ts'

function relation(name: string, oid: number, columns: Record<string, string>): Relation {
  const kindOf = (column: string, type: string): RelationColumn['kind'] =>
    type === 'timestamptz' ? 'time' : TAGS.has(column) ? 'tag' : 'field'
  return {
    schema: 'public',
    name,
    oid,
    columns: Object.entries(columns).map(([column, type]) => ({
      name: column,
      type: typeOf(type),
      kind: kindOf(column, type),
      isNullable: type !== 'timestamptz',
    })),
    scan: () => {
      throw new Error('the binder scans nothing')
    },
  }
}

const TAGS = new Set(['host', 'region'])

/** Name → column → type, in declared order; PostgreSQL gets the same in comparisons. */
export const TABLES: Readonly<Record<string, Record<string, string>>> = {
  cpu: { time: 'timestamptz', host: 'text', usage: 'float8', cores: 'int8', busy: 'bool' },
  mem: { time: 'timestamptz', host: 'text', used: 'int8', note: 'text' },
  metrics: { timestamp: 'timestamptz', value: 'float8', metadata: 'text' },
  mixed: { time: 'timestamptz', region: 'text', Load: 'float8', small: 'int2', exact: 'numeric' },
}

const relations = new Map(
  Object.entries(TABLES).map(([name, columns], index) => [
    name,
    relation(name, 20_000 + index, columns),
  ]),
)

export const schema: Schema = {
  relation: (where, name) =>
    where === null || where === 'public' ? (relations.get(name) ?? null) : null,
}

export const surroundings: Surroundings = {
  now: 1_790_000_000_000_000_000n,
  timeZone: 'UTC',
  database: 'default',
  user: 'omendb',
  setting: () => null,
}

export function bindText(
  text: string,
  types: readonly (DataType | null)[] = [],
  functions: FunctionTable = smallFunctions,
): Promise<BoundStatement> {
  return bind(text, types, schema, functions, surroundings)
}

/** The query of a statement that has one. */
export async function queryOf(text: string): Promise<Node> {
  const { body } = await bindText(text)
  if (!('query' in body)) throw new Error(`${text}: no query`)
  return body.query
}

/** `name type` of each column that a statement answers. */
export async function columnsOf(text: string): Promise<string[]> {
  const { columns } = await bindText(text)
  return columns!.map(({ name, type }) => `${name} ${type.name}`)
}

/** `SQLSTATE position` of the error of a statement; position 0: none. Other errors pass through. */
export async function errorOf(
  text: string,
  functions: FunctionTable = smallFunctions,
): Promise<string> {
  try {
    await bindText(text, [], functions)
  } catch (error) {
    if (error instanceof SqlError) return `${error.sqlstate} ${error.position ?? 0}`
    throw error
  }
  return 'no error'
}
