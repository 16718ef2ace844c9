// Expressions: each form of PostgreSQL's raw tree becomes a typed one. Calls of functions are in
// call.ts, queries inside expressions in sublink.ts.
// Source: PostgreSQL 15, src/backend/parser/parse_expr.c.

import type {
  A_ArrayExpr,
  A_Const,
  A_Expr,
  A_Indirection,
  BoolExpr,
  BooleanTest,
  CaseExpr,
  CoalesceExpr,
  CollateClause,
  ColumnRef,
  FuncCall,
  MinMaxExpr,
  NullTest,
  ParamRef,
  RowExpr,
  SQLValueFunction,
  SubLink,
  TypeCast,
  Node as Tree,
} from 'libpg-query'
import { partsOf } from '../syntax/location.ts'
import { textOf, textsOf } from '../syntax/name.ts'
import type { Bound } from '../tree.ts'
import { typeOf } from '../type.ts'
import { bindArray, bindSubscripts } from './array.ts'
import { bindCall } from './call.ts'
import { bindNamedCall } from './function-call.ts'
import { bindCast, limit } from './cast.ts'
import { coerce, coerceToBoolean, literal, settle, unify } from './coercion.ts'
import type { Context } from './context.ts'
import { bindDistinct, bindIn, bindOperator, bindQuantified } from './operator.ts'
import { bindRowComparison, bindRowIn } from './row.ts'
import { makeRecord } from './record.ts'
import { bindExpression } from './recursion.ts'
import { type ColumnName, columnsOfStar, resolveColumn, starColumns } from './scope.ts'
import type { Site } from './site.ts'
import { bindRowSublink, bindSublink } from './sublink.ts'

const BOOLEAN = typeOf('bool')
const UNKNOWN = typeOf('unknown')

/** An expression of the tree, bound where it stands. Throws SqlError with its place. */
export function bindForm(site: Site, tree: Tree): Bound {
  const [kind, parts] = partsOf(tree)
  const bind = FORMS[kind]
  if (bind === undefined) {
    const { location } = parts as { location?: number }
    return site.context.refuse(`the expression ${kind}`, location)
  }
  return site.context.deeper(() => site.context.placed(bind(site, parts, tree), tree))
}

type Form = (site: Site, parts: never, tree: Tree) => Bound

const FORMS: Readonly<Record<string, (site: Site, parts: object, tree: Tree) => Bound>> = {
  A_Const: form(bindConstant),
  ColumnRef: form(bindColumn),
  ParamRef: form((site: Site, { number = 0, location }: ParamRef) =>
    site.context.parameters.bind(number, location),
  ),
  A_Expr: form(bindOperation),
  BoolExpr: form(bindLogic),
  NullTest: form(bindNullTest),
  BooleanTest: form(bindTruthTest),
  TypeCast: form((site: Site, cast: TypeCast) => bindCast(site, cast)),
  CollateClause: form(bindCollation),
  CaseExpr: form(bindCase),
  CoalesceExpr: form(bindCoalesce),
  MinMaxExpr: form(bindExtreme),
  A_ArrayExpr: form((site: Site, array: A_ArrayExpr) => bindArray(site, array, null)),
  A_Indirection: form((site: Site, parts: A_Indirection) => bindSubscripts(site, parts)),
  FuncCall: form((site: Site, call: FuncCall) => bindCall(site, call)),
  SQLValueFunction: form(bindValueFunction),
  SubLink: form((site: Site, sublink: SubLink) => bindSublink(site, sublink)),
  RowExpr: form(bindRow),
  SetToDefault: form(({ context }: Site, { location }: { location?: number }) =>
    context.fail('42601', 'DEFAULT is not allowed in this context', location),
  ),
  GroupingFunc: form((site: Site, parts: { args?: Tree[]; location?: number }) =>
    site.block === null
      ? site.context.fail('42803', 'grouping operations are not allowed here', parts.location)
      : site.block.bindGrouping(site, parts.args ?? [], parts.location),
  ),
}

/** Each form reads the fields of its own kind of tree. */
function form(bind: Form): (site: Site, parts: object, tree: Tree) => Bound {
  return bind as (site: Site, parts: object, tree: Tree) => Bound
}

const INT4_MAX = 2n ** 31n
const INT8_MAX = 2n ** 63n

function bindConstant({ context }: Site, constant: A_Const): Bound {
  const { location } = constant
  if (constant.isnull) return { kind: 'constant', type: UNKNOWN, value: null }
  if (constant.ival) {
    return { kind: 'constant', type: typeOf('int4'), value: constant.ival.ival ?? 0 }
  }
  if (constant.boolval) {
    return { kind: 'constant', type: BOOLEAN, value: constant.boolval.boolval ?? false }
  }
  if (constant.sval) return { kind: 'constant', type: UNKNOWN, value: constant.sval.sval ?? '' }
  if (constant.fval) return context.at(location, () => number(context, constant.fval!.fval ?? ''))
  return context.refuse('a bit string', location)
}

/** Digits beyond int4 are an int8 if it holds them, all else is numeric. */
function number(context: Context, text: string): Bound {
  const integer = /^-?[0-9]+$/.test(text) ? BigInt(text) : radix(text)
  if (integer === null) return literal(context, text.replaceAll('_', ''), typeOf('numeric'))
  if (-INT4_MAX <= integer && integer < INT4_MAX) {
    return { kind: 'constant', type: typeOf('int4'), value: Number(integer) }
  }
  if (-INT8_MAX <= integer && integer < INT8_MAX) {
    return { kind: 'constant', type: typeOf('int8'), value: integer }
  }
  return literal(context, String(integer), typeOf('numeric'))
}

/** `0x1F`, `0o17`, `0b1`, `1_000`. */
function radix(text: string): bigint | null {
  const plain = text.replaceAll('_', '')
  const isNegative = plain.startsWith('-')
  const digits = isNegative ? plain.slice(1) : plain
  if (!/^(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|[0-9]+)$/.test(digits)) return null
  return isNegative ? -BigInt(digits) : BigInt(digits)
}

function bindColumn({ context, scope }: Site, { fields = [], location }: ColumnRef): Bound {
  const isStar = fields.some((field) => 'A_Star' in field)
  if (isStar) {
    const columns = starColumns({ context, scope }, textsOf(fields.slice(0, -1)), location)
    return makeRecord(
      columns.map(({ name }) => name),
      columns.map(({ bound }) => bound),
    )
  }
  return resolveColumn(context, scope, columnName(context, textsOf(fields), location))
}

/** `column`, `table.column`, `schema.table.column`, `database.schema.table.column`. */
function columnName(
  context: Context,
  parts: readonly string[],
  location: number | undefined,
): ColumnName {
  const [name, table = null, schema = null, database = null] = [...parts].reverse()
  if (parts.length > 4) {
    const message = `improper qualified name (too many dotted names): ${parts.join('.')}`
    context.fail('42601', message, location)
  }
  if (database !== null && database !== context.surroundings.database) {
    const message = `cross-database references are not implemented: ${parts.join('.')}`
    context.fail('0A000', message, location)
  }
  return { schema, table, name: name!, location }
}

function bindOperation(site: Site, expression: A_Expr): Bound {
  const { kind, name = [], lexpr, rexpr, location } = expression
  const { context } = site
  const symbol = textOf(name.at(-1))
  if (kind === 'AEXPR_IN') {
    return bindInList(site, expression, symbol)
  }
  if (kind?.includes('BETWEEN')) return bindBetween(site, expression)
  if (isRow(lexpr) && isRow(rexpr) && kind !== 'AEXPR_NULLIF') {
    return bindRowComparison(site, kind, symbol, [lexpr!, rexpr!], location)
  }
  if (isRow(lexpr) && kind === 'AEXPR_OP' && isScalarQuery(rexpr)) {
    const { SubLink: sublink } = rexpr as { SubLink: SubLink }
    return bindRowSublink(site, symbol, lexpr!, sublink, location)
  }
  const left = lexpr === undefined ? null : bindExpression(site, lexpr)
  const right = bindExpression(site, rexpr!)
  switch (kind) {
    case 'AEXPR_OP_ANY':
    case 'AEXPR_OP_ALL': {
      const quantifier = kind === 'AEXPR_OP_ANY' ? 'any' : 'all'
      return bindQuantified(context, symbol, quantifier, [left!, right], location)
    }
    case 'AEXPR_DISTINCT':
    case 'AEXPR_NOT_DISTINCT':
      return bindDistinct(context, [left!, right], kind === 'AEXPR_NOT_DISTINCT', location)
    case 'AEXPR_NULLIF':
      return bindNullIf(site, left!, right, location)
    default:
      return bindOperator(context, symbol, left, right, location)
  }
}

function isRow(tree: Tree | undefined): boolean {
  return tree !== undefined && 'RowExpr' in tree
}

function isScalarQuery(tree: Tree | undefined): boolean {
  return tree !== undefined && 'SubLink' in tree && tree.SubLink.subLinkType === 'EXPR_SUBLINK'
}

function bindInList(site: Site, { lexpr, rexpr, location }: A_Expr, symbol: string): Bound {
  const items = (rexpr as { List: { items?: Tree[] } }).List.items ?? []
  if (isRow(lexpr)) return bindRowIn(site, symbol, lexpr!, items, location)
  const left = bindExpression(site, lexpr!)
  const list = items.map((item) => bindExpression(site, item))
  return bindIn(site.context, symbol, left, list, location)
}

function bindBetween(site: Site, { kind, lexpr, rexpr, location }: A_Expr): Bound {
  const { context } = site
  const [lowest, highest] = (rexpr as { List: { items: [Tree, Tree] } }).List.items
  const value = bindExpression(site, lexpr!)
  const low = bindExpression(site, lowest)
  const high = bindExpression(site, highest)
  const compare = (symbol: string, bound: Bound): Bound =>
    bindOperator(context, symbol, value, bound, location)
  const isNegated = kind!.includes('NOT')
  const range = (start: Bound, finish: Bound): Bound =>
    isNegated
      ? { kind: 'or', type: BOOLEAN, operands: [compare('<', start), compare('>', finish)] }
      : { kind: 'and', type: BOOLEAN, operands: [compare('>=', start), compare('<=', finish)] }
  if (!kind!.endsWith('SYM')) return range(low, high)
  const operands = [range(low, high), range(high, low)]
  return { kind: isNegated ? 'and' : 'or', type: BOOLEAN, operands }
}

/** `NULLIF(a, b)`: null where they are equal; of the type that a was compared as. */
function bindNullIf(site: Site, left: Bound, right: Bound, location: number | undefined): Bound {
  const when = bindOperator(site.context, '=', left, right, location)
  if (when.type !== BOOLEAN || when.kind !== 'call') {
    site.context.fail('42804', 'NULLIF requires = operator to yield boolean', location)
  }
  const otherwise = when.arguments[0]!
  const none: Bound = { kind: 'constant', type: otherwise.type, value: null }
  return { kind: 'case', type: otherwise.type, branches: [{ when, result: none }], otherwise }
}

function bindLogic(site: Site, { boolop, args = [] }: BoolExpr): Bound {
  const word = boolop!.slice(0, -'_EXPR'.length)
  const operands = args.map((one) => coerceToBoolean(site.context, bindExpression(site, one), word))
  if (word === 'NOT') return { kind: 'not', type: BOOLEAN, operand: operands[0]! }
  return { kind: word === 'AND' ? 'and' : 'or', type: BOOLEAN, operands }
}

function bindNullTest(site: Site, { arg, nulltesttype }: NullTest): Bound {
  const negated = nulltesttype === 'IS_NOT_NULL'
  if (isRow(arg)) return bindRowNull(site, arg!, negated)
  const operand = bindExpression(site, arg!)
  return { kind: 'is', type: BOOLEAN, operand, test: 'null', negated }
}

/** `(a, b) IS NULL`: all of them are; `IS NOT NULL`: none of them is. */
function bindRowNull(site: Site, row: Tree, negated: boolean): Bound {
  const { args = [] } = (row as { RowExpr: RowExpr }).RowExpr
  const operands = args.map((arg): Bound => {
    const operand = bindExpression(site, arg)
    return { kind: 'is', type: BOOLEAN, operand, test: 'null', negated }
  })
  return { kind: 'and', type: BOOLEAN, operands }
}

function bindTruthTest(site: Site, { arg, booltesttype }: BooleanTest): Bound {
  const words = booltesttype!.replaceAll('_', ' ')
  const operand = coerceToBoolean(site.context, bindExpression(site, arg!), words)
  const negated = words.includes('NOT')
  const test = words.endsWith('TRUE') ? 'true' : words.endsWith('FALSE') ? 'false' : 'null'
  return { kind: 'is', type: BOOLEAN, operand, test, negated }
}

const COLLATIONS = new Set(['C', 'POSIX', 'default', 'ucs_basic', 'C.UTF-8', 'C.utf8'])

/** All text is compared by its bytes; asking for just that is no mistake. */
function bindCollation(site: Site, { arg, collname = [], location }: CollateClause): Bound {
  const operand = settle(site.context, bindExpression(site, arg!))
  const name = textOf(collname.at(-1))
  if (!COLLATIONS.has(name)) {
    const message = `collation "${name}" for encoding "UTF8" does not exist`
    const hint = 'Text is compared by its bytes, which is collation "C".'
    site.context.fail('42704', message, location, { hint })
  }
  if (operand.type.category !== 'S') {
    const message = `collations are not supported by type ${operand.type.title}`
    site.context.fail('42804', message, location)
  }
  return { ...operand }
}

function bindCase(site: Site, { arg, args = [], defresult, location }: CaseExpr): Bound {
  const { context } = site
  const subject = arg === undefined ? null : settle(context, bindExpression(site, arg))
  const whens: Bound[] = []
  const results: Bound[] = []
  for (const branch of args) {
    const { expr, result } = (branch as { CaseWhen: { expr?: Tree; result?: Tree } }).CaseWhen
    whens.push(bindWhen(site, subject, expr!, leftmostOf(branch, location)))
    results.push(bindExpression(site, result!))
  }
  const otherwise: Bound =
    defresult === undefined
      ? { kind: 'constant', type: UNKNOWN, value: null }
      : bindExpression(site, defresult)
  // The default comes first: it weighs most in the choice of the type.
  const [last, ...values] = unify(context, [otherwise, ...results], 'CASE')
  const branches = whens.map((when, index) => ({ when, result: values[index]! }))
  return { kind: 'case', type: last!.type, branches, otherwise: last! }
}

function leftmostOf(branch: Tree, location: number | undefined): number | undefined {
  return (partsOf(branch)[1] as { location?: number }).location ?? location
}

function bindWhen(
  site: Site,
  subject: Bound | null,
  tree: Tree,
  location: number | undefined,
): Bound {
  const { context } = site
  const given = bindExpression(site, tree)
  const when = subject && bindOperator(context, '=', subject, given, location)
  return coerceToBoolean(context, when === null ? given : context.placed(when, tree), 'CASE/WHEN')
}

function bindCoalesce(site: Site, { args = [] }: CoalesceExpr): Bound {
  const bound = args.map((one) => bindExpression(site, one))
  const operands = unify(site.context, bound, 'COALESCE')
  return { kind: 'coalesce', type: operands[0]!.type, operands }
}

function bindExtreme(site: Site, { op, args = [], location }: MinMaxExpr): Bound {
  const name = op === 'IS_LEAST' ? 'least' : 'greatest'
  const bound = args.map((one) => bindExpression(site, one))
  const operands = unify(site.context, bound, name.toUpperCase())
  return bindNamedCall(site.context, name, operands, location)
}

const VALUE_FUNCTIONS: Readonly<Record<string, readonly [string, string | null]>> = {
  SVFOP_CURRENT_DATE: ['now', 'date'],
  SVFOP_CURRENT_TIMESTAMP: ['now', null],
  SVFOP_CURRENT_TIMESTAMP_N: ['now', 'timestamptz'],
  SVFOP_LOCALTIMESTAMP: ['now', 'timestamp'],
  SVFOP_LOCALTIMESTAMP_N: ['now', 'timestamp'],
  SVFOP_LOCALTIME: ['now', 'time'],
  SVFOP_LOCALTIME_N: ['now', 'time'],
  SVFOP_CURRENT_ROLE: ['current_user', null],
  SVFOP_CURRENT_USER: ['current_user', null],
  SVFOP_USER: ['current_user', null],
  SVFOP_SESSION_USER: ['session_user', null],
  SVFOP_CURRENT_CATALOG: ['current_database', null],
  SVFOP_CURRENT_SCHEMA: ['current_schema', null],
}

function bindValueFunction(site: Site, { op, typmod, location }: SQLValueFunction): Bound {
  const { context } = site
  const [name, target] = VALUE_FUNCTIONS[op ?? ''] ?? context.refuse('time with a zone', location)
  const value = bindNamedCall(context, name, [], location)
  if (target === null) return value
  const cast = coerce(context, value, typeOf(target), 'explicit')!
  const isPrecise = op!.endsWith('_N')
  return isPrecise ? limit(context, cast, typmod ?? 0, location) : cast
}

/** `ROW(a, b)`, `(a, b)`: its columns are f1, f2 … */
function bindRow(site: Site, { args = [] }: RowExpr): Bound {
  const values = args.flatMap((arg) => {
    const columns = 'ColumnRef' in arg ? columnsOfStar(site, arg.ColumnRef) : null
    if (columns !== null) return columns.map(({ bound }) => ({ ...bound }))
    return [settle(site.context, bindExpression(site, arg))]
  })
  return makeRecord(
    values.map((_, index) => `f${index + 1}`),
    values,
  )
}
