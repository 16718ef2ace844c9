// INSERT: rows of a query become points. A point of the same series and time is overwritten field by
// field; a null leaves what is stored. ON CONFLICT and RETURNING look at the stored points first, in
// turns with each other (table-turn.ts): a write of another kind that comes between is not seen.

import type { Batch } from '../../engine/ingest/batch.ts'
import type { SqlBatch } from '../batch.ts'
import { bytesOf } from '../execute/vector.ts'
import type { Running } from '../session.ts'
import type { SqlError } from '../sql-error.ts'
import type { Command } from '../tree.ts'
import { type Resolution, Resolver } from './conflict.ts'
import type { CommandContext } from './context.ts'
import { COMMIT_ERRORS, tooLarge, translated } from './engine-error.ts'
import { PointWriter } from './point-writer.ts'
import { queryOfRows } from './rows-relation.ts'
import { inTurn } from './table-turn.ts'

export type Insert = Extract<Command, { kind: 'insert' }>

/** Stores all rows or none. Throws SqlError, see PointWriter and Resolver. */
export function runInsert(command: Insert, context: CommandContext): Promise<Running> {
  if (command.conflict.kind === 'upsert' && command.returning === null) {
    return insertPlain(command, context)
  }
  const { engine, database } = context
  return inTurn(engine, database, command.relation.name, () => insertLooking(command, context))
}

async function insertPlain(command: Insert, context: CommandContext): Promise<Running> {
  const { source, relation, targets } = command
  const writer = new PointWriter(relation, targets)
  let count = 0
  await inBatch(context, async (batch) => {
    for await (const rows of context.query(source)) {
      context.run.check()
      writer.write(rows, batch)
      count += rows.rowCount
      await context.run.pause()
    }
  })
  return { kind: 'done', tag: `INSERT 0 ${count}` }
}

async function insertLooking(command: Insert, context: CommandContext): Promise<Running> {
  const { source, relation, returning } = command
  const resolver = new Resolver(command, context)
  const writer = new PointWriter(relation, [...relation.columns.keys()])
  const kept: SqlBatch[] = []
  let count = 0
  let heldBytes = 0
  await inBatch(context, async (batch) => {
    for await (const rows of context.query(source)) {
      context.run.check()
      const resolved: Resolution = await resolver.resolve(rows)
      if (resolved.written.rowCount > 0) writer.stage(resolved.written, batch)
      count += resolved.points.rowCount
      if (returning !== null) {
        const bytes = bytesOf(resolved.points)
        context.run.hold(bytes)
        heldBytes += bytes
        kept.push(resolved.points)
      }
    }
  })
  if (returning === null) return { kind: 'done', tag: `INSERT 0 ${count}` }
  return answer(command, context, kept, heldBytes)
}

function answer(
  { relation, returning }: Insert,
  context: CommandContext,
  rows: readonly SqlBatch[],
  heldBytes: number,
): Running {
  const columns = context.columns!
  const found = context.query(queryOfRows(relation, rows, returning!, columns))
  const batches = (async function* () {
    try {
      yield* found
    } finally {
      context.run.hold(-heldBytes)
    }
  })()
  return { kind: 'rows', columns, batches, tag: (rowCount) => `INSERT 0 ${rowCount}` }
}

/** Commits what `fill` stages; nothing is stored if it throws. */
async function inBatch(
  { engine, database }: CommandContext,
  fill: (batch: Batch) => Promise<void>,
): Promise<void> {
  const hint = 'Insert in several statements, or use COPY.'
  const too_large = (): SqlError => tooLarge('INSERT: more rows than one batch holds', hint)
  const batch = engine.batch({ database })
  try {
    await translated(() => fill(batch), { too_large })
    await translated(() => batch.commit(), { ...COMMIT_ERRORS, too_large })
  } finally {
    batch.discard()
  }
}
