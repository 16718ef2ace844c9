// Runs a bound tree: every node is an async generator of batches that pulls from its input. What must
// see all rows (sort, right sides of joins, groups) counts what it holds; every batch looks whether the
// statement was cancelled.

import { BATCH_ROWS, type Batches, type SqlBatch } from '../batch.ts'
import type { RunContext } from '../relation.ts'
import { SqlError } from '../sql-error.ts'
import type { Bound, Cte, Node } from '../tree.ts'
import { aggregate } from './aggregate.ts'
import { compile, rowsWhere } from './expression.ts'
import { join } from './join.ts'
import { gapfill } from './gapfill.ts'
import { KeyIndex } from './key.ts'
import { type OrderKey, isEqualRow, orderRows } from './order.ts'
import { scan, splitConditions } from './scan.ts'
import { type Frame, ONE_ROW, type Scope, frameOf } from './scope.ts'
import { distinctRows, setOperation } from './set.ts'
import { fetchAnswers, subqueriesOf } from './subquery.ts'
import { window } from './window.ts'
import { collect, pieces, slice, spread, takeRows, valueAt, vectorOf } from './vector.ts'

type Of<Kind extends Node['kind']> = Extract<Node, { kind: Kind }>

/**
 * The rows of a tree. Values of parameters lie as in a vector of their type, booleans as booleans.
 * Throws SqlError: 53200 above the budget, 57014 when cancelled, and what expressions throw.
 */
export function execute(node: Node, run: RunContext, parameters: readonly unknown[]): Batches {
  return runNode(node, { run, parameters, outer: [], ctes: new Map(), answers: new Map() })
}

function runNode(node: Node, scope: Scope): Batches {
  return paced(startNode(node, scope), scope.run)
}

/** The same batches; others get their turn between them, and a cancelled statement ends there. */
async function* paced(batches: Batches, run: RunContext): Batches {
  for await (const batch of batches) {
    if (run.rest !== undefined) await run.rest()
    yield batch
    await run.pause()
  }
}

function startNode(node: Node, scope: Scope): Batches {
  switch (node.kind) {
    case 'scan':
      return scanRows(node, [], scope)
    case 'values':
      return values(node, scope)
    case 'tableFunction':
      return tableFunction(node, scope)
    case 'filter':
      return filter(node, scope)
    case 'project':
      return project(node, scope)
    case 'aggregate':
      return node.gapfill === null
        ? aggregate(node, scope, runNode)
        : gapfill(node, node.gapfill, scope, runNode)
    case 'window':
      return window(node, scope, runNode)
    case 'sort':
      return sort(node, null, scope)
    case 'limit':
      return limit(node, scope)
    case 'distinct':
      return distinct(node, scope)
    case 'join':
      return join(node, scope, runNode)
    case 'set':
      return setOperation(node, scope, runNode)
    case 'with':
      return withCtes(node, scope)
    default:
      return cte(node, scope)
  }
}

async function* scanRows(
  node: Of<'scan'>,
  conditions: readonly Bound[],
  scope: Scope,
  above: readonly Bound[] = [],
): Batches {
  const { batches, left } = scan(node, conditions, scope, above)
  yield* left.length === 0 ? batches : keepWhere(batches, left, scope)
}

async function prepared(bounds: readonly Bound[], batch: SqlBatch, scope: Scope): Promise<Frame> {
  scope.run.check()
  const frame = frameOf(batch, scope)
  await fetchAnswers(subqueriesOf(bounds), frame, runNode)
  return frame
}

async function* values(node: Of<'values'>, scope: Scope): Batches {
  const frame = await prepared(node.rows.flat(), ONE_ROW, scope)
  const rows = node.rows.map((row) =>
    row.map((bound) => valueAt(compile(bound).evaluate(frame, null), bound.type, 0)),
  )
  const columns = node.columns.map(({ type }, column) =>
    vectorOf(type, rows.length, (row) => rows[row]![column]),
  )
  yield* pieces({ rowCount: rows.length, columns }, BATCH_ROWS)
}

async function* tableFunction(node: Of<'tableFunction'>, scope: Scope): Batches {
  const frame = await prepared(node.arguments, ONE_ROW, scope)
  const given = node.arguments.map((bound) =>
    valueAt(compile(bound).evaluate(frame, null), bound.type, 0),
  )
  let rows: (readonly unknown[])[] = []
  let ordinal = 0n
  const flush = (): SqlBatch => {
    const full = rows
    rows = []
    const columns = node.columns.map(({ type }, column) =>
      vectorOf(type, full.length, (row) => full[row]![column]),
    )
    return { rowCount: full.length, columns }
  }
  for (const row of node.function.rows(given, scope.run.surroundings)) {
    rows.push(node.hasOrdinality ? [...row, ++ordinal] : row)
    if (rows.length < BATCH_ROWS) continue
    yield flush()
    scope.run.check()
    await scope.run.pause()
  }
  if (rows.length > 0) yield flush()
}

async function* keepWhere(input: Batches, conditions: readonly Bound[], scope: Scope): Batches {
  const tests = conditions.map(compile)
  for await (const given of input) {
    let batch = given
    for (const [index, test] of tests.entries()) {
      const frame = await prepared([conditions[index]!], batch, scope)
      const rows = rowsWhere(test.evaluate(frame, null), batch.rowCount)
      if (rows.length < batch.rowCount) batch = takeRows(batch, rows)
      if (batch.rowCount === 0) break
    }
    if (batch.rowCount > 0) yield batch
  }
}

function filter({ input, condition }: Of<'filter'>, scope: Scope): Batches {
  if (input.kind !== 'scan') return keepWhere(runNode(input, scope), [condition], scope)
  const { plain, rest } = splitConditions(condition)
  const rows = scanRows(input, plain, scope, rest)
  return rest.length === 0 ? rows : keepWhere(rows, rest, scope)
}

async function* project({ input, expressions, instead }: Of<'project'>, scope: Scope): Batches {
  const compiled = expressions.map(compile)
  let isBegun = false
  try {
    for await (const batch of runNode(input, scope)) {
      isBegun = true
      const frame = await prepared(expressions, batch, scope)
      const { rowCount } = batch
      const columns = compiled.map((one) => spread(one.evaluate(frame, null), rowCount))
      yield { rowCount, columns }
    }
    return
  } catch (error) {
    if (isBegun || instead === undefined || !hasTooManyBuckets(error)) throw error
  }
  yield* runNode(instead, scope)
}

/** What the engine counts before its first row, and the executor does not: its groups are counted in bytes. */
function hasTooManyBuckets(error: unknown): boolean {
  const { details } = error as { details?: { limit?: unknown } }
  return details?.limit === 'maxBuckets'
}

async function keysOf(node: Of<'sort'>, batch: SqlBatch, scope: Scope): Promise<OrderKey[]> {
  const bounds = node.keys.map(({ expression }) => expression)
  const frame = await prepared(bounds, batch, scope)
  return node.keys.map(({ expression, isDescending, nullsFirst }) => ({
    vector: spread(compile(expression).evaluate(frame, null), batch.rowCount),
    type: expression.type,
    isDescending,
    nullsFirst,
  }))
}

/** `count`: rows that are enough, with those equal to the last if `withTies`. */
async function* sort(
  node: Of<'sort'>,
  enough: { readonly count: number; readonly withTies: boolean } | null,
  scope: Scope,
): Batches {
  const source = runNode(node.input, scope)
  const few = enough !== null && !enough.withTies && enough.count <= TOP_ROWS
  const input = few ? top(node, source, enough.count, scope) : source
  const { batch, release } = await collect(input, node.input.columns, scope.run)
  try {
    if (batch.rowCount === 0) return
    const keys = await keysOf(node, batch, scope)
    const rows = orderRows(keys, batch.rowCount)
    let end = Math.min(enough?.count ?? rows.length, rows.length)
    if (enough?.withTies && end > 0) {
      while (end < rows.length && isEqualRow(keys, rows[end - 1]!, rows[end]!)) end++
    }
    for (let at = 0; at < end; at += BATCH_ROWS) {
      scope.run.check()
      yield takeRows(batch, rows.subarray(at, Math.min(at + BATCH_ROWS, end)))
    }
  } finally {
    release()
  }
}

/** A limit up to which rows are dropped as soon as so many better ones are known. */
const TOP_ROWS = 16_384

/** The first `count` rows in order, and perhaps more; stable, as earlier rows stay in front. */
async function* top(node: Of<'sort'>, input: Batches, count: number, scope: Scope): Batches {
  let kept: SqlBatch[] = []
  let rowCount = 0
  const cut = async (): Promise<void> => {
    const { batch, release } = await collect(each(kept), node.input.columns, scope.run)
    release()
    const order = orderRows(await keysOf(node, batch, scope), batch.rowCount)
    kept = [takeRows(batch, order.subarray(0, count).toSorted())]
    rowCount = kept[0]!.rowCount
  }
  for await (const batch of input) {
    kept.push(batch)
    rowCount += batch.rowCount
    if (rowCount > 2 * count + BATCH_ROWS) await cut()
  }
  yield* each(kept)
}

async function* each(batches: readonly SqlBatch[]): Batches {
  yield* batches
}

async function countOf(bound: Bound | null, scope: Scope, clause: string): Promise<number | null> {
  if (bound === null) return null
  const frame = await prepared([bound], ONE_ROW, scope)
  const value = valueAt(compile(bound).evaluate(frame, null), bound.type, 0)
  if (value === null) return null
  const count = Number(value)
  if (count >= 0) return count
  const sqlstate = clause === 'LIMIT' ? '2201W' : '2201X'
  throw new SqlError(sqlstate, `${clause} must not be negative`)
}

async function* limit(node: Of<'limit'>, scope: Scope): Batches {
  const count = await countOf(node.count, scope, 'LIMIT')
  const offset = (await countOf(node.offset, scope, 'OFFSET')) ?? 0
  if (count === 0) return
  const { input, withTies } = node
  const enough = count === null ? null : { count: offset + count, withTies }
  const isSorted = input.kind === 'sort' && enough !== null
  const source = isSorted ? sort(input, enough, scope) : runNode(input, scope)
  // With ties a sort has cut its rows itself.
  const end = count === null || (isSorted && withTies) ? Infinity : offset + count
  let seen = 0
  for await (const batch of source) {
    const start = Math.min(Math.max(offset - seen, 0), batch.rowCount)
    const stop = Math.min(end - seen, batch.rowCount)
    seen += batch.rowCount
    if (stop > start) {
      const columns = batch.columns.map((column) => slice(column, start, stop))
      yield { rowCount: stop - start, columns }
    }
    if (seen >= end) return
  }
}

async function* distinct({ input, on, columns }: Of<'distinct'>, scope: Scope): Batches {
  if (on === null) {
    yield* distinctRows(runNode(input, scope), columns, scope)
    return
  }
  const index = new KeyIndex(on.map(({ type }) => type))
  const keys = on.map(compile)
  let seen = 0
  for await (const batch of runNode(input, scope)) {
    const frame = await prepared(on, batch, scope)
    const vectors = keys.map((key) => spread(key.evaluate(frame, null), batch.rowCount))
    const numbers = index.enter(vectors, batch.rowCount)
    const fresh: number[] = []
    for (const [row, number] of numbers.entries()) {
      if (number !== seen) continue
      fresh.push(row)
      seen++
    }
    if (fresh.length === batch.rowCount) yield batch
    else if (fresh.length > 0) yield takeRows(batch, Uint32Array.from(fresh))
  }
}

async function* withCtes({ ctes, input }: Of<'with'>, scope: Scope): Batches {
  const releases: (() => void)[] = []
  try {
    for (const one of ctes) {
      const { columns } = one.query
      const found = await collect(cteRows(one, scope), columns, scope.run)
      releases.push(found.release)
      scope.ctes.set(one.id, found.batch)
    }
    yield* runNode(input, scope)
  } finally {
    for (const release of releases) release()
  }
}

/** The query, then its step over what the last round added until it adds nothing. */
async function* cteRows({ id, query, recursive }: Cte, scope: Scope): Batches {
  if (recursive === null) {
    yield* runNode(query, scope)
    return
  }
  const { columns } = query
  const index = new KeyIndex(columns.map(({ type }) => type))
  let seen = 0
  const fresh = (batch: SqlBatch): SqlBatch => {
    if (recursive.isAll) return batch
    const rows: number[] = []
    for (const [row, number] of index.enter(batch.columns, batch.rowCount).entries()) {
      if (number !== seen) continue
      rows.push(row)
      seen++
    }
    return takeRows(batch, Uint32Array.from(rows))
  }
  for (let step = query; ; step = recursive.step) {
    scope.run.check()
    await scope.run.pause()
    // What a round asked of its subqueries holds for its own rows only.
    const own = { ...scope, answers: new Map() }
    const found = await collect(runNode(step, own), columns, scope.run)
    found.release()
    const added = fresh(found.batch)
    if (added.rowCount === 0) return
    scope.ctes.set(id, added)
    yield added
  }
}

async function* cte(node: Of<'cte'>, scope: Scope): Batches {
  yield* pieces(scope.ctes.get(node.cte)!, BATCH_ROWS)
}
