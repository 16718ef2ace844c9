// How a batch gets into the log: ids and catalog entries for what it brings, then one record. A small
// one does it in one turn; a large one gets its ids and writes its record in slices, with pauses for
// others.

import type { Catalog } from './catalog/catalog.ts'
import { OmenError } from './error.ts'
import type { StagedBatch } from './ingest/batch.ts'
import type { KernelInstance } from './kernel.ts'
import type { Journal } from './log/journal.ts'
import { RECORD_BATCH, encodeBatchHeader, joinBytes } from './log/log-record.ts'
import type { Execution } from './step.ts'
import type { LoggedBatch } from './write-queue.ts'

/** About a millisecond to checksum and to write each. */
export const LOG_SLICE_BYTES = 1 << 20
/** So many bytes of a slice a series: 512 take about 2 ms to get their ids and to be indexed by tags. */
const SERIES_BYTES = 2_048

const NOTHING = new Uint8Array()

interface BatchLogRooms {
  readonly instance: KernelInstance
  readonly catalog: Catalog
  readonly journal: Journal
}

export class BatchLog {
  private readonly rooms: BatchLogRooms
  private readonly sliceBytes: number
  /** Called when a record could not be appended: the log may have to be left. */
  private readonly failed: (error: unknown) => void
  /** Entries of records that were given up: they go before those of the next record. */
  private carried: Uint8Array = NOTHING

  constructor(rooms: BatchLogRooms, sliceBytes: number, failed: (error: unknown) => void) {
    this.rooms = rooms
    this.sliceBytes = sliceBytes
    this.failed = failed
  }

  /**
   * Gives ids to the names of a batch that brings very many series, in steps, before it is logged; null
   * if it does not. If they throw, or the batch is not logged, the names that have one stay, because
   * others may have looked them up, and go before those of the next record.
   */
  prepare(staged: StagedBatch): Execution<void> | null {
    const series = Math.ceil(this.sliceBytes / SERIES_BYTES)
    return staged.newSeries <= series ? null : this.prepareInSteps(staged, series)
  }

  private *prepareInSteps(staged: StagedBatch, series: number): Execution<void> {
    const { catalog } = this.rooms
    const entered: Uint8Array[] = []
    try {
      yield* staged.finalizeInSteps(series, (give) => {
        const mark = catalog.mark()
        const fresh = give()
        try {
          catalog.apply(fresh)
        } catch (error) {
          // Nobody has seen these in this turn.
          if (error instanceof OmenError) catalog.takeBack(mark, fresh)
          throw error
        }
        entered.push(fresh)
      })
    } finally {
      this.carried = joinBytes(this.carried, ...entered)
    }
  }

  /**
   * Gives ids and logs the batch, in one turn, or if its record is large the steps in which it will be;
   * they end by calling `done`. If this or they throw, nothing is stored; the names of a batch that
   * failed in steps stay, because others may have looked them up.
   */
  log(
    staged: StagedBatch,
  ): LoggedBatch | ((done: (logged: LoggedBatch) => void) => Execution<void>) {
    const { catalog } = this.rooms
    const mark = catalog.mark()
    const fresh = staged.finalize()
    try {
      // Before the log, because memory may be short.
      catalog.apply(fresh)
      const entries = joinBytes(this.carried, fresh)
      const size = entries.length + staged.rowBytes + staged.arenaBytes
      if (size > this.sliceBytes) return (done) => this.logInSteps(staged, entries, done)
      const lsn = this.append(this.payloadOf(staged, entries), entries)
      this.carried = NOTHING
      return { staged, entries, lsn }
    } catch (error) {
      // A refused write leaves no name behind; nobody has seen any in this turn.
      if (error instanceof OmenError) catalog.takeBack(mark, fresh)
      throw error
    }
  }

  private *logInSteps(
    staged: StagedBatch,
    entries: Uint8Array,
    done: (logged: LoggedBatch) => void,
  ): Execution<void> {
    const { journal } = this.rooms
    this.carried = NOTHING
    try {
      const payload = this.payloadOf(staged, entries)
      const lsn = yield* journal.appendInSteps(RECORD_BATCH, payload, entries, this.sliceBytes)
      done({ staged, entries, lsn })
    } catch (error) {
      // What was given up meanwhile is older.
      this.carried = joinBytes(this.carried, entries)
      this.failed(error)
      throw error
    }
  }

  /**
   * Logs entries that come without rows, behind those that are carried; `confirm` makes the record
   * durable. If it throws, the record is given up.
   */
  async logEntries(found: Uint8Array, confirm: () => Promise<void>): Promise<void> {
    const entries = joinBytes(this.carried, found)
    const payload = [encodeBatchHeader(entries.length, 0, 0), entries]
    const lsn = this.append(() => payload, entries)
    try {
      await confirm()
    } catch (error) {
      this.rooms.journal.abandon(lsn)
      throw error
    }
    this.carried = NOTHING
  }

  /** These, the last that were logged, will never be applied; what they brought is known by now. */
  abandon(logged: readonly LoggedBatch[]): void {
    this.rooms.journal.abandon(logged[0]!.lsn)
    this.carried = joinBytes(...logged.map(({ entries }) => entries), this.carried)
  }

  private append(payload: () => Uint8Array[], entries: Uint8Array): bigint {
    try {
      return this.rooms.journal.append(RECORD_BATCH, payload, entries)
    } catch (error) {
      this.failed(error)
      throw error
    }
  }

  /** The record of a batch; read anew each time, because kernel memory moves. */
  private payloadOf(staged: StagedBatch, entries: Uint8Array): () => Uint8Array[] {
    const { memory } = this.rooms.instance
    const { rows, rowBytes, arena, arenaBytes } = staged
    const header = encodeBatchHeader(entries.length, rowBytes, arenaBytes)
    return () => [
      header,
      entries,
      memory.u8.subarray(rows, rows + rowBytes),
      memory.u8.subarray(arena, arena + arenaBytes),
    ]
  }
}
