// The catalog on disk, of which the log is the newest part: entries travel in the record of the write
// that brought them, and move to the catalog file when a flush makes that record dispensable. So an
// entry is never both in what a manifest names of the file and in a record that is replayed. When
// most of the file means nothing any more it is written anew.

import { splitEntries } from '../catalog/catalog-entry.ts'
import { EntryLedger } from '../catalog/entry-ledger.ts'
import {
  type CatalogFile,
  createCatalogFile,
  openCatalogFile,
  readCatalogFile,
} from './catalog-file.ts'
import {
  BLOB_SIZE_MAX,
  type RewrittenCatalog,
  copyTail,
  rewriteCatalog,
} from './catalog-rewrite.ts'
import { OmenError } from '../error.ts'
import { fileName } from './file-name.ts'
import type { FileDescription } from './manifest.ts'
import type { ShardStorage } from '../storage/storage.ts'

/** Numbers new files and removes those that no manifest may name. */
export interface FileKeeper {
  takeFileNumber(): number
  discard(name: string): void
}

export class SavedCatalog {
  readonly storage: ShardStorage
  readonly identity: bigint
  private readonly files: FileKeeper
  private file: CatalogFile
  private description: FileDescription
  /** A file that means exactly what `description` does, but is not named yet. */
  private successor: FileDescription | null = null
  /** Of what `file` holds. */
  private ledger: EntryLedger
  /** Entries that the file does not hold yet, by record. */
  private unsaved: { readonly lsn: bigint; readonly entries: Uint8Array }[] = []

  private constructor(
    storage: ShardStorage,
    identity: bigint,
    files: FileKeeper,
    file: CatalogFile,
    ledger = new EntryLedger(),
  ) {
    this.storage = storage
    this.identity = identity
    this.files = files
    this.file = file
    this.ledger = ledger
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
    const ledger = new EntryLedger()
    for (const entries of readCatalogFile(storage, identity, named)) {
      enter(entries)
      ledger.add(entries)
    }
    const file = openCatalogFile(storage, identity, named)
    return new SavedCatalog(storage, identity, files, file, ledger)
  }

  /** What the manifest in force names of it. */
  get named(): FileDescription {
    return this.description
  }

  /** What a manifest may name that makes no more entries durable than the one in force. */
  get same(): FileDescription {
    return this.successor ?? this.description
  }

  /** Does less than half of a file of at least `sizeMin` bytes mean anything? */
  isMostlyDead(sizeMin: number): boolean {
    const { size } = this.file.description
    return size >= sizeMin && 2 * this.ledger.deadBytes > size
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
    const blobs = ready.flatMap(({ entries }) => [...splitEntries(entries, BLOB_SIZE_MAX)])
    this.file.append(blobs)
    const description = await this.file.sync()
    for (const blob of blobs) this.ledger.add(blob)
    this.unsaved = this.unsaved.filter(({ lsn }) => lsn >= lowestLsn)
    return description
  }

  /**
   * Makes a file without what means nothing any more, while saves go on, and hands it to `adopt` when
   * nothing else changes what is durable: `exclusive` runs it then. `pause` throws to give up. Whatever
   * fails, nothing has changed.
   */
  async rewrite(
    pause: () => Promise<void>,
    exclusive: (action: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const { storage, identity, files } = this
    const source = this.file.description
    const number = files.takeFileNumber()
    const rest = async (): Promise<void> => {
      await pause()
      this.checkSource(source)
    }
    try {
      const target = { storage, identity, number, pause: rest }
      const rewritten = await rewriteCatalog(source, target)
      await exclusive(() => this.adopt(rewritten))
    } catch (error) {
      files.discard(fileName('catalog', number))
      throw error
    }
  }

  /** Goes on with a rewritten file in place of the one that it was made of. */
  private async adopt(rewritten: RewrittenCatalog): Promise<void> {
    const { source, file, ledger } = rewritten
    this.checkSource(source)
    const old = this.file.description
    await copyTail(rewritten, source, old, this)
    this.file = file
    this.ledger = ledger
    this.leave(old)
    // Unless it holds what no manifest names yet.
    const isSame = old.number === this.description.number && old.size === this.description.size
    if (isSame) this.successor = file.description
  }

  private checkSource({ number }: FileDescription): void {
    if (this.file.description.number === number) return
    throw new OmenError('cancelled', `catalog-${number}: was left while it was written anew`)
  }

  /** A manifest that names `description` is in force. */
  rename(description: FileDescription): void {
    const before = this.description
    this.description = description
    this.successor = null
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
    this.leave(old)
  }

  /** The file is another one now: the old one goes, unless the manifest in force names it. */
  private leave({ number }: FileDescription): void {
    this.successor = null
    if (number !== this.description.number) this.files.discard(fileName('catalog', number))
  }
}
