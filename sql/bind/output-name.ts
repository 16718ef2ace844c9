// What a column of an answer is called that has no AS.
// Source: PostgreSQL 15, src/backend/parser/parse_target.c, FigureColname.

import type { Node as Tree, SelectStmt } from 'libpg-query'
import { textOf, textsOf } from '../syntax/name.ts'

export function outputName(tree: Tree): string {
  return figure(tree)?.name ?? '?column?'
}

interface Figured {
  readonly name: string
  /** Names of types and CASE give way to a name found further in. */
  readonly isWeak: boolean
}

const strong = (name: string): Figured => ({ name, isWeak: false })

function figure(tree: Tree | undefined): Figured | null {
  if (tree === undefined) return null
  if ('ColumnRef' in tree) {
    const names = textsOf(tree.ColumnRef.fields ?? []).filter((name) => name !== '')
    return names.length === 0 ? null : strong(names.at(-1)!)
  }
  if ('A_Indirection' in tree) {
    const { arg, indirection = [] } = tree.A_Indirection
    const field = indirection.filter((step) => 'String' in step).at(-1)
    return field === undefined ? figure(arg) : strong(textOf(field))
  }
  if ('FuncCall' in tree) return strong(textOf(tree.FuncCall.funcname?.at(-1)))
  if ('A_Expr' in tree) return tree.A_Expr.kind === 'AEXPR_NULLIF' ? strong('nullif') : null
  if ('TypeCast' in tree) {
    const { arg, typeName } = tree.TypeCast
    const inner = figure(arg)
    if (inner !== null && !inner.isWeak) return inner
    return { name: textOf(typeName?.names?.at(-1)), isWeak: true }
  }
  if ('CollateClause' in tree) return figure(tree.CollateClause.arg)
  if ('CaseExpr' in tree) {
    const inner = figure(tree.CaseExpr.defresult)
    return inner !== null && !inner.isWeak ? inner : { name: 'case', isWeak: true }
  }
  if ('SubLink' in tree) return figureSublink(tree)
  return figureWord(tree)
}

function figureWord(tree: Tree): Figured | null {
  if ('A_ArrayExpr' in tree) return strong('array')
  if ('RowExpr' in tree) return strong('row')
  if ('CoalesceExpr' in tree) return strong('coalesce')
  if ('GroupingFunc' in tree) return strong('grouping')
  if ('MinMaxExpr' in tree) return strong(tree.MinMaxExpr.op === 'IS_LEAST' ? 'least' : 'greatest')
  if (!('SQLValueFunction' in tree)) return null
  const words = tree.SQLValueFunction.op!.slice('SVFOP_'.length).replace(/_N$/, '')
  return strong(words.toLowerCase())
}

function figureSublink(tree: Extract<Tree, { SubLink: unknown }>): Figured | null {
  const { subLinkType, subselect } = tree.SubLink
  if (subLinkType === 'EXISTS_SUBLINK') return strong('exists')
  if (subLinkType === 'ARRAY_SUBLINK') return strong('array')
  if (subLinkType !== 'EXPR_SUBLINK') return null
  let select = (subselect as { SelectStmt: SelectStmt }).SelectStmt
  while (select.larg !== undefined) select = select.larg
  const [target] = select.targetList ?? []
  if (target === undefined || !('ResTarget' in target)) return null
  const { name, val } = target.ResTarget
  return name === undefined ? figure(val) : strong(name)
}
