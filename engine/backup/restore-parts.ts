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

const MERGED = 'merged-'
const PART = 'part-'
const RENAMED = 'renamed-'
const FOLDERS = [MERGED, PART, RENAMED]
/** Bytes of rows that are committed together, at most. */
const BATCH_BYTES = 1 << 20
const ROW_BYTES = 24
const CELL_BYTES = 16

/**
 * As `restoreDatabase`, of archives of one database or of the parts of one. With a name the archive has
 * to be of one database (`conflict`), which is called so from then on.
 */
export async function restoreArchives(
  host: RestoreHost,
  source: AsyncIterable<Uint8Array>,
  name: string | undefined,
  open: Open,
): Promise<RestoreSummary> {
  const reader = new ByteReader(source)
  const parts = new ArchiveParts(reader)
  try {
    const first = (await parts.description())?.part
    if (first !== undefined) return await restoreMerged(host, parts, first.count, { open, name })
    return await restoreNamed(host, parts.rest(), { open, name })
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

interface Naming {
  readonly open: Open
  readonly name: string | undefined
}

/** The archive has a database of another name. */
class OtherName extends Error {
  /** A database beside, with the points under the right name. */
  readonly renamed: Database

  constructor(renamed: Database) {
    super('the archive is of a database with another name')
    this.renamed = renamed
  }
}

/** Restores an archive; if its database has another name, what is copied under the right one. */
async function restoreNamed(
  host: RestoreHost,
  source: AsyncIterable<Uint8Array>,
  { open, name }: Naming,
): Promise<RestoreSummary> {
  const folder = inFolder(host.storage, RENAMED)
  const look = async (preview: Database): Promise<void> => {
    const other = name === undefined ? null : await otherName(preview, name)
    if (other === null) return
    clear(folder)
    const renamed = await open(folder)
    await addAll(preview, renamed, (database) => (database === other ? name! : database))
    throw new OtherName(renamed)
  }
  try {
    return await restoreDatabase(host, source, open, look)
  } catch (error) {
    if (!(error instanceof OtherName)) throw error
    const { renamed } = error
    try {
      await renamed.flush()
      return await restoreDatabase(host, await renamed.backup(), open)
    } finally {
      await renamed.close()
    }
  } finally {
    clear(folder)
  }
}

/** The name that is not the wanted one; null: there is none. Throws `conflict` for several databases. */
async function otherName(preview: Database, name: string): Promise<string | null> {
  const found: string[] = []
  for (const database of preview.databases()) {
    if ((await preview.tables(database)).length > 0) found.push(database)
  }
  if (found.length === 0 || (found.length === 1 && found[0] === name)) return null
  if (found.length === 1) return found[0]!
  const message = `restore: the archive has ${found.length} databases (${found.join(', ')}), and here is room for one`
  throw new OmenError('conflict', message)
}

function clear(storage: ShardStorage): void {
  for (const name of storage.list()) storage.remove(name)
}

async function restoreMerged(
  host: RestoreHost,
  parts: ArchiveParts,
  count: number,
  { open, name }: Naming,
): Promise<RestoreSummary> {
  const first = (await parts.description())!.part
  const [merged, part] = [MERGED, PART].map((folder) => inFolder(host.storage, folder))
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
        clear(part!)
      }
      await target.flush()
      return await restoreNamed(host, await target.backup(), { open, name })
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
async function addAll(
  source: Database,
  target: Database,
  nameOf = (database: string): string => database,
): Promise<void> {
  for (const database of source.databases({ system: true })) {
    const names = (await source.tables(database)).map(({ name }) => name)
    const made = new Set<string>()
    for (const name of names) {
      const table = await source.table(name, { database })
      for (const rollup of table.rollups) made.add(rollup.name)
    }
    const into = { target, database: nameOf(database) }
    for (const name of names) if (!made.has(name)) await addTable(source, database, name, into)
  }
}

interface Into {
  readonly target: Database
  readonly database: string
}

async function addTable(source: Database, from: string, name: string, into: Into): Promise<void> {
  const described = await source.table(name, { database: from })
  const { tags, fields, retention, rollups, declaration } = described
  const set = { tags, fields, retention, declaration, ...(rollups.length > 0 ? { rollups } : {}) }
  await into.target.putTable(name, set, { database: into.database })
  const { columns, chunks } = await source.export({ table: name }, { database: from })
  const types = columns.slice(1)
  const rowBytes = ROW_BYTES + CELL_BYTES * types.length
  const rowsMax = Math.max(1, Math.floor(BATCH_BYTES / rowBytes))
  for await (const series of chunks) {
    for (let row = 0; row < series.time.length; row += rowsMax) {
      await addRows(into, { name, types }, cut(series, row, row + rowsMax))
    }
  }
}

interface Rows {
  readonly name: string
  readonly types: readonly { readonly name: string; readonly type: string }[]
}

/** Adds rows of a series, in pieces that a memtable holds. */
async function addRows(into: Into, table: Rows, series: AnswerSeries): Promise<void> {
  try {
    await commitRows(into, table, series, false)
  } catch (error) {
    const { length } = series.time
    // What has come of age meanwhile is left out; all else that is refused ends the restore.
    if (error instanceof OmenError && error.code === 'expired') {
      await commitRows(into, table, series, true)
      return
    }
    if (!(error instanceof OmenError) || error.code !== 'too_large' || length === 1) throw error
    const half = length >>> 1
    await addRows(into, table, cut(series, 0, half))
    await addRows(into, table, cut(series, half, length))
  }
}

async function commitRows(
  { target, database }: Into,
  table: Rows,
  { tags, time, fields }: AnswerSeries,
  partial: boolean,
): Promise<void> {
  const batch = target.batch({ database, system: true, partial })
  try {
    const columns = table.types.map(({ name, type }, i) => {
      const { values, valid } = fields[i]!
      // NaN and infinities are values that SQL and rollups store.
      return { name, type: fieldTypeOf(type)!, values, valid, declared: true, isComputed: true }
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
