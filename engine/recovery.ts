// What a start does with what the journal finds: catalog entries into the catalog, parts into the
// live version, logged rows into memtables, through the same calls that a live write makes.

import type { Catalog } from './catalog/catalog.ts'
import { OmenError, assert } from './error.ts'
import type { RecoveryTarget } from './log/journal.ts'
import type { KernelInstance } from './kernel.ts'
import { RECORD_BATCH, decodeBatchHeader } from './log/log-record.ts'
import type { Region } from './memory.ts'
import type { PartSet } from './segment/part-set.ts'
import { replayEntries } from './ingest/staging.ts'
import type { LogRecord } from './log/wal-replay.ts'

/** Where replayed rows go. */
export interface ReplaySink {
  /** Keeps memtable room; throws if there is none. */
  reserve(rowBytes: number, arenaBytes: number): void
  /** Pointers into kernel memory, as Memtable.apply takes them. */
  apply(rows: number, rowBytes: number, arena: number, arenaBytes: number, lsn: bigint): void
}

/** A target that fills the catalog, the part set and the sink. Call `release` when the start is done. */
export function recoverInto(
  catalog: Catalog,
  parts: PartSet,
  instance: KernelInstance,
  sink: ReplaySink,
): RecoveryTarget & { release(): void } {
  const { memory } = instance
  let scratch: Region | null = null

  const place = (size: number): Uint8Array => {
    if (scratch === null || scratch.size < size) {
      if (scratch !== null) memory.release(scratch)
      scratch = memory.allocate(Math.max(size, 1 << 20))
    }
    return memory.u8.subarray(scratch.offset, scratch.offset + size)
  }

  const enter = (entries: Uint8Array): void => {
    replayEntries(instance, catalog, entries)
    catalog.apply(entries)
  }

  return {
    catalog: enter,
    parts(manifest) {
      const isLive = (table: number): boolean => catalog.tableOf(table) !== undefined
      parts.replace(parts.preview([], manifest.parts, manifest.files, isLive))
    },
    place,
    record({ lsn, type, payload, file, offset }: LogRecord) {
      const where = `${file}: record at ${offset}`
      if (type !== RECORD_BATCH) throw new OmenError('corrupt', `${where} has type ${type}`)
      assert(payload.buffer === memory.wasm.buffer, `${where} is not in kernel memory`)
      const base = payload.byteOffset
      const layout = decodeBatchHeader(payload, where)
      const entries = payload.slice(layout.entries, layout.entries + layout.entriesBytes)
      if (entries.length > 0) enter(entries)
      if (layout.rowBytes === 0) return entries
      const { rowBytes, arenaBytes } = layout
      const { kernel } = instance
      if (kernel.rowsCheck(base + layout.rows, rowBytes, arenaBytes, catalog.pointer) < 0) {
        throw new OmenError('corrupt', `${where} holds rows that the catalog does not explain`)
      }
      sink.reserve(rowBytes, arenaBytes)
      sink.apply(base + layout.rows, rowBytes, base + layout.arena, arenaBytes, lsn)
      return entries
    },
    release() {
      if (scratch !== null) memory.release(scratch)
      scratch = null
    },
  }
}
