// Cursors of DECLARE: rows that wait where the last FETCH left them.

import type { CancelSignal } from '../../engine/query/cancel.ts'
import type { Batches, SqlBatch } from '../batch.ts'
import { slice } from '../execute/vector.ts'
import { SqlError } from '../sql-error.ts'
import type { Named } from '../tree.ts'
import type { NameOf } from '../value-text.ts'
import type { StatementRun } from './statement-run.ts'

export interface OpenCursor {
  readonly columns: readonly Named[]
  readonly batches: AsyncIterator<SqlBatch>
  readonly run: StatementRun
  /** It outlives the transaction. */
  readonly isHold: boolean
}

interface Place {
  readonly cursor: OpenCursor
  batch: SqlBatch
  row: number
}

const NO_ROWS: SqlBatch = { rowCount: 0, columns: [] }

export class Cursors {
  readonly #places = new Map<string, Place>()

  add(name: string, cursor: OpenCursor): void {
    this.#places.set(name, { cursor, batch: NO_ROWS, row: 0 })
  }

  /** Throws 42P03 if there is one of the name. */
  requireFree(name: string): void {
    if (this.#places.has(name)) {
      throw new SqlError('42P03', `cursor "${name}" already exists`)
    }
  }

  has(name: string): boolean {
    return this.#places.has(name)
  }

  /** Throws 34000. */
  columns(name: string): readonly Named[] {
    return this.#place(name).cursor.columns
  }

  /** What its values of types like regclass print. Throws 34000. */
  nameOf(name: string): NameOf | undefined {
    return this.#place(name).cursor.run.surroundings.nameOf
  }

  /** The next rows, as many as there are up to `count`. `signal` stops the cursor for good. */
  async *fetch(name: string, count: number, signal: CancelSignal): Batches {
    const place = this.#place(name)
    const cancel = (): void => place.cursor.run.cancel()
    signal.addEventListener('abort', cancel)
    try {
      yield* take(place, count)
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
  /** Null: all. Throws 34000. */
  async close(name: string | null): Promise<void> {
    if (name !== null) this.#place(name)
    const names = name === null ? [...this.#places.keys()] : [name]
    for (const one of names) {
      const place = this.#places.get(one)
      this.#places.delete(one)
      await place?.cursor.batches.return?.()
    }
  }

  /** The transaction has ended; after a rollback those that were to stay go, too. */
  async endTransaction(isKept: boolean): Promise<void> {
    for (const [name, { cursor }] of [...this.#places]) {
      if (!isKept || !cursor.isHold) await this.close(name)
    }
  }

  #place(name: string): Place {
    const place = this.#places.get(name)
    if (place !== undefined) return place
    throw new SqlError('34000', `cursor "${name}" does not exist`)
  }
}

async function* take(place: Place, count: number): Batches {
  for (let wanted = count; wanted > 0;) {
    if (place.row >= place.batch.rowCount && !(await advance(place))) return
    const { batch, row } = place
    const end = Math.min(batch.rowCount, row + wanted)
    place.row = end
    wanted -= end - row
    yield { rowCount: end - row, columns: batch.columns.map((one) => slice(one, row, end)) }
  }
}

async function advance(place: Place): Promise<boolean> {
  const next = await place.cursor.batches.next()
  if (next.done === true) return false
  place.batch = next.value
  place.row = 0
  return true
}
