// Functions in FROM: those of rows, and others, which give one row.
// Source: PostgreSQL 15, src/backend/parser/parse_relation.c, addRangeTableEntryForFunction.

import type { FuncCall, RangeFunction, Node as Tree } from 'libpg-query'
import type { Surroundings, TableFunction } from '../function.ts'
import type { Bound, Named, Node } from '../tree.ts'
import { type DataType, typeOf } from '../type.ts'
import { bindOperands } from './arguments.ts'
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
  const lists = functions.map((one) => (one as { List: { items: Tree[] } }).List.items)
  const [tree] = lists[0]!
  for (const [called, definitions] of lists) {
    if (coldeflist.length > 0 || (definitions !== undefined && 'List' in definitions)) {
      context.refuse('a column definition list', locationOf(called!))
    }
  }
  // A row without columns: arguments see what is around the FROM, and the left side if LATERAL.
  const around = openScope(environment, NO_FROM)
  const site: Site = { context, scope: around, clause: clause('functions in FROM'), block: null }
  const name = 'FuncCall' in tree! ? functionName(context, tree.FuncCall) : outputName(tree!)
  const own = { name, schema: null, location: locationOf(tree!) ?? 0 }
  if (lists.length > 1) {
    const trees = lists.map(([one]) => one!)
    return named(context, bindRowsTogether(site, trees, ordinality), alias, own)
  }
  const node =
    'FuncCall' in tree! && context.functions.tables(name).length > 0
      ? bindRowsFunction(site, tree.FuncCall, name, ordinality)
      : bindOneRow(site, tree!, name, ordinality)
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

/** A function with its arguments. */
interface Called {
  readonly overload: TableFunction
  readonly types: readonly DataType[]
  readonly arguments: readonly Bound[]
}

/** `ROWS FROM (f(), g())`: the rows of each beside those of the others. */
function bindRowsTogether(site: Site, trees: readonly Tree[], hasOrdinality: boolean): Node {
  const parts = trees.map((tree): Called => {
    const name = 'FuncCall' in tree ? functionName(site.context, tree.FuncCall) : outputName(tree)
    const isRows = 'FuncCall' in tree && site.context.functions.tables(name).length > 0
    return isRows ? calledOf(site, tree.FuncCall, name) : oneRow(site, tree, name)
  })
  return rowsNode(beside('rows', parts), hasOrdinality)
}

/** What is no function of rows has one. */
function oneRow(site: Site, tree: Tree, name: string): Called {
  const value = settle(site.context, bindExpression(site, tree))
  const types = [value.type]
  const columns = [{ name, type: value.type }]
  const overload: TableFunction = {
    name,
    arguments: types,
    isVariadic: false,
    columns: () => columns,
    rows: ([one]) => [[one]],
  }
  return { overload, types, arguments: [value] }
}

function bindRowsFunction(site: Site, call: FuncCall, name: string, hasOrdinality: boolean): Node {
  return rowsNode(calledOf(site, call, name), hasOrdinality)
}

function calledOf(site: Site, call: FuncCall, name: string): Called {
  const operands = bindOperands(site, call, name)
  const of = (given: readonly Bound[]): Called => chosenOf(site, name, given, call.location)
  // As PostgreSQL has it: unnest of several arrays is each of them beside the others.
  const isSeveral = name === 'unnest' && operands.length > 1
  return isSeveral
    ? beside(
        name,
        operands.map((one) => of([one])),
      )
    : of(operands)
}

function rowsNode(called: Called, hasOrdinality: boolean): Node {
  const columns = [...called.overload.columns(called.types), ...ordinality(hasOrdinality)]
  return {
    kind: 'tableFunction',
    function: called.overload,
    arguments: called.arguments,
    hasOrdinality,
    columns,
  }
}

function chosenOf(
  { context }: Site,
  name: string,
  operands: readonly Bound[],
  location: number | undefined,
): Called {
  const given = operands.map(({ type }) => type)
  const chosen = choose(context, context.functions.tables(name), given)
  if (chosen.overload === null) return failToChoose(context, chosen, name, operands, location)
  const { overload, types } = chosen
  return { overload, types, arguments: coerceArguments(context, operands, types) }
}

/** Rows of several, one beside the other; those that end first have nulls. */
function beside(name: string, parts: readonly Called[]): Called {
  const types = parts.flatMap((part) => part.types)
  const own = parts.map(({ overload, types: given }) => overload.columns(given))
  const columns = own.flat()
  const ofPart = <T>(all: readonly T[], index: number): readonly T[] => {
    const before = parts.slice(0, index).reduce((sum, part) => sum + part.arguments.length, 0)
    return all.slice(before, before + parts[index]!.arguments.length)
  }
  function* rows(given: readonly unknown[], surroundings: Surroundings) {
    const lists = parts.map(({ overload }, index) =>
      overload.rows(ofPart(given, index), surroundings)[Symbol.iterator](),
    )
    for (;;) {
      const next = lists.map((list) => list.next())
      if (next.every(({ done }) => done)) return
      yield next.flatMap(({ done, value }, index) =>
        done === true ? own[index]!.map(() => null) : (value as readonly unknown[]),
      )
    }
  }
  const overload = { name, arguments: types, isVariadic: false, columns: () => columns, rows }
  return { overload, types, arguments: parts.flatMap((part) => part.arguments) }
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
