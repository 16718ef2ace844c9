// `catalog-<n>`: an append-only file of checksummed blobs of catalog entries (what an entry is,
// catalog-entry.ts knows). The manifest names how much of it counts and that much's checksum; bytes
// behind are of a flush that did not finish, and are cut (docs/format.md, "Catalog file").

import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import { FILE_HEADER_SIZE, checkFileHeader, encodeFileHeader, fileSeed } from './file-header.ts'
import { fileName } from './file-name.ts'
import { FileWindow } from './file-window.ts'
import type { FileDescription } from './manifest.ts'
import type { ShardStorage } from '../storage/storage.ts'
import { PAYLOAD_SIZE_MAX, gapAfter } from './wal-record.ts'

const RECORD_HEADER_SIZE = 8
const GAP = new Uint8Array(8)

/** Makes a catalog file without entries, durable with its name. */
export async function createCatalogFile(
  storage: ShardStorage,
  identity: bigint,
  number: number,
): Promise<CatalogFile> {
  const name = fileName('catalog', number)
  const header = encodeFileHeader('catalog', number, identity)
  storage.create(name)
  storage.append(name, [header])
  await storage.sync(name)
  await storage.syncDirectory()
  const description = { number, size: header.length, checksum: crc32c(header) }
  return new CatalogFile(storage, identity, description)
}

/** Opens the file to append to it; what the manifest does not name is cut. Read it first. */
export function openCatalogFile(
  storage: ShardStorage,
  identity: bigint,
  description: FileDescription,
): CatalogFile {
  const name = fileName('catalog', description.number)
  const size = storage.size(name)
  if (size < description.size) throw tooShort(name, size, description)
  if (size > description.size) storage.truncate(name, description.size)
  return new CatalogFile(storage, identity, description)
}

/**
 * Yields the blobs in order, each one checked and valid until the next is asked for. Throws
 * `corrupt`, at the latest behind the last one, when the file is not the one that is described.
 */
export function* readCatalogFile(
  storage: ShardStorage,
  identity: bigint,
  description: FileDescription,
): Generator<Uint8Array, void> {
  const { number, size } = description
  const name = fileName('catalog', number)
  if (storage.size(name) < size) throw tooShort(name, storage.size(name), description)
  const file = new FileWindow(storage, name, size)
  const header = file.view(0, Math.min(FILE_HEADER_SIZE, size))!
  checkFileHeader(header, 'catalog', name, { number, identity })
  const from = { size: FILE_HEADER_SIZE, checksum: crc32c(header) }
  yield* readRecords(file, from, description, fileSeed(header))
}

/** The same of what the file holds behind `from`, an earlier description of it. */
export function* readCatalogTail(
  storage: ShardStorage,
  identity: bigint,
  from: FileDescription,
  description: FileDescription,
): Generator<Uint8Array, void> {
  const { number, size } = description
  const file = new FileWindow(storage, fileName('catalog', number), size)
  yield* readRecords(file, from, description, seedOf(number, identity))
}

function* readRecords(
  file: FileWindow,
  from: Pick<FileDescription, 'size' | 'checksum'>,
  to: FileDescription,
  seed: number,
): Generator<Uint8Array, void> {
  const { name } = file
  let total = from.checksum
  for (let offset = from.size; offset < to.size;) {
    const record = readRecord(file, offset, seed)
    if (record === null) {
      throw new OmenError('corrupt', `${name}: record at ${offset} fails its checksum`)
    }
    total = crc32c(record.bytes, total)
    offset += record.bytes.length
    yield record.blob
  }
  if (total !== to.checksum)
    throw new OmenError('corrupt', `${name}: fails the manifest's checksum`)
}

function seedOf(number: number, identity: bigint): number {
  return fileSeed(encodeFileHeader('catalog', number, identity))
}

export class CatalogFile {
  readonly name: string
  private readonly storage: ShardStorage
  private readonly seed: number
  private durable: FileDescription
  private size: number
  private checksum: number
  private isSyncing = false
  private failed: OmenError | null = null

  constructor(storage: ShardStorage, identity: bigint, description: FileDescription) {
    this.storage = storage
    this.name = fileName('catalog', description.number)
    this.seed = seedOf(description.number, identity)
    this.durable = description
    this.size = description.size
    this.checksum = description.checksum
  }

  /** What is durable of it: what a manifest may name. */
  get description(): FileDescription {
    return this.durable
  }

  /** Why it takes no more entries, null while it does: then write all of them to a new file. */
  get failure(): OmenError | null {
    return this.failed
  }

  /**
   * Adds blobs, each of them a record. After `storage_full` nothing was added and it may be tried
   * again; any other error ends this file.
   */
  append(blobs: readonly Uint8Array[]): void {
    this.checkUsable()
    const written = blobs.flatMap((blob) => this.record(blob))
    try {
      this.storage.append(this.name, written)
    } catch (error) {
      throw this.takeBack(error)
    }
    for (const part of written) {
      this.checksum = crc32c(part, this.checksum)
      this.size += part.length
    }
  }

  /** Makes the blobs appended before the call durable and returns what a manifest may name then. */
  async sync(): Promise<FileDescription> {
    this.checkUsable()
    assert(!this.isSyncing, `${this.name} is synced by one caller at a time`)
    const { size, checksum } = this
    this.isSyncing = true
    try {
      await this.storage.sync(this.name)
    } catch (error) {
      throw this.fail(error)
    } finally {
      this.isSyncing = false
    }
    this.durable = { number: this.durable.number, size, checksum }
    return this.durable
  }

  /** A blob with its header before it and its gap behind it. */
  private record(blob: Uint8Array): Uint8Array[] {
    const { length } = blob
    assert(length > 0 && length <= PAYLOAD_SIZE_MAX, `catalog blob of ${length} bytes`)
    const header = new Uint8Array(RECORD_HEADER_SIZE)
    const view = new DataView(header.buffer)
    view.setUint32(0, length, true)
    view.setUint32(4, crc32c(blob, crc32c(header.subarray(0, 4), this.seed)), true)
    return [header, blob, GAP.subarray(0, gapAfter(length))]
  }

  private takeBack(error: unknown): unknown {
    if (!(error instanceof OmenError) || error.code !== 'storage_full') return this.fail(error)
    try {
      this.storage.truncate(this.name, this.size)
      return error
    } catch (truncateError) {
      return this.fail(truncateError)
    }
  }

  private fail(error: unknown): unknown {
    if (error instanceof OmenError) this.failed ??= error
    return error
  }

  private checkUsable(): void {
    if (this.failed === null) return
    throw new OmenError('unavailable', `${this.name}: ended, ${this.failed.message}`, {
      cause: this.failed,
    })
  }
}

function tooShort(name: string, size: number, description: FileDescription): OmenError {
  return new OmenError(
    'corrupt',
    `${name}: ends at ${size}, the manifest names ${description.size}`,
  )
}

/** The record at `offset` with its header and gap, and its blob; null if it fails. */
function readRecord(
  file: FileWindow,
  offset: number,
  seed: number,
): { bytes: Uint8Array; blob: Uint8Array } | null {
  const header = file.view(offset, RECORD_HEADER_SIZE)
  if (header === null) return null
  const view = new DataView(header.buffer, header.byteOffset, RECORD_HEADER_SIZE)
  const length = view.getUint32(0, true)
  const checksum = view.getUint32(4, true)
  if (length === 0 || length > PAYLOAD_SIZE_MAX) return null
  const bytes = file.view(offset, RECORD_HEADER_SIZE + length + gapAfter(length))
  if (bytes === null) return null
  const blob = bytes.subarray(RECORD_HEADER_SIZE, RECORD_HEADER_SIZE + length)
  if (bytes.subarray(RECORD_HEADER_SIZE + length).some((byte) => byte !== 0)) return null
  if (crc32c(blob, crc32c(bytes.subarray(0, 4), seed)) !== checksum) return null
  return { bytes, blob }
}
