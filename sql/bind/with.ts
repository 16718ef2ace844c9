// WITH: queries under a name, seen by those after them; recursive ones see themselves.
// Source: PostgreSQL 15, src/backend/parser/parse_cte.c.

import type { CommonTableExpr, SelectStmt, WithClause, Node as Tree } from 'libpg-query'
import { textsOf } from '../syntax/name.ts'
import type { Cte, Named, Node } from '../tree.ts'
import type { Context } from './context.ts'
import { castColumns, settleColumns } from './columns.ts'
import { type Query, bindQuery, bindSelectStatement } from './recursion.ts'
import type { CteName, Environment } from './scope.ts'
import { combine } from './set-operation.ts'

export interface WithCtes {
  readonly environment: Environment
  /** Those that are referred to; asked once all of the query is bound. */
  ctes(): readonly Cte[]
}

export function bindWith(
  context: Context,
  clause: WithClause | undefined,
  environment: Environment,
): WithCtes {
  const bound: { cte: Cte; uses: { count: number } }[] = []
  const names = new Map(environment.ctes)
  const own = new Set<string>()
  for (const tree of clause?.ctes ?? []) {
    const { CommonTableExpr: cte } = tree as { CommonTableExpr: CommonTableExpr }
    const name = cte.ctename!
    if (own.has(name)) {
      const message = `WITH query name "${name}" specified more than once`
      context.fail('42712', message, cte.location)
    }
    own.add(name)
    refuseForms(context, cte)
    const inner = { ...environment, ctes: new Map(names) }
    const made = bindCte(context, cte, inner, clause?.recursive === true)
    const uses = { count: 0 }
    names.set(name, { ...made.name, refer: () => (uses.count += 1) })
    bound.push({ cte: made.cte, uses })
  }
  return {
    environment: bound.length === 0 ? environment : { ...environment, ctes: names },
    ctes: () => bound.filter(({ uses }) => uses.count > 0).map(({ cte }) => cte),
  }
}

function refuseForms(context: Context, cte: CommonTableExpr): void {
  if (cte.search_clause !== undefined) context.refuse('SEARCH', cte.search_clause.location)
  if (cte.cycle_clause !== undefined) context.refuse('CYCLE', cte.cycle_clause.location)
}

interface BoundCte {
  readonly cte: Cte
  readonly name: Omit<CteName, 'refer'>
}

function bindCte(
  context: Context,
  tree: CommonTableExpr,
  environment: Environment,
  isRecursive: boolean,
): BoundCte {
  const select = (tree.ctequery as { SelectStmt?: SelectStmt }).SelectStmt
  if (isRecursive && select !== undefined) {
    const recursive = bindRecursive(context, tree, select, environment)
    if (recursive !== null) return recursive
  }
  const query = bindQuery(context, tree.ctequery!, environment)
  return finish(context, tree, query, context.nextId(), null)
}

function finish(
  context: Context,
  tree: CommonTableExpr,
  query: Query,
  id: number,
  recursive: Cte['recursive'],
): BoundCte {
  const columns = rename(context, tree, query.columns)
  const node = renameNode(query.node, columns)
  const cte: Cte = { id, name: tree.ctename!, query: node, recursive }
  return { cte, name: { id, columns } }
}

/** The columns under the names of `WITH name (a, b)`. */
function rename(
  context: Context,
  { ctename, aliascolnames = [], location }: CommonTableExpr,
  columns: readonly Named[],
): Named[] {
  const names = textsOf(aliascolnames)
  if (names.length > columns.length) {
    const counts = `${columns.length} columns available but ${names.length} columns specified`
    context.fail('42P10', `WITH query "${ctename}" has ${counts}`, location)
  }
  return columns.map(({ name, type }, index) => ({ name: names[index] ?? name, type }))
}

function renameNode(node: Node, columns: readonly Named[]): Node {
  return { ...node, columns }
}

/** Null: the query does not refer to itself, so it is a common one. */
function bindRecursive(
  context: Context,
  tree: CommonTableExpr,
  select: SelectStmt,
  environment: Environment,
): BoundCte | null {
  const name = tree.ctename!
  if (!refersTo(tree.ctequery!, name)) return null
  const {
    op,
    all = false,
    larg,
    rarg,
    sortClause,
    limitCount,
    limitOffset,
    location,
  } = {
    location: tree.location,
    ...select,
  }
  if (op !== 'SETOP_UNION') {
    const message = `recursive query "${name}" does not have the form non-recursive-term UNION [ALL] recursive-term`
    context.fail('42P19', message, location)
  }
  if (sortClause !== undefined) {
    context.fail('0A000', 'ORDER BY in a recursive query is not implemented', -1)
  }
  if (limitCount !== undefined || limitOffset !== undefined) {
    context.fail('0A000', 'LIMIT in a recursive query is not implemented', -1)
  }
  const id = context.nextId()
  const closed: CteName = {
    id,
    columns: [],
    refer: (at) => {
      const message = `recursive reference to query "${name}" must not appear within its non-recursive term`
      context.fail('42P19', message, at)
    },
  }
  const withClosed = { ...environment, ctes: new Map([...environment.ctes, [name, closed]]) }
  const base = settleColumns(context, bindSelectStatement(context, larg!, withClosed))
  const columns = rename(context, tree, base.columns)
  const open: CteName = { id, columns, refer: () => {} }
  const withOpen = { ...environment, ctes: new Map([...environment.ctes, [name, open]]) }
  const step = bindSelectStatement(context, rarg!, withOpen, { keepsUnknown: true })
  return finish(context, tree, base, id, { step: agree(context, name, base, step), isAll: all })
}

/** The step's rows must be of the first term's types. Throws 42601, 42804. */
function agree(context: Context, name: string, base: Query, step: Query): Node {
  const { columns } = combine(context, base, step, 'union', true)
  const index = columns.findIndex(({ type }, place) => type !== base.columns[place]!.type)
  if (index >= 0) {
    const types = `type ${base.columns[index]!.type.title} in non-recursive term but type ${columns[index]!.type.title} overall`
    const message = `recursive query "${name}" column ${index + 1} has ${types}`
    const hint = 'Cast the output of the non-recursive term to the correct type.'
    const at = base.trees[index]
    context.fail('42804', message, at === undefined ? -1 : context.startOf(at), { hint })
  }
  return castColumns(
    context,
    step,
    columns.map(({ type }) => type),
  ).node
}

/** Whether a query names a table so, anywhere inside. */
function refersTo(tree: Tree, name: string): boolean {
  return JSON.stringify(tree).includes(`"RangeVar":{"relname":${JSON.stringify(name)}`)
}
