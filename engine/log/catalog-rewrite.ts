// Writes a catalog file anew without the entries that mean nothing any more, in small steps: reading
// twice, with a pause after each blob and a sync each few MiB, so that nothing waits for it and it
// needs no memory to speak of. What the old file gains meanwhile is copied as it is when the new one
// takes its place (saved-catalog.ts).

import { splitEntries } from '../catalog/catalog-entry.ts'
import { EntryLedger } from '../catalog/entry-ledger.ts'
import { LivingEntries } from '../catalog/living-entries.ts'
import {
  type CatalogFile,
  createCatalogFile,
  readCatalogFile,
  readCatalogTail,
} from './catalog-file.ts'
import type { FileDescription } from './manifest.ts'
import type { ShardStorage } from '../storage/storage.ts'

/** Bytes of entries in a blob, at most, unless one entry is larger. */
export const BLOB_SIZE_MAX = 64 * 1024
/** Bytes that may wait for their sync: more of them would hold up the log's. */
const UNSYNCED_MAX = 4 * 1024 * 1024

/** A new catalog file, durable, which means what `source` does. */
export interface RewrittenCatalog {
  readonly source: FileDescription
  readonly file: CatalogFile
  readonly ledger: EntryLedger
}

interface RewriteTarget {
  readonly storage: ShardStorage
  readonly identity: bigint
  readonly number: number
  /** Between two steps; throws to give up. `source` has to stay on the disk. */
  readonly pause: () => Promise<void>
}

/** Throws what the storage throws, and `corrupt`; then the file `number` has to be removed. */
export async function rewriteCatalog(
  source: FileDescription,
  { storage, identity, number, pause }: RewriteTarget,
): Promise<RewrittenCatalog> {
  const entries = new LivingEntries()
  for (const blob of readCatalogFile(storage, identity, source)) {
    entries.note(blob)
    await pause()
  }
  entries.settle()
  const file = await createCatalogFile(storage, identity, number)
  const target = new EntryTarget(file)
  for (const blob of readCatalogFile(storage, identity, source)) {
    for (const run of entries.living(blob)) target.add(run)
    await target.syncSome()
    await pause()
  }
  for (const entry of entries.idsGiven()) target.add(entry)
  target.flush()
  await file.sync()
  return { source, file, ledger: target.ledger }
}

/** Copies what a file holds behind `source`, which it began as, up to `end`; durable. */
export async function copyTail(
  { file, ledger }: RewrittenCatalog,
  source: FileDescription,
  end: FileDescription,
  { storage, identity }: Pick<RewriteTarget, 'storage' | 'identity'>,
): Promise<void> {
  if (end.size === source.size) return
  for (const blob of readCatalogTail(storage, identity, source, end)) {
    file.append([blob])
    ledger.add(blob)
  }
  await file.sync()
}

/** Gathers runs of entries into blobs. */
class EntryTarget {
  readonly ledger = new EntryLedger()
  private readonly file: CatalogFile
  private blob = new Uint8Array(BLOB_SIZE_MAX)
  private used = 0
  private unsynced = 0

  constructor(file: CatalogFile) {
    this.file = file
  }

  add(entries: Uint8Array): void {
    for (const run of splitEntries(entries, BLOB_SIZE_MAX)) {
      if (this.used + run.length > BLOB_SIZE_MAX) this.flush()
      if (run.length > BLOB_SIZE_MAX) {
        this.write(run)
        continue
      }
      this.blob.set(run, this.used)
      this.used += run.length
    }
  }

  flush(): void {
    if (this.used > 0) this.write(this.blob.subarray(0, this.used))
    this.used = 0
  }

  async syncSome(): Promise<void> {
    if (this.unsynced < UNSYNCED_MAX) return
    this.unsynced = 0
    await this.file.sync()
  }

  private write(blob: Uint8Array): void {
    this.file.append([blob])
    this.ledger.add(blob)
    this.unsynced += blob.length
  }
}
