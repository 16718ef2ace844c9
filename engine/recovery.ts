// What a start does with what the journal finds: catalog entries into the catalog, parts into the
// live version, logged rows into memtables, through the same calls that a live write makes.

import type { Catalog } from './catalog/catalog.ts'
import { decodeEntries } from './catalog/catalog-entry.ts'
import { OmenError, assert } from './error.ts'
import type { RecoveryTarget } from './log/journal.ts'
import type { KernelInstance } from './kernel.ts'
import { KernelRanges, hideRows } from './lifecycle/hiding.ts'
import type { Memtables } from './memtables.ts'
import { RECORD_BATCH, decodeBatchHeader } from './log/log-record.ts'
import type { Region } from './memory.ts'
import type { PartSet } from './segment/part-set.ts'
import { finish } from './step.ts'
import { replayEntries } from './ingest/staging.ts'
import { type Tombstone, setSequences } from './lifecycle/tombstone.ts'
import type { LogRecord } from './log/wal-replay.ts'

/** Where replayed rows go. */
export interface ReplaySink {
  /** Keeps memtable room; throws if there is none. */
  reserve(rowBytes: number, arenaBytes: number): void
  /** The sequence of a tombstone that comes now. */
  readonly sequence: bigint
  /** Hides the rows that were applied before it. */
  hide(tombstone: Tombstone): void
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

  /** Entries that came without rows: they may say what becomes of the rows before them. */
  const control = (entries: Uint8Array): void => {
    if (entries.length === 0) return
    setSequences(entries, sink.sequence)
    enter(entries)
    for (const entry of decodeEntries(entries)) {
      if (entry.kind === 'tombstone' && catalog.tableOf(entry.table)) sink.hide(entry)
    }
  }

  return {
    catalog: enter,
    parts(manifest) {
      const isLive = (table: number): boolean => catalog.tableOf(table) !== undefined
      parts.replace(parts.preview([], manifest.parts, manifest.files, isLive))
      for (const part of manifest.parts) catalog.tombstones.reach(part.tombstonesFrom)
    },
    place,
    record({ lsn, type, payload, file, offset }: LogRecord) {
      const where = `${file}: record at ${offset}`
      if (type !== RECORD_BATCH) throw new OmenError('corrupt', `${where} has type ${type}`)
      assert(payload.buffer === memory.wasm.buffer, `${where} is not in kernel memory`)
      const base = payload.byteOffset
      const layout = decodeBatchHeader(payload, where)
      const entries = payload.slice(layout.entries, layout.entries + layout.entriesBytes)
      if (layout.rowBytes === 0) {
        control(entries)
        return entries
      }
      if (entries.length > 0) enter(entries)
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

/** Replayed rows go where they went before: one memtable, then the other. */
export function replaySink(
  instance: KernelInstance,
  memtables: Memtables,
  memtableRowBytes: number,
): ReplaySink {
  let lastLsn = 0n
  return {
    reserve: (rowBytes, arenaBytes) => {
      if (memtables.active.reserve(rowBytes, arenaBytes)) return
      if (memtables.canSeal) {
        memtables.seal(lastLsn)
        if (memtables.active.reserve(rowBytes, arenaBytes)) return
      }
      const message = `log: holds more rows than two memtables of ${memtableRowBytes} bytes take`
      throw new OmenError('limit_exceeded', message)
    },
    apply: (rows, rowBytes, arena, arenaBytes, lsn) => {
      finish(memtables.active.apply(rows, rowBytes, arena, arenaBytes))
      lastLsn = lsn
    },
    get sequence() {
      return memtables.sequence
    },
    hide: ({ table, ranges }) => {
      const target = new KernelRanges(instance, ranges)
      const { active, sealed } = memtables
      const held = sealed === null ? [active] : [sealed.memtable, active]
      const hiding = hideRows(instance, held, table, target)
      let step = hiding.next()
      while (!step.done) step = hiding.next()
      step.value()
      target.release()
    },
  }
}
