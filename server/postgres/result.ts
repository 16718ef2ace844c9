// A result on its way to the client: rows up to a limit, then the rest when it is asked for again. The
// reader's pace is the query's: after every full buffer the socket is waited for.

import type { SqlBatch } from '../../sql/batch.ts'
import type { Running } from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { ValueEncoder } from './encode-text.ts'
import type { MessageWriter } from './message-writer.ts'
import { writeRow } from './rows.ts'

type Rows = Extract<Running, { kind: 'rows' }>

/** Throws 57014 once the client has cancelled. */
export function checkCancelled({ aborted }: AbortSignal): void {
  if (aborted) throw new SqlError('57014', 'canceling statement due to user request')
}

export class Result {
  private readonly running: Rows
  private readonly encoders: readonly ValueEncoder[]
  private readonly batches: AsyncIterator<SqlBatch>
  private batch: SqlBatch = { rowCount: 0, columns: [] }
  private row = 0

  constructor(running: Rows, encoders: readonly ValueEncoder[]) {
    this.running = running
    this.encoders = encoders
    this.batches = running.batches[Symbol.asyncIterator]()
  }

  /** Sends up to `limit` rows; the tag of what was sent if it was all, null if there may be more. */
  async send(out: MessageWriter, limit: number, signal: AbortSignal): Promise<string | null> {
    let sent = 0
    while (sent < limit) {
      if (this.row >= this.batch.rowCount && !(await this.advance(signal))) {
        return this.running.tag(sent)
      }
      const end = Math.min(this.batch.rowCount, this.row + limit - sent)
      while (this.row < end && !out.isFull) {
        writeRow(out, this.encoders, this.batch, this.row++)
        sent++
      }
      if (out.isFull) {
        await out.flush()
        checkCancelled(signal)
      }
    }
    return null
  }

  /** Frees what the statement holds. */
  async close(): Promise<void> {
    this.batch = { rowCount: 0, columns: [] }
    await this.batches.return?.()
  }

  private async advance(signal: AbortSignal): Promise<boolean> {
    checkCancelled(signal)
    const next = await this.batches.next()
    if (next.done === true) return false
    this.batch = next.value
    this.row = 0
    return true
  }
}
