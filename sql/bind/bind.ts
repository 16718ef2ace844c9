// Text → one bound statement: every name a column, every expression with its type, every overload
// chosen, every cast written, and every error with its SQLSTATE and place, before anything runs.
// Source: PostgreSQL 15, src/backend/parser/analyze.c, and its manual, chapter 10.

import type { Node as Tree } from 'libpg-query'
import type { FunctionTable, Surroundings } from '../function.ts'
import type { Schema } from '../relation.ts'
import { SqlError } from '../sql-error.ts'
import { type Parsed, parse } from '../syntax/parse.ts'
import type { BoundStatement } from '../tree.ts'
import type { DataType } from '../type.ts'
import { Context } from './context.ts'
import { bindForm } from './expression.ts'
import { bindSelectForm } from './query.ts'
import { provideForms } from './recursion.ts'
import { bindStatement } from './statement.ts'
import type { Unfinished } from './unfinished.ts'

provideForms({ expression: bindForm, query: bindSelectForm })

/**
 * Binds the one statement of a text. `types` are those of its parameters by position, null = to be
 * inferred. An empty text is a command of kind `nothing` with no tag. Throws SqlError, whose position
 * counts from the text's beginning.
 */
export async function bind(
  text: string,
  types: readonly (DataType | null)[],
  schema: Schema,
  functions: FunctionTable,
  surroundings: Surroundings,
): Promise<BoundStatement> {
  const parsed = await parse(text)
  const [first, second] = parsed.statements
  if (second !== undefined) {
    throw new SqlError('42601', 'cannot insert multiple commands into a prepared statement')
  }
  if (first === undefined) {
    return { parameters: [], body: { command: { kind: 'nothing' } }, columns: null, tag: '' }
  }
  return bindTree(parsed, first.tree, types, { schema, functions, surroundings, text })
}

interface Place {
  readonly schema: Schema
  readonly functions: FunctionTable
  readonly surroundings: Surroundings
  readonly text: string
}

function bindTree(
  parsed: Parsed,
  tree: Tree,
  types: readonly (DataType | null)[],
  place: Place,
): BoundStatement {
  const context = new Context(parsed, types, place)
  try {
    const bound = bindStatement(context, tree, place.text)
    return finish(bound, context.parameters.finish())
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new SqlError('54001', 'stack depth limit exceeded', { cause: error })
  }
}

/** The parameters, also of the statement that an EXPLAIN is about. */
function finish(bound: Unfinished, parameters: readonly DataType[]): BoundStatement {
  const { body } = bound
  if (!('command' in body) || body.command.kind !== 'explain') return { ...bound, parameters }
  const statement = finish(body.command.statement, parameters)
  return { ...bound, body: { command: { ...body.command, statement } }, parameters }
}
