// Restores the archives of a database that was in several shards into one: each part is restored beside
// the empty database, into files with names of their own, the points of the others are added to the
// first, and what came of it is restored as any backup is. So nothing is visible before all of it is.

import type { Database } from '../database.ts'
import { fieldTypeOf } from '../field.ts'
import { OmenError } from '../error.ts'
import type { AnswerSeries, QueryLimits, Vector } from '../query/query.ts'
import type { ShardStorage } from '../storage/storage.ts'
import { ArchiveParts, checkPart } from './archive-parts.ts'
import { ByteReader } from './byte-reader.ts'
import { type RestoreSummary, restoreDatabase } from './restore-database.ts'
import type { RestoreHost } from './restore.ts'

/** Opens a database in a storage, or a preview of one. */
type Open = (storage: ShardStorage) => Promise<Database>

/** A restored database is counted once, however long that takes. */
export const RESTORE_LIMITS: QueryLimits = {
  maxPoints: Infinity,
  maxBuckets: Infinity,
  queryBytes: Infinity,
  timeoutMs: 2 ** 40,
}

const FOLDERS = ['merged-', 'part-'] as const
/** Bytes of rows that are committed together, at most. */
const BATCH_BYTES = 1 << 20
const ROW_BYTES = 24
const CELL_BYTES = 16

/** As `restoreDatabase`, of archives of one database or of the parts of one. */
export async function restoreArchives(
  host: RestoreHost,
  source: AsyncIterable<Uint8Array>,
  open: Open,
): Promise<RestoreSummary> {
  const reader = new ByteReader(source)
  const parts = new ArchiveParts(reader)
  try {
    const first = (await parts.description())?.part
    if (first === undefined) return await restoreDatabase(host, parts.rest(), open)
    return await restoreMerged(host, parts, first.count, open)
  } finally {
    await reader.close()
  }
}

/** Removes what a restore of parts that ended in the middle has left. */
export function sweepParts(storage: ShardStorage): void {
  for (const name of storage.list()) {
    if (FOLDERS.some((folder) => name.startsWith(folder))) storage.remove(name)
  }
}

async function restoreMerged(
  host: RestoreHost,
  parts: ArchiveParts,
  count: number,
  open: Open,
): Promise<RestoreSummary> {
  const first = (await parts.description())!.part
  const [merged, part] = FOLDERS.map((folder) => inFolder(host.storage, folder))
  const restored = async (storage: ShardStorage, index: number): Promise<Database> => {
    checkPart(await parts.description().catch(ended), index, first)
    await (await open(storage)).close()
    await restoreDatabase({ ...host, storage }, parts.part(), open)
    return open(storage)
  }
  sweepParts(host.storage)
  try {
    const target = await restored(merged!, 1)
    try {
      for (let index = 2; index <= count; index++) {
        const source = await restored(part!, index)
        await addAll(source, target).finally(() => source.close())
        for (const name of part!.list()) part!.remove(name)
      }
      await target.flush()
      return await restoreDatabase(host, await target.backup(), open)
    } finally {
      await target.close()
    }
  } finally {
    sweepParts(host.storage)
  }
}

/** The stream is over where another part should be. */
function ended(error: unknown): null {
  if (error instanceof OmenError && error.code === 'bad_request') return null
  throw error
}

/** Adds tables with their settings and points to another database. */
async function addAll(source: Database, target: Database): Promise<void> {
  for (const database of source.databases({ system: true })) {
    const names = (await source.tables(database)).map(({ name }) => name)
    const made = new Set<string>()
    for (const name of names) {
      const table = await source.table(name, { database })
      for (const rollup of table.rollups) made.add(rollup.name)
    }
    for (const name of names) if (!made.has(name)) await addTable(source, target, database, name)
  }
}

async function addTable(
  source: Database,
  target: Database,
  database: string,
  name: string,
): Promise<void> {
  const { tags, fields, retention, rollups, declaration } = await source.table(name, { database })
  const set = { tags, fields, retention, declaration, ...(rollups.length > 0 ? { rollups } : {}) }
  await target.putTable(name, set, { database })
  const { columns, chunks } = await source.export({ table: name }, { database })
  const types = columns.slice(1)
  const rowBytes = ROW_BYTES + CELL_BYTES * types.length
  const rowsMax = Math.max(1, Math.floor(BATCH_BYTES / rowBytes))
  for await (const series of chunks) {
    for (let from = 0; from < series.time.length; from += rowsMax) {
      await addRows(target, database, { name, types }, cut(series, from, from + rowsMax))
    }
  }
}

interface Rows {
  readonly name: string
  readonly types: readonly { readonly name: string; readonly type: string }[]
}

/** Adds rows of a series, in pieces that a memtable holds. */
async function addRows(
  target: Database,
  database: string,
  table: Rows,
  series: AnswerSeries,
): Promise<void> {
  try {
    await commitRows(target, database, table, series)
  } catch (error) {
    const { length } = series.time
    if (!(error instanceof OmenError) || error.code !== 'too_large' || length === 1) throw error
    const half = length >>> 1
    await addRows(target, database, table, cut(series, 0, half))
    await addRows(target, database, table, cut(series, half, length))
  }
}

async function commitRows(
  target: Database,
  database: string,
  table: Rows,
  { tags, time, fields }: AnswerSeries,
): Promise<void> {
  const batch = target.batch({ database, system: true, partial: true })
  try {
    const columns = table.types.map(({ name, type }, i) => {
      const { values, valid } = fields[i]!
      return { name, type: fieldTypeOf(type)!, values, valid, declared: true }
    })
    const own = [...tags].filter((tag): tag is [string, string] => tag[1] !== null)
    batch.points({ table: table.name, tags: new Map(own), times: time, fields: columns })
    await batch.commit('memory')
  } finally {
    batch.discard()
  }
}

function cut({ tags, time, fields }: AnswerSeries, from: number, to: number): AnswerSeries {
  const cutVector = ({ values, valid }: Vector): Vector => ({
    values: values.slice(from, to) as Vector['values'],
    valid: valid?.slice(from, to) ?? null,
  })
  return { tags, time: time.slice(from, to), fields: fields.map(cutVector) }
}

/** The files whose names begin so, without that. */
function inFolder(storage: ShardStorage, folder: string): ShardStorage {
  const at = (name: string): string => folder + name
  return {
    location: `${storage.location} (${folder})`,
    list: () =>
      storage
        .list()
        .filter((name) => name.startsWith(folder))
        .map((name) => name.slice(folder.length))
        .sort(),
    has: (name) => storage.has(at(name)),
    size: (name) => storage.size(at(name)),
    read: (name, offset, target) => storage.read(at(name), offset, target),
    create: (name) => storage.create(at(name)),
    append: (name, pieces) => storage.append(at(name), pieces),
    truncate: (name, size) => storage.truncate(at(name), size),
    sync: (name) => storage.sync(at(name)),
    rename: (name, target) => storage.rename(at(name), at(target)),
    remove: (name) => storage.remove(at(name)),
    syncDirectory: () => storage.syncDirectory(),
    quarantine: (name) => storage.quarantine(at(name)),
    close: async () => {},
  }
}
