// Copies the records of a catalog file and of logs out of a stream into files of another data
// directory, whose identity their checksums start from. Each record is checked before it is written;
// one is in memory at a time.

import { crc32c } from '../crc.ts'
import { OmenError } from '../error.ts'
import { createCatalogFile } from '../log/catalog-file.ts'
import { FILE_HEADER_SIZE, checkFileHeader, fileSeed } from '../log/file-header.ts'
import { fileName } from '../log/file-name.ts'
import type { FileDescription, LogDescription, Manifest } from '../log/manifest.ts'
import {
  MARK,
  PAYLOAD_SIZE_MAX,
  RECORD_HEADER_SIZE,
  decodeRecordHeader,
  gapAfter,
} from '../log/wal-record.ts'
import { type WalWriter, createWal } from '../log/wal.ts'
import type { ShardStorage } from '../storage/storage.ts'
import type { ByteReader } from './byte-reader.ts'

/** The file that is written, in its directory. */
export interface RecordTarget {
  readonly storage: ShardStorage
  readonly identity: bigint
  readonly number: number
}

const CATALOG_HEADER_SIZE = 8

/** Copies the catalog file that `source` names, which comes next; durable when it resolves. */
export async function copyCatalog(
  reader: ByteReader,
  source: Manifest,
  target: RecordTarget,
): Promise<FileDescription> {
  const { number, size, checksum } = source.catalog
  const name = fileName('catalog', number)
  const header = await readHeader(reader, 'catalog', source, number, size)
  const seed = fileSeed(header)
  const file = await createCatalogFile(target.storage, target.identity, target.number)
  let total = crc32c(header)
  for (let offset = FILE_HEADER_SIZE; offset < size;) {
    const head = await within(reader, CATALOG_HEADER_SIZE, size - offset, name, offset)
    const view = new DataView(head.buffer)
    const length = view.getUint32(0, true)
    const taken = CATALOG_HEADER_SIZE + length + gapAfter(length)
    if (length === 0 || length > PAYLOAD_SIZE_MAX || taken > size - offset)
      throw damaged(name, offset)
    const rest = await reader.exactly(taken - CATALOG_HEADER_SIZE)
    const blob = rest.subarray(0, length)
    const isWhole = crc32c(blob, crc32c(head.subarray(0, 4), seed)) === view.getUint32(4, true)
    if (!isWhole || rest.subarray(length).some((byte) => byte !== 0)) throw damaged(name, offset)
    total = crc32c(rest, crc32c(head, total))
    file.append([blob])
    offset += taken
  }
  if (total !== checksum) throw new OmenError('bad_request', `backup: ${name} fails its checksum`)
  return file.sync()
}

/**
 * Copies what of the logs of `source`, which come next, has to be replayed, into one log; null if
 * nothing has. `begin` is called before each and gives what to call behind it.
 */
export async function copyLog(
  reader: ByteReader,
  source: Manifest,
  target: RecordTarget,
  begin: (log: LogDescription) => Promise<() => Promise<void>>,
): Promise<LogDescription | null> {
  const { lowestLsn, durableLsn, logs } = source
  const { storage, identity, number } = target
  let writer: WalWriter | null = null
  let last: bigint | null = null
  for (const log of logs) {
    const finish = await begin(log)
    for await (const { lsn, type, payload, offset } of readLog(reader, source, log)) {
      const isNext = last === null ? lsn <= lowestLsn : lsn === last + 1n
      if (!isNext) throw damaged(fileName('wal', log.number), offset)
      last = lsn
      if (lsn < lowestLsn) continue
      writer ??= await createWal(storage, { identity, number, lsn: lowestLsn - 1n })
      writer.append(type, [payload])
    }
    await finish()
  }
  if (last === null || last < lowestLsn) last = lowestLsn - 1n
  if (last !== durableLsn) {
    throw new OmenError('bad_request', `backup: its log ends at lsn ${last}, not ${durableLsn}`)
  }
  if (writer === null) return null
  await writer.sync()
  return { number, end: writer.durableSize }
}

interface CopiedRecord {
  readonly lsn: bigint
  readonly type: number
  readonly payload: Uint8Array
  readonly offset: number
}

async function* readLog(
  reader: ByteReader,
  source: Manifest,
  { number, end }: LogDescription,
): AsyncGenerator<CopiedRecord> {
  const name = fileName('wal', number)
  const seed = fileSeed(await readHeader(reader, 'wal', source, number, end))
  for (let offset = FILE_HEADER_SIZE; offset < end;) {
    const head = await within(reader, RECORD_HEADER_SIZE, end - offset, name, offset)
    const header = decodeRecordHeader(head, 0, seed)
    if (header === null) throw damaged(name, offset)
    const { length, check, checksum, lsn, type } = header
    const taken = RECORD_HEADER_SIZE + length + gapAfter(length)
    if (taken > end - offset) throw damaged(name, offset)
    const rest = await reader.exactly(taken - RECORD_HEADER_SIZE)
    const payload = rest.subarray(0, length)
    const isWhole = type === MARK || crc32c(payload, check) === checksum
    if (!isWhole || rest.subarray(length).some((byte) => byte !== 0)) throw damaged(name, offset)
    if (type !== MARK) yield { lsn, type, payload, offset }
    offset += taken
  }
}

async function readHeader(
  reader: ByteReader,
  kind: 'wal' | 'catalog',
  { identity }: Manifest,
  number: number,
  size: number,
): Promise<Uint8Array> {
  const name = fileName(kind, number)
  const header = await within(reader, FILE_HEADER_SIZE, size, name, 0)
  try {
    checkFileHeader(header, kind, name, { number, identity })
  } catch (error) {
    if (!(error instanceof OmenError) || error.code !== 'corrupt') throw error
    throw new OmenError('bad_request', `backup: ${error.message}`)
  }
  return header
}

/** Exactly `size` bytes, of which `left` are left in the file. */
async function within(
  reader: ByteReader,
  size: number,
  left: number,
  name: string,
  offset: number,
): Promise<Uint8Array> {
  if (size > left) throw damaged(name, offset)
  return reader.exactly(size)
}

function damaged(name: string, offset: number): OmenError {
  return new OmenError('bad_request', `backup: ${name}: record at ${offset} fails its checksum`)
}
