// Functions in FROM: those of rows, and others, which give one row.
// Source: PostgreSQL 15, src/backend/parser/parse_relation.c, addRangeTableEntryForFunction.

import type { FuncCall, RangeFunction, Node as Tree } from 'libpg-query'
import type { Named, Node } from '../tree.ts'
import { typeOf } from '../type.ts'
import { settle } from './coercion.ts'
import type { Context } from './context.ts'
import { failToChoose, functionName } from './function-call.ts'
import { outputName } from './output-name.ts'
import { choose, coerceArguments } from './overload.ts'
import { bindExpression } from './recursion.ts'
import { type Environment, type FromItem, NO_FROM, named, openScope } from './scope.ts'
import { type Site, clause } from './site.ts'

export function bindFunctionItem(
  environment: Environment,
  context: Context,
  item: RangeFunction,
): FromItem {
  const { functions = [], ordinality = false, alias, coldeflist = [] } = item
  const [first, ...rest] = functions
  const [tree, definitions] = (first as { List: { items: Tree[] } }).List.items
  if (rest.length > 0) context.refuse('ROWS FROM of several functions', locationOf(tree!))
  if (coldeflist.length > 0 || (definitions !== undefined && 'List' in definitions)) {
    context.refuse('a column definition list', locationOf(tree!))
  }
  // A row without columns: arguments see what is around the FROM, and the left side if LATERAL.
  const around = openScope(environment, NO_FROM)
  const site: Site = { context, scope: around, clause: clause('functions in FROM'), block: null }
  const name = 'FuncCall' in tree! ? functionName(context, tree.FuncCall) : outputName(tree!)
  const node =
    'FuncCall' in tree! && context.functions.tables(name).length > 0
      ? bindRowsFunction(site, tree.FuncCall, name, ordinality)
      : bindOneRow(site, tree!, name, ordinality)
  const own = { name, schema: null, location: locationOf(tree!) ?? 0 }
  return named(context, withAlias(node, name, alias?.aliasname), alias, own)
}

/** The only column of a function is called as the function's alias is, unless it has its own name. */
function withAlias(node: Node, name: string, alias: string | undefined): Node {
  const [first, ...rest] = node.columns
  if (first === undefined || alias === undefined || first.name !== name) return node
  const isBare = rest.length === 0 || (rest.length === 1 && rest[0]!.name === 'ordinality')
  return isBare ? { ...node, columns: [{ ...first, name: alias }, ...rest] } : node
}

function locationOf(tree: Tree): number | undefined {
  return (tree as { FuncCall?: FuncCall }).FuncCall?.location
}

function bindRowsFunction(site: Site, call: FuncCall, name: string, hasOrdinality: boolean): Node {
  const { context } = site
  const operands = (call.args ?? []).map((arg) => bindExpression(site, arg))
  const chosen = choose(
    context,
    context.functions.tables(name),
    operands.map(({ type }) => type),
  )
  if (chosen.overload === null) return failToChoose(context, chosen, name, operands, call.location)
  const { overload, types } = chosen
  const arguments_ = coerceArguments(context, operands, types)
  const columns = [...overload.columns(types), ...ordinality(hasOrdinality)]
  return {
    kind: 'tableFunction',
    function: overload,
    arguments: arguments_,
    hasOrdinality,
    columns,
  }
}

function ordinality(hasOrdinality: boolean): Named[] {
  return hasOrdinality ? [{ name: 'ordinality', type: typeOf('int8') }] : []
}

function bindOneRow(site: Site, tree: Tree, name: string, hasOrdinality: boolean): Node {
  const value = settle(site.context, bindExpression(site, tree))
  const columns = [{ name, type: value.type }, ...ordinality(hasOrdinality)]
  const one = { kind: 'constant', type: typeOf('int8'), value: 1n } as const
  const expressions = hasOrdinality ? [value, one] : [value]
  return { kind: 'project', input: NO_FROM.node, expressions, columns }
}
