// A segment file against what the manifest says of it: size, checksum of the whole, and where that
// fails, everything in it one by one.

import { crc32c } from '../crc.ts'
import { OmenError } from '../error.ts'
import type { Host } from '../host.ts'
import { fileName } from '../log/file-name.ts'
import type { FileDescription } from '../log/manifest.ts'
import { SEGMENT_HEADER_SIZE, checkSegmentHeader } from '../segment/footer.ts'
import type { PartDescription } from '../segment/part.ts'
import type { ColdFiles, ShardStorage } from '../storage/storage.ts'
import type { Damage } from './damage.ts'
import { PartChecker } from './part-check.ts'

/** How a table is named in messages, null for one that is gone. */
export type TableName = (id: number) => string | null

export interface FileCheck {
  readonly file: FileDescription
  readonly damages: readonly Damage[]
  /** Those of its parts that have damage. */
  readonly damagedParts: readonly PartDescription[]
}

const CHUNK_SIZE = 1 << 18
/** The same of a cold file, for which each time a request is made. */
const COLD_CHUNK_SIZE = 1 << 21

/** The checksum of a whole file, read in chunks; `read` is called behind each and may wait. */
export async function fileChecksum(
  storage: ShardStorage,
  name: string,
  read: (bytes: number) => Promise<void>,
): Promise<{ size: number; checksum: number }> {
  if (storage.cold?.has(name) === true) return coldChecksum(storage.cold, name, read)
  const chunk = new Uint8Array(CHUNK_SIZE)
  let checksum = 0
  let size = 0
  for (;;) {
    const count = storage.read(name, size, chunk)
    checksum = crc32c(chunk.subarray(0, count), checksum)
    size += count
    if (count > 0) await read(count)
    if (count < CHUNK_SIZE) return { size, checksum }
  }
}

async function coldChecksum(
  cold: ColdFiles,
  name: string,
  read: (bytes: number) => Promise<void>,
): Promise<{ size: number; checksum: number }> {
  let checksum = 0
  let size = 0
  for (;;) {
    const chunk = await cold.read(name, size, COLD_CHUNK_SIZE)
    checksum = crc32c(chunk, checksum)
    size += chunk.length
    if (chunk.length > 0) await read(chunk.length)
    if (chunk.length < COLD_CHUNK_SIZE) return { size, checksum }
  }
}

/** What is wrong with a segment file as a whole, or null. Reads all of it. */
export async function findFileFault(
  storage: ShardStorage,
  file: FileDescription,
  read: (bytes: number) => Promise<void>,
): Promise<string | null> {
  const name = fileName('segment', file.number)
  try {
    if (!storage.has(name)) return `${name}: the file is missing`
    const { size, checksum } = await fileChecksum(storage, name, read)
    if (size !== file.size) return `${name}: has ${size} bytes, the manifest names ${file.size}`
    return checksum === file.checksum ? null : `${name}: fails the manifest's checksum`
  } catch (error) {
    if (error instanceof OmenError && error.code === 'corrupt') return error.message
    throw error
  }
}

/** Every damage of a file with a fault, and what of it is damaged. */
export async function checkFile(
  host: Host,
  file: FileDescription,
  parts: readonly PartDescription[],
  fault: string,
  tableName: TableName,
): Promise<FileCheck> {
  const checker = await PartChecker.create(host)
  const damages: Damage[] = []
  const damagedParts: PartDescription[] = []
  for (const part of parts) {
    const found = await checker.check(part, tableName(part.table))
    if (found.length > 0) damagedParts.push(part)
    damages.push(...found)
  }
  const header = findHeaderFault(host.storage, file.number)
  // Nothing in it: then it is the file itself, its header, or more bytes than there should be.
  if (damages.length === 0 || header !== null) damages.unshift(ofFile(file, header ?? fault))
  return { file, damages, damagedParts }
}

function ofFile({ number }: FileDescription, message: string): Damage {
  const file = fileName('segment', number)
  return { file, offset: 0, message, table: null, minTime: null, maxTime: null }
}

/** What is wrong with the first bytes of a segment, or null. */
export function findHeaderFault(storage: ShardStorage, number: number): string | null {
  try {
    const header = new Uint8Array(SEGMENT_HEADER_SIZE)
    const count = storage.read(fileName('segment', number), 0, header)
    checkSegmentHeader(header.subarray(0, count), number)
    return null
  } catch (error) {
    if (error instanceof OmenError && error.code === 'corrupt') return error.message
    throw error
  }
}
