// Restores a backup in the place of an empty database: staged beside it, opened once as a preview
// (so that what no checksum covers, like entries that contradict each other, is found as well), and
// only then made the truth.

import type { Catalog } from '../catalog/catalog.ts'
import type { Database } from '../database.ts'
import { OmenError } from '../error.ts'
import type { ShardStorage } from '../storage/storage.ts'
import { previewStorage } from './preview-storage.ts'
import { type RestoreHost, stageRestore } from './restore.ts'

/** What a restored server has. */
export interface RestoreSummary {
  readonly databases: number
  readonly tables: number
  readonly points: number
}

/** Throws `conflict` unless there is nothing that a restore would replace. */
export function checkEmpty({ databases }: Pick<Catalog, 'databases'>): void {
  for (const [name, { tables }] of databases) {
    if (tables.size === 0 && name === 'default') continue
    const [table] = tables.keys()
    const what = table === undefined ? '' : `table '${table}' in `
    const message = `restore: there is ${what}database '${name}'; it needs an empty server`
    throw new OmenError('conflict', message)
  }
}

/**
 * Replaces what `host.storage` holds, an empty database that nobody has open, by the archives in
 * `source`. When it throws, the empty database is as it was. `open` opens a storage for reading; `look`
 * may throw what is wrong with what it finds.
 */
export async function restoreDatabase(
  host: RestoreHost,
  source: AsyncIterable<Uint8Array>,
  open: (storage: ShardStorage) => Promise<Database>,
  look: (preview: Database) => Promise<void> = async () => {},
): Promise<RestoreSummary> {
  const staged = await stageRestore(host, source)
  let summary: RestoreSummary
  try {
    const preview = await open(previewStorage(host.storage, staged.manifest))
    try {
      summary = await summarize(preview)
      await look(preview)
    } finally {
      await preview.close()
    }
  } catch (error) {
    await staged.discard()
    if (!(error instanceof OmenError) || error.code !== 'corrupt') throw error
    throw new OmenError('bad_request', `backup: ${error.message}`, { cause: error })
  }
  await staged.commit()
  return summary
}

async function summarize(db: Database): Promise<RestoreSummary> {
  let databases = 0
  let tables = 0
  let points = 0
  for (const name of db.databases()) {
    const found = await db.tables(name)
    if (found.length > 0 || name !== 'default') databases++
    tables += found.length
    for (const table of found) points += table.points
  }
  return { databases, tables, points }
}
