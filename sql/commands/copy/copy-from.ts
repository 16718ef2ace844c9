// COPY … FROM STDIN. Rows are decoded in steps of many, staged as columns of their series, and stored in
// batches; while some are made durable the next is decoded. What a failed COPY has stored before its
// error, the error says: the engine has no transaction over several batches.

import type { Batch } from '../../../engine/ingest/batch.ts'
import type { Running } from '../../session.ts'
import { SqlError } from '../../sql-error.ts'
import type { Command } from '../../tree.ts'
import type { CommandContext } from '../context.ts'
import { COMMIT_ERRORS, translated } from '../engine-error.ts'
import { PointWriter } from '../point-writer.ts'
import { placed } from './copy-place.ts'
import { BinaryReader } from './binary-reader.ts'
import type { CopyReader } from './copy-format.ts'
import { DelimitedReader } from './delimited-reader.ts'
import { RowBuilder } from './row-builder.ts'

type CopyFrom = Extract<Command, { kind: 'copyFrom' }>

/**
 * Bytes that are staged before they are stored. With a step behind them they fit the memtable of a
 * database with 16 MB.
 */
const BATCH_BYTES = 384 << 10
/** Batches on their way to the disk at once: one sync makes all of them durable. */
const PENDING_MAX = 16
/** Bytes of a chunk that are decoded before others get their turn. */
const SLICE_BYTES = 256 << 10

export function runCopyFrom(command: CopyFrom, context: CommandContext): Running {
  const { relation, targets, options } = command
  const columns = targets.map((index) => relation.columns[index]!)
  return {
    kind: 'copyIn',
    options,
    columns: columns.map(({ name, type }) => ({ name, type })),
    copy: async (chunks) => `COPY ${await new CopyIn(command, context).run(chunks)}`,
  }
}

class CopyIn {
  readonly #command: CopyFrom
  readonly #context: CommandContext
  readonly #rows: RowBuilder
  readonly #writer: PointWriter
  #batch: Batch | null = null
  /** The batches before that are on their way to the disk, in order. */
  #pending: Promise<void>[] = []
  /** Rows that are durable. */
  #stored = 0
  /** A batch was refused, perhaps between others. */
  #hasGap = false
  #staged = 0

  constructor(command: CopyFrom, context: CommandContext) {
    const { relation, targets } = command
    this.#command = command
    this.#context = context
    this.#rows = new RowBuilder(relation, targets, context.run.surroundings)
    this.#writer = new PointWriter(relation, targets)
  }

  /** Rows stored. Throws SqlError, with the number of those that are stored all the same. */
  async run(chunks: AsyncIterable<Uint8Array>): Promise<number> {
    try {
      await this.#readAll(chunks)
      await this.#flush()
      await this.#commit()
      for (const pending of this.#pending) await pending
      return this.#stored
    } catch (error) {
      await Promise.allSettled(this.#pending)
      throw this.#counted(error)
    } finally {
      this.#batch?.discard()
    }
  }

  async #readAll(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const { run } = this.#context
    const reader = this.#reader()
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; at += SLICE_BYTES) {
        run.check()
        await this.#drain(reader.push(chunk.subarray(at, at + SLICE_BYTES)))
        await run.pause()
      }
    }
    await this.#drain(reader.end())
  }

  #reader(): CopyReader {
    const { options, relation } = this.#command
    if (options.format === 'binary') return new BinaryReader(relation.name, this.#rows)
    return new DelimitedReader(options, relation.name, this.#rows)
  }

  async #drain(steps: Generator<undefined, void>): Promise<void> {
    while (steps.next().done !== true) await this.#flush()
  }

  /** Stages the rows that were decoded. */
  async #flush(): Promise<void> {
    if (this.#rows.rowCount === 0) return
    const { engine, database } = this.#context
    this.#batch ??= engine.batch({ database })
    const batch = this.#batch
    if (!batch.hasRoom) await batch.room()
    const table = this.#command.relation.name
    this.#writer.stage(
      this.#rows.batch,
      batch,
      (row, error) => placed(error, { table, line: this.#rows.lineOf(row) }) as SqlError,
    )
    this.#staged += this.#rows.rowCount
    this.#rows.clear()
    if (batch.byteSize >= BATCH_BYTES) await this.#commit()
  }

  /** Hands the batch on to be stored, once there are not too many before it. Throws what they throw. */
  async #commit(): Promise<void> {
    const batch = this.#batch
    if (batch === null) return
    while (this.#pending.length >= PENDING_MAX) {
      await this.#pending[0]
      this.#pending = this.#pending.slice(1)
    }
    const count = this.#staged
    this.#batch = null
    this.#staged = 0
    const stored = this.#store(batch, count)
    this.#pending.push(stored)
    // Looked at when it is awaited.
    stored.catch(() => {})
  }

  async #store(batch: Batch, count: number): Promise<void> {
    try {
      await translated(() => batch.commit(), COMMIT_ERRORS)
      this.#stored += count
    } catch (error) {
      this.#hasGap = true
      throw error
    }
  }

  #counted(error: unknown): unknown {
    if (this.#stored === 0 || !(error instanceof SqlError)) return error
    const { sqlstate, message, detail, where } = error
    const which = this.#hasGap ? 'Some' : 'The first'
    const hint = `${which} ${this.#stored} rows of this COPY are stored.`
    return new SqlError(sqlstate, message, { detail, where, hint, cause: error })
  }
}
