// DELETE: time ranges and conditions that the engine's grammar says exactly go to it whole, as one
// delete. For others, and for RETURNING, the rows are read and then deleted point by point, which is
// exact as well: what is written under another key meanwhile lives.

import type { SqlBatch } from '../batch.ts'
import { fold, splitConditions } from '../execute/scan.ts'
import { bytesOf } from '../execute/vector.ts'
import type { Relation } from '../relation.ts'
import type { Running } from '../session.ts'
import { SqlError } from '../sql-error.ts'
import { printPredicate } from '../tables/predicate.ts'
import { TimeRange } from '../tables/time-range.ts'
import type { Bound, Command, Node } from '../tree.ts'
import { type CommandContext, scopeOf } from './context.ts'
import { COMMIT_ERRORS, translated } from './engine-error.ts'
import { keyColumns } from './stored-points.ts'
import { printPoints } from './point-text.ts'
import { queryOfRows } from './rows-relation.ts'
import { tagAt } from './row-groups.ts'
import { inTurn } from './table-turn.ts'

type Delete = Extract<Command, { kind: 'delete' }>

/** Least time that a point can have, in nanoseconds; as a start it is all times. */
const TIME_MIN = -(2n ** 63n) + 2n
/** Points that are deleted one by one, at most. */
const POINTS_MAX = 100_000
/** Points of one call of the engine. */
const CALL_POINTS = 500

/** Deletes points; throws SqlError. A table without points of the condition is `DELETE 0`. */
export async function runDelete(command: Delete, context: CommandContext): Promise<Running> {
  const { relation, condition, returning } = command
  const whole = returning === null ? wholeDelete(relation, condition, context) : null
  if (whole !== null) {
    return { kind: 'done', tag: `DELETE ${await deleteWhole(relation, whole, context)}` }
  }
  const { engine, database } = context
  return inTurn(engine, database, relation.name, () => deletePoints(command, context))
}

/** What one call of the engine takes; start and end in nanoseconds. */
interface Whole {
  readonly start: bigint | null
  readonly end: bigint | null
  readonly where: string | null
}

/** The condition as one delete of the engine, `empty` if no time meets it; null: it is none. */
function wholeDelete(
  relation: Relation,
  condition: Bound | null,
  context: CommandContext,
): Whole | 'empty' | null {
  if (condition === null) return { start: TIME_MIN, end: null, where: null }
  const { plain, rest } = splitConditions(condition)
  if (rest.length > 0) return null
  const range = new TimeRange()
  const where: string[] = []
  for (const part of plain.map((one) => fold(one, scopeOf(context))).flatMap(conjuncts)) {
    if (isTrue(part)) continue
    if (range.narrow(part, relation.columns)) continue
    const text = printPredicate(part, relation.columns)
    if (text === null) return null
    where.push(text)
  }
  if (range.isEmpty) return 'empty'
  const start = range.start ?? (range.end === null && where.length === 0 ? TIME_MIN : null)
  return { start, end: range.end, where: where.length === 0 ? null : where.join(' AND ') }
}

function conjuncts(condition: Bound): readonly Bound[] {
  return condition.kind === 'and' ? condition.operands.flatMap(conjuncts) : [condition]
}

function isTrue(condition: Bound): boolean {
  return condition.kind === 'constant' && condition.value === true
}

/** Deletes all points of a table, at once. */
export function deleteAll(relation: Relation, context: CommandContext): Promise<number> {
  return deleteWhole(relation, { start: TIME_MIN, end: null, where: null }, context)
}

async function deleteWhole(
  { name }: Relation,
  whole: Whole | 'empty',
  { engine, database, run }: CommandContext,
): Promise<number> {
  run.check()
  if (whole === 'empty') return 0
  const { start, end, where } = whole
  const { deleted } = await translated(
    () => engine.deleteRows(name, { database, precision: 'ns', start, end, where }),
    COMMIT_ERRORS,
  )
  return deleted
}

async function deletePoints(command: Delete, context: CommandContext): Promise<Running> {
  const { relation, returning } = command
  const { batches, heldBytes } = await readRows(command, context)
  const count = await deleteRead(relation, batches, context)
  if (returning === null) {
    context.run.hold(-heldBytes)
    return { kind: 'done', tag: `DELETE ${count}` }
  }
  const columns = context.columns!
  const found = context.query(queryOfRows(relation, batches, returning, columns))
  const rows = (async function* () {
    try {
      yield* found
    } finally {
      context.run.hold(-heldBytes)
    }
  })()
  return { kind: 'rows', columns, batches: rows, tag: (rowCount) => `DELETE ${rowCount}` }
}

/** The rows that meet the condition, whole. */
async function readRows(
  { relation, condition }: Delete,
  context: CommandContext,
): Promise<{ batches: SqlBatch[]; heldBytes: number }> {
  const columns = relation.columns.map(({ name, type }) => ({ name, type }))
  const scan: Node = { kind: 'scan', relation, alias: relation.name, columns }
  const node: Node = condition === null ? scan : { kind: 'filter', input: scan, condition, columns }
  const batches: SqlBatch[] = []
  let heldBytes = 0
  let count = 0
  for await (const batch of context.query(node)) {
    context.run.check()
    count += batch.rowCount
    if (count > POINTS_MAX) {
      context.run.hold(-heldBytes)
      const message = `DELETE: more than ${POINTS_MAX} points to be deleted one by one`
      const hint =
        'Give a narrower range of time, or compare plain columns with constants: such a delete has no limit.'
      throw new SqlError('54000', message, { hint })
    }
    const bytes = bytesOf(batch)
    context.run.hold(bytes)
    heldBytes += bytes
    batches.push(batch)
  }
  return { batches, heldBytes }
}

async function deleteRead(
  relation: Relation,
  batches: readonly SqlBatch[],
  context: CommandContext,
): Promise<number> {
  const key = keyColumns(relation)
  const tagNames = key.slice(1).map((index) => relation.columns[index]!.name)
  let count = 0
  for (const { rowCount, columns } of batches) {
    const [time, ...tags] = key.map((index) => columns[index]!)
    for (let from = 0; from < rowCount; from += CALL_POINTS) {
      const points = Array.from({ length: Math.min(CALL_POINTS, rowCount - from) }, (_, i) => ({
        time: time!.values[from + i] as bigint,
        tags: tags.map((tag) => tagAt(tag, from + i)),
      }))
      count += await deleteWhole(relation, printPoints(tagNames, points), context)
      await context.run.pause()
    }
  }
  return count
}
