// What a log with a hole in it is still good for. Records before the damage are kept as they are.
// Behind it, a record is kept if all that it refers to is known: ids are given out densely, so one that
// defines or uses a higher id than the next needs a definition that is lost.

import { Catalog } from '../catalog/catalog.ts'
import { decodeEntries } from '../catalog/catalog-entry.ts'
import { OmenError } from '../error.ts'
import type { Host } from '../host.ts'
import { replayEntries } from '../ingest/staging.ts'
import { type KernelInstance, instantiateKernel } from '../kernel.ts'
import { readCatalogFile } from '../log/catalog-file.ts'
import {
  type BatchLayout,
  RECORD_BATCH,
  decodeBatchHeader,
  encodeBatchHeader,
} from '../log/log-record.ts'
import type { LogDescription, Manifest } from '../log/manifest.ts'
import { createWal, type LogRecord, replayWal } from '../log/wal.ts'
import type { LostRecords } from './repair.ts'

/** A record to keep: where it is, and whether its rows have to go. */
interface Kept {
  readonly lsn: bigint
  readonly hasRows: boolean
}

export interface SalvagedLog {
  /** In order. */
  readonly records: readonly Kept[]
  readonly lost: readonly LostRecords[]
  /** Intact records of which something had to be given up. */
  readonly orphaned: number
  /** Writes them to `wal-<number>` with lsns of their own; durable when it resolves. */
  write(number: number): Promise<{ log: LogDescription; lsn: bigint }>
}

/** Reads the logs of a manifest across their damage. Changes nothing. */
export async function salvageLog(host: Host, manifest: Manifest): Promise<SalvagedLog> {
  const instance = await instantiateKernel(host.module)
  const catalog = new Catalog(instance.kernel, instance.memory, Infinity)
  const known = new KnownEntries(instance, catalog)
  for (const entries of readCatalogFile(host.storage, manifest.identity, manifest.catalog)) {
    known.enter(entries.slice())
  }
  const records: Kept[] = []
  let orphaned = 0
  const replay = replayWal(host.storage, { ...manifest, skipDamage: true })
  let step = replay.next()
  for (; !step.done; step = replay.next()) {
    if (step.value.lsn < manifest.lowestLsn) continue
    const { lsn } = step.value
    const fate = known.judge(step.value)
    if (fate !== 'whole') orphaned++
    if (fate !== 'none') records.push({ lsn, hasRows: fate === 'whole' })
  }
  const lost = step.value.losses.map(({ size, firstLsn, lastLsn, ...rest }) => {
    return { ...rest, bytes: size, firstLsn: `${firstLsn}`, lastLsn: `${lastLsn}` }
  })
  return {
    records,
    lost,
    orphaned,
    write: (number) => writeRecords(host, manifest, records, number),
  }
}

class KnownEntries {
  private readonly instance: KernelInstance
  private readonly catalog: Catalog

  constructor(instance: KernelInstance, catalog: Catalog) {
    this.instance = instance
    this.catalog = catalog
  }

  /** Throws `corrupt`. */
  enter(entries: Uint8Array): void {
    replayEntries(this.instance, this.catalog, entries)
    this.catalog.apply(entries)
  }

  /** What of a record can be kept: all of it, its entries, or nothing. */
  judge({ type, payload, file, offset }: LogRecord): 'whole' | 'entries' | 'none' {
    const where = `${file}: record at ${offset}`
    try {
      if (type !== RECORD_BATCH) return 'none'
      const layout = decodeBatchHeader(payload, where)
      const entries = payload.slice(layout.entries, layout.entries + layout.entriesBytes)
      if (!this.isDense(entries)) return 'none'
      if (entries.length > 0) this.enter(entries)
      if (layout.rowBytes === 0 || this.explains(payload, layout)) return 'whole'
      return entries.length > 0 ? 'entries' : 'none'
    } catch (error) {
      if (error instanceof OmenError && error.code === 'corrupt') return 'none'
      throw error
    }
  }

  /** Does each entry that defines something take the next id of its kind? */
  private isDense(entries: Uint8Array): boolean {
    const { tables, columns, shapes, series } = this.catalog
    const next = {
      table: tables.count,
      column: columns.count,
      shape: shapes.count,
      series: series.count,
    }
    for (const { kind, id } of decodeEntries(entries)) {
      const counted = kind === 'tag' ? 'column' : kind
      if (
        counted !== 'table' &&
        counted !== 'column' &&
        counted !== 'shape' &&
        counted !== 'series'
      ) {
        continue
      }
      if (id !== next[counted]++) return false
    }
    return true
  }

  /** Do the rows use only what is known? */
  private explains(payload: Uint8Array, { rows, rowBytes, arenaBytes }: BatchLayout): boolean {
    const { kernel, memory } = this.instance
    const region = memory.allocate(rowBytes)
    try {
      memory.u8.set(payload.subarray(rows, rows + rowBytes), region.offset)
      return kernel.rowsCheck(region.offset, rowBytes, arenaBytes, this.catalog.pointer) >= 0
    } finally {
      memory.release(region)
    }
  }
}

/** Copies the records again from the damaged logs, under consecutive lsns. */
async function writeRecords(
  { storage }: Host,
  manifest: Manifest,
  kept: readonly Kept[],
  number: number,
): Promise<{ log: LogDescription; lsn: bigint }> {
  const { identity, lowestLsn } = manifest
  const wal = await createWal(storage, { identity, number, lsn: lowestLsn - 1n })
  const fates = new Map(kept.map(({ lsn, hasRows }) => [lsn, hasRows]))
  for (const { lsn, type, payload, file, offset } of replayWal(storage, {
    ...manifest,
    skipDamage: true,
  })) {
    const hasRows = fates.get(lsn)
    if (hasRows === undefined || lsn < lowestLsn) continue
    const { entries, entriesBytes } = decodeBatchHeader(payload, `${file}: record at ${offset}`)
    const alone = [
      encodeBatchHeader(entriesBytes, 0, 0),
      payload.subarray(entries, entries + entriesBytes),
    ]
    wal.append(type, hasRows ? [payload] : alone)
  }
  await wal.sync()
  return { log: { number, end: wal.durableSize }, lsn: wal.lsn }
}
