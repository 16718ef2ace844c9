// The catalog on disk, of which the log is the newest part: entries travel in the record of the write
// that brought them, and move to the catalog file when a flush makes that record dispensable. So an
// entry is never both in what a manifest names of the file and in a record that is replayed.

import {
  type CatalogFile,
  createCatalogFile,
  openCatalogFile,
  readCatalogFile,
} from './catalog-file.ts'
import { fileName } from './file-name.ts'
import type { FileDescription } from './manifest.ts'
import type { ShardStorage } from '../storage/storage.ts'

/** Numbers new files and removes those that no manifest may name. */
export interface FileKeeper {
  takeFileNumber(): number
  discard(name: string): void
}

export class SavedCatalog {
  private readonly storage: ShardStorage
  private readonly identity: bigint
  private readonly files: FileKeeper
  private file: CatalogFile
  private description: FileDescription
  /** Entries that the file does not hold yet, by record. */
  private unsaved: { readonly lsn: bigint; readonly entries: Uint8Array }[] = []

  private constructor(
    storage: ShardStorage,
    identity: bigint,
    files: FileKeeper,
    file: CatalogFile,
  ) {
    this.storage = storage
    this.identity = identity
    this.files = files
    this.file = file
    this.description = file.description
  }

  /** A new, empty one. */
  static async create(
    storage: ShardStorage,
    identity: bigint,
    files: FileKeeper,
  ): Promise<SavedCatalog> {
    const file = await createCatalogFile(storage, identity, files.takeFileNumber())
    return new SavedCatalog(storage, identity, files, file)
  }

  /** The one that a manifest names; `enter` gets its entries. Throws `corrupt`. */
  static open(
    storage: ShardStorage,
    identity: bigint,
    files: FileKeeper,
    named: FileDescription,
    enter: (entries: Uint8Array) => void,
  ): SavedCatalog {
    for (const entries of readCatalogFile(storage, identity, named)) enter(entries)
    return new SavedCatalog(storage, identity, files, openCatalogFile(storage, identity, named))
  }

  /** What the manifest in force names of it. */
  get named(): FileDescription {
    return this.description
  }

  /** Notes the entries of a record that has been logged. */
  keep(lsn: bigint, entries: Uint8Array): void {
    if (entries.length > 0) this.unsaved.push({ lsn, entries })
  }

  /** Forgets this record and all after it: they were given up. */
  abandon(lsn: bigint): void {
    this.unsaved = this.unsaved.filter((record) => record.lsn < lsn)
  }

  /**
   * Makes the entries of all records below `lowestLsn` durable; what a manifest with that
   * `lowestLsn` has to name. Until `rename`, the one in force names less of it.
   */
  async save(lowestLsn: bigint): Promise<FileDescription> {
    if (this.file.failure !== null) await this.replaceFile()
    const ready = this.unsaved.filter(({ lsn }) => lsn < lowestLsn)
    if (ready.length === 0) return this.file.description
    this.file.append(ready.map(({ entries }) => entries))
    const description = await this.file.sync()
    this.unsaved = this.unsaved.filter(({ lsn }) => lsn >= lowestLsn)
    return description
  }

  /** A manifest that names `description` is in force. */
  rename(description: FileDescription): void {
    const before = this.description
    this.description = description
    if (before.number !== description.number) this.files.discard(fileName('catalog', before.number))
  }

  /** Copies what is durable of the file, which takes no more, into a new one. */
  private async replaceFile(): Promise<void> {
    const { storage, identity, files } = this
    const old = this.file.description
    const number = files.takeFileNumber()
    try {
      const file = await createCatalogFile(storage, identity, number)
      for (const entries of readCatalogFile(storage, identity, old)) file.append([entries])
      await file.sync()
      this.file = file
    } catch (error) {
      files.discard(fileName('catalog', number))
      throw error
    }
    if (old.number !== this.description.number) files.discard(fileName('catalog', old.number))
  }
}
