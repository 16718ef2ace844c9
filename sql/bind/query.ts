// A query: a SELECT, VALUES, or a set operation of two, with its CTEs.
// Source: PostgreSQL 15, src/backend/parser/analyze.c, transformStmt.

import type { SelectStmt } from 'libpg-query'
import { settleColumns } from './columns.ts'
import type { Context } from './context.ts'
import type { Query, QueryOptions } from './recursion.ts'
import type { Environment } from './scope.ts'
import { bindSelect } from './select.ts'
import { bindSetOperation } from './set-operation.ts'
import { bindValues } from './values.ts'
import { type WithCtes, bindWith } from './with.ts'

/** The query of a statement's tree, with its CTEs. Throws SqlError with its place. */
export function bindSelectForm(
  context: Context,
  select: SelectStmt,
  environment: Environment,
  options: QueryOptions,
): Query {
  refuseClauses(context, select)
  return context.deeper(() => {
    const ctes = bindWith(context, select.withClause, environment)
    return wrap(ctes, bindBody(context, select, ctes.environment, options))
  })
}

function bindBody(
  context: Context,
  select: SelectStmt,
  environment: Environment,
  options: QueryOptions,
): Query {
  if (select.op !== undefined && select.op !== 'SETOP_NONE') {
    return bindSetOperation(context, select, environment)
  }
  if (select.valuesLists !== undefined) return bindValues(context, select, environment)
  const query = bindSelect(context, select, environment)
  return options.keepsUnknown === true ? query : settleColumns(context, query)
}

function refuseClauses(context: Context, { intoClause, lockingClause }: SelectStmt): void {
  if (intoClause !== undefined) {
    context.refuse(
      'SELECT INTO',
      intoClause.rel?.location,
      'Create the table, then INSERT … SELECT.',
    )
  }
  if (lockingClause !== undefined) {
    const hint = 'Writes of one point are atomic; nothing is locked for them.'
    context.refuse('FOR UPDATE', -1, hint)
  }
}

function wrap(bound: WithCtes, query: Query): Query {
  const used = bound.ctes()
  if (used.length === 0) return query
  const { columns } = query
  return { ...query, node: { kind: 'with', ctes: used, input: query.node, columns } }
}
