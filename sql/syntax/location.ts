// Where in the text a piece of a tree begins: PostgreSQL points at the leftmost character of an
// expression, which of operators and casts is their first operand's.
// Source: PostgreSQL 15, src/backend/nodes/nodeFuncs.c, exprLocation.

import type { Node } from 'libpg-query'

/** The one member that a node of the tree has: what it is, and its fields. */
export function partsOf(node: Node): readonly [string, Record<string, unknown>] {
  const [entry] = Object.entries(node) as [string, Record<string, unknown>][]
  return entry ?? ['', {}]
}

/** Bytes before the first character; -1 = the tree does not say. A list begins where its first does. */
export function leftmost(node: Node | undefined): number {
  if (node === undefined) return -1
  const [kind, parts] = partsOf(node)
  if (kind === 'List') return leftmostOf((parts['items'] ?? []) as Node[])
  if (kind === 'A_Indirection' || kind === 'CollateClause') return leftmost(parts['arg'] as Node)
  const isNamed = LOCATED.has(kind)
  const own = isNamed ? ((parts['location'] as number | undefined) ?? 0) : -1
  const operands = OPERANDS[kind]?.map((name) => parts[name] as Node | Node[] | undefined) ?? []
  return operands.reduce<number>(
    (least, one) => smaller(least, Array.isArray(one) ? leftmostOf(one) : leftmost(one)),
    own,
  )
}

function leftmostOf(nodes: readonly Node[]): number {
  return nodes.reduce((least, one) => smaller(least, leftmost(one)), -1)
}

function smaller(a: number, b: number): number {
  if (a < 0) return b
  return b < 0 ? a : Math.min(a, b)
}

/** Operands that may stand to the left of a node's own place. */
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  A_Expr: ['lexpr', 'rexpr'],
  BoolExpr: ['args'],
  TypeCast: ['arg'],
  NullTest: ['arg'],
  BooleanTest: ['arg'],
  SubLink: ['testexpr'],
  FuncCall: ['args'],
}

const LOCATED: ReadonlySet<string> = new Set([
  ...Object.keys(OPERANDS),
  ...['A_Const', 'ColumnRef', 'ParamRef', 'CaseExpr', 'CaseWhen', 'CoalesceExpr', 'MinMaxExpr'],
  ...['SQLValueFunction', 'A_ArrayExpr', 'RowExpr', 'GroupingFunc', 'ResTarget', 'RangeVar'],
  ...['SortBy', 'WindowDef', 'GroupingSet', 'TypeName', 'DefElem', 'CommonTableExpr', 'XmlExpr'],
  ...['SetToDefault', 'ColumnDef', 'Constraint', 'NamedArgExpr', 'XmlSerialize', 'CurrentOfExpr'],
])
