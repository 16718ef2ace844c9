// Calls of scalar functions by name, and what all calls have in common: the name without its schema,
// and the errors of a choice that failed.
// Source: PostgreSQL 15, src/backend/parser/parse_func.c.

import type { FuncCall } from 'libpg-query'
import { textsOf } from '../syntax/name.ts'
import type { Bound } from '../tree.ts'
import { findType } from '../type.ts'
import { coerce } from './coercion.ts'
import type { Context } from './context.ts'
import { type Choice, type Overload, choose, coerceArguments, resultType } from './overload.ts'

const SCHEMAS = new Set(['pg_catalog', 'information_schema', 'public'])

/** The name without its schema. Throws 3F000. */
export function functionName(context: Context, { funcname = [], location }: FuncCall): string {
  const parts = textsOf(funcname)
  const [name, schema = null, database = null] = parts.reverse()
  if (database !== null) context.refuse('a function of another database', location)
  if (schema !== null && !SCHEMAS.has(schema)) {
    context.fail('3F000', `schema "${schema}" does not exist`, location)
  }
  return name!
}

/** The scalar function of a name for these operands. Throws 42883 or 42725. */
export function bindNamedCall(
  context: Context,
  name: string,
  operands: readonly Bound[],
  location: number | undefined,
): Bound {
  const given = operands.map(({ type }) => type)
  const chosen = choose(context, context.functions.scalars(name), given)
  if (chosen.overload === null) {
    const cast = bindFunctionCast(context, name, operands)
    return cast ?? failToChoose(context, chosen, name, operands, location)
  }
  const { overload, types } = chosen
  return {
    kind: 'call',
    type: resultType(overload, types),
    function: overload,
    arguments: coerceArguments(context, operands, types),
    position: context.position(location),
  }
}

/** `float8(x)`: a type's name called with one value is a cast. */
function bindFunctionCast(
  context: Context,
  name: string,
  operands: readonly Bound[],
): Bound | null {
  const type = findType(name)
  if (type === null || operands.length !== 1 || type.category === 'P') return null
  return coerce(context, operands[0]!, type, 'explicit')
}

/** Throws for a choice that failed. */
export function failToChoose(
  context: Context,
  { reason }: Extract<Choice<Overload>, { overload: null }>,
  name: string,
  operands: readonly Bound[],
  location: number | undefined,
): never {
  const form = `${name}(${operands.map(({ type }) => type.title).join(', ')})`
  if (reason === 'ambiguous') {
    const hint =
      'Could not choose a best candidate function. You might need to add explicit type casts.'
    return context.fail('42725', `function ${form} is not unique`, location, { hint })
  }
  const hint =
    'No function matches the given name and argument types. ' +
    'You might need to add explicit type casts.'
  return context.fail('42883', `function ${form} does not exist`, location, { hint })
}
