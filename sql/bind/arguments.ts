// The arguments of a call: those by their places, then those by their names (`days => 1`, `days := 1`).
// Source: PostgreSQL 15, src/backend/parser/parse_func.c, ParseFuncOrColumn.

import type { NamedArgExpr, Node as Tree } from 'libpg-query'
import type { Context } from './context.ts'

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
