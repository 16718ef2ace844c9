// The arguments of a call: those by their places, then those by their names (`days => 1`, `days := 1`).
// Source: PostgreSQL 15, src/backend/parser/parse_func.c, ParseFuncOrColumn.

import type { FuncCall, NamedArgExpr, Node as Tree } from 'libpg-query'
import type { Bound } from '../tree.ts'
import { coerce } from './coercion.ts'
import type { Context } from './context.ts'
import { type Parameter, parametersOf } from './parameter-name.ts'
import { bindExpression } from './recursion.ts'
import type { Site } from './site.ts'

interface NamedArgument {
  readonly name: string
  readonly tree: Tree
  readonly location: number | undefined
}

export interface Arguments {
  readonly placed: readonly Tree[]
  readonly named: readonly NamedArgument[]
}

/** Throws 42601 for a name that comes twice, and for a place behind a name. */
export function splitArguments(context: Context, args: readonly Tree[] = []): Arguments {
  const placed: Tree[] = []
  const named: NamedArgument[] = []
  for (const arg of args) {
    if (!('NamedArgExpr' in arg)) {
      if (named.length > 0) {
        const message = 'positional argument cannot follow named argument'
        context.fail('42601', message, context.startOf(arg))
      }
      placed.push(arg)
      continue
    }
    const { name = '', arg: tree, location } = arg.NamedArgExpr as NamedArgExpr
    if (named.some((one) => one.name === name)) {
      context.fail('42601', `argument name "${name}" used more than once`, location)
    }
    named.push({ name, tree: tree!, location })
  }
  return { placed, named }
}

/**
 * The trees in the order of `names`; undefined: not given. Null: there are too many, or a name is none
 * of these or is given by its place too.
 */
export function byNames(
  { placed, named }: Arguments,
  names: readonly string[],
): (Tree | undefined)[] | null {
  if (placed.length > names.length) return null
  const found: (Tree | undefined)[] = names.map((_, index) => placed[index])
  for (const { name, tree } of named) {
    const index = names.indexOf(name)
    if (index < placed.length) return null
    found[index] = tree
  }
  return found
}

/**
 * The operands of a call in their order: those by name where the function has them, those left out as
 * what they are then. Throws 42883 where it has no such names.
 */
export function bindOperands(site: Site, call: FuncCall, name: string): Bound[] {
  const { context } = site
  const given = splitArguments(context, call.args)
  const placed = given.placed.map((tree) => bindExpression(site, tree))
  if (given.named.length === 0) return placed
  const named = given.named.map((one) => ({ ...one, bound: bindExpression(site, one.tree) }))
  for (const parameters of parametersOf(name)) {
    const trees = byNames(
      given,
      parameters.map((one) => one.name),
    )
    if (trees === null) continue
    const operands = parameters.map((parameter, index) => {
      const bound = placed[index] ?? named.find((one) => one.name === parameter.name)?.bound
      return operandOf(context, parameter, bound)
    })
    if (!operands.includes(null)) return operands as Bound[]
  }
  const types = [
    ...placed.map(({ type }) => type.title),
    ...named.map((one) => `${one.name} => ${one.bound.type.title}`),
  ]
  const form = `${name}(${types.join(', ')})`
  const hint =
    'No function matches the given name and argument types. ' +
    'You might need to add explicit type casts.'
  return context.fail('42883', `function ${form} does not exist`, call.location, { hint })
}

/** Null: it must be given, or is of another type. */
function operandOf(
  context: Context,
  { type, ifAbsent }: Parameter,
  bound: Bound | undefined,
): Bound | null {
  if (bound !== undefined) {
    // A time's own type may be another than that of the list.
    return bound.type.category === type.category ? bound : coerce(context, bound, type, 'implicit')
  }
  return ifAbsent === undefined ? null : { kind: 'constant', type, value: ifAbsent }
}
