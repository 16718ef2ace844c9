// The bytes of a manifest (docs/format.md, "Manifest"): file header, fixed members, three arrays of
// fixed records, checksum last. What is read is believed only as far as it agrees with itself.

import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import { decodeFileHeader, encodeFileHeader } from './file-header.ts'
import type { FileDescription, LogDescription, Manifest } from './manifest.ts'
import type { PartDescription } from '../segment/part.ts'

const FIXED_SIZE = 104
const FILE_SIZE = 16
const PART_SIZE = 72
const LOG_SIZE = 16
const TRAILER_SIZE = 8

const U32_MAX = 2 ** 32 - 1

/** The bytes of a manifest that agrees with itself. */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const fault = findFault(manifest)
  assert(fault === null, `manifest ${fault}`)
  const { files, parts, logs } = manifest
  const bytes = new Uint8Array(totalSize(files.length, parts.length, logs.length))
  bytes.set(encodeFileHeader('manifest', manifest.generation, manifest.identity))
  const view = new DataView(bytes.buffer)
  writeFixed(view, manifest)
  let offset = FIXED_SIZE
  for (const file of files) offset = writeFile(view, offset, file)
  for (const part of parts) offset = writePart(view, offset, part)
  for (const log of logs) offset = writeLog(view, offset, log)
  view.setUint32(offset + 4, crc32c(bytes.subarray(0, offset + 4)), true)
  return bytes
}

/** Throws `corrupt` for bytes that are not a whole, consistent manifest, `unsupported` for a newer one. */
export function decodeManifest(bytes: Uint8Array, name: string): Manifest {
  const { number: generation, identity } = decodeFileHeader(bytes, 'manifest', name)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const counts = readCounts(view)
  if (counts === null || totalSize(...counts) !== bytes.length) {
    throw new OmenError('corrupt', `${name}: has ${bytes.length} bytes, its counts name others`)
  }
  const end = bytes.length - 4
  if (crc32c(bytes.subarray(0, end)) !== view.getUint32(end, true)) {
    throw new OmenError('corrupt', `${name}: fails its checksum`)
  }
  const manifest = readBody(view, generation, identity, counts)
  const fault = hasReserved(view, counts)
    ? 'has reserved bytes that are not zero'
    : findFault(manifest)
  if (fault !== null) throw new OmenError('corrupt', `${name}: ${fault}`)
  return manifest
}

function totalSize(files: number, parts: number, logs: number): number {
  return FIXED_SIZE + files * FILE_SIZE + parts * PART_SIZE + logs * LOG_SIZE + TRAILER_SIZE
}

function writeFixed(view: DataView, manifest: Manifest): void {
  view.setUint32(32, manifest.files.length, true)
  view.setUint32(36, manifest.parts.length, true)
  view.setUint32(40, manifest.logs.length, true)
  writeFile(view, 48, manifest.catalog)
  view.setBigUint64(64, manifest.lowestLsn, true)
  view.setBigUint64(72, manifest.durableLsn, true)
  view.setUint32(80, manifest.nextFile, true)
  view.setBigUint64(88, manifest.nextSequence, true)
  view.setBigInt64(96, manifest.lastSeen, true)
}

function readCounts(view: DataView): [files: number, parts: number, logs: number] | null {
  if (view.byteLength < FIXED_SIZE) return null
  return [view.getUint32(32, true), view.getUint32(36, true), view.getUint32(40, true)]
}

function readBody(
  view: DataView,
  generation: number,
  identity: bigint,
  [fileCount, partCount, logCount]: [number, number, number],
): Manifest {
  const partsOffset = FIXED_SIZE + fileCount * FILE_SIZE
  const logsOffset = partsOffset + partCount * PART_SIZE
  return {
    generation,
    identity,
    files: readArray(fileCount, (i) => readFile(view, FIXED_SIZE + i * FILE_SIZE)),
    parts: readArray(partCount, (i) => readPart(view, partsOffset + i * PART_SIZE)),
    catalog: readFile(view, 48),
    logs: readArray(logCount, (i) => readLog(view, logsOffset + i * LOG_SIZE)),
    lowestLsn: view.getBigUint64(64, true),
    durableLsn: view.getBigUint64(72, true),
    nextFile: view.getUint32(80, true),
    nextSequence: view.getBigUint64(88, true),
    lastSeen: view.getBigInt64(96, true),
  }
}

function readArray<T>(length: number, read: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => read(index))
}

function writeFile(view: DataView, offset: number, file: FileDescription): number {
  view.setUint32(offset, file.number, true)
  view.setUint32(offset + 4, file.checksum, true)
  view.setBigUint64(offset + 8, BigInt(file.size), true)
  return offset + FILE_SIZE
}

function readFile(view: DataView, offset: number): FileDescription {
  return {
    number: view.getUint32(offset, true),
    checksum: view.getUint32(offset + 4, true),
    size: Number(view.getBigUint64(offset + 8, true)),
  }
}

function writePart(view: DataView, offset: number, part: PartDescription): number {
  view.setUint32(offset, part.file, true)
  view.setUint32(offset + 4, part.table, true)
  view.setBigUint64(offset + 8, BigInt(part.offset), true)
  view.setBigUint64(offset + 16, BigInt(part.size), true)
  view.setUint32(offset + 24, part.footerSize, true)
  view.setUint32(offset + 28, part.tombstonesFrom, true)
  view.setBigInt64(offset + 32, part.partition, true)
  view.setBigUint64(offset + 40, part.sequence, true)
  view.setBigUint64(offset + 48, BigInt(part.rows), true)
  view.setBigInt64(offset + 56, part.minTime, true)
  view.setBigInt64(offset + 64, part.maxTime, true)
  return offset + PART_SIZE
}

function readPart(view: DataView, offset: number): PartDescription {
  return {
    file: view.getUint32(offset, true),
    table: view.getUint32(offset + 4, true),
    offset: Number(view.getBigUint64(offset + 8, true)),
    size: Number(view.getBigUint64(offset + 16, true)),
    footerSize: view.getUint32(offset + 24, true),
    partition: view.getBigInt64(offset + 32, true),
    sequence: view.getBigUint64(offset + 40, true),
    rows: Number(view.getBigUint64(offset + 48, true)),
    minTime: view.getBigInt64(offset + 56, true),
    maxTime: view.getBigInt64(offset + 64, true),
    tombstonesFrom: view.getUint32(offset + 28, true),
  }
}

function writeLog(view: DataView, offset: number, log: LogDescription): number {
  view.setUint32(offset, log.number, true)
  view.setBigUint64(offset + 8, BigInt(log.end), true)
  return offset + LOG_SIZE
}

function readLog(view: DataView, offset: number): LogDescription {
  return { number: view.getUint32(offset, true), end: Number(view.getBigUint64(offset + 8, true)) }
}

function hasReserved(view: DataView, [files, parts, logs]: [number, number, number]): boolean {
  const logsOffset = FIXED_SIZE + files * FILE_SIZE + parts * PART_SIZE
  const reserved = [44, 84, view.byteLength - TRAILER_SIZE]
  for (let i = 0; i < logs; i++) reserved.push(logsOffset + i * LOG_SIZE + 4)
  return reserved.some((offset) => view.getUint32(offset, true) !== 0)
}

/** Where a manifest contradicts itself, null if it does not. */
function findFault(manifest: Manifest): string | null {
  const { files, parts, logs, catalog, nextFile } = manifest
  if (!isU32(manifest.generation) || manifest.generation === 0) return 'has no generation'
  if (!isU32(nextFile)) return `has next file ${nextFile}`
  if (manifest.lowestLsn < 1n) return `has lowest lsn ${manifest.lowestLsn}`
  if (manifest.durableLsn < manifest.lowestLsn - 1n) {
    return `has durable lsn ${manifest.durableLsn} below lowest lsn ${manifest.lowestLsn}`
  }
  if (!isRising(files) || !isRising(logs)) return 'names files out of order'
  for (const file of [...files, catalog]) {
    if (!isU32(file.checksum) || !isSize(file.size)) return `has a bad size for file ${file.number}`
  }
  if (logs.some((log) => !isSize(log.end))) return 'has a log with a bad end'
  const numbers = [...files, ...logs, catalog].map(({ number }) => number)
  if (!numbers.every((number) => isU32(number) && number < nextFile)) {
    return `names a file not below next file ${nextFile}`
  }
  if (new Set(numbers).size !== numbers.length) return 'names one number twice'
  const sizes = new Map(files.map((file) => [file.number, file.size]))
  for (const part of parts) {
    const fault = partFault(part, sizes.get(part.file), manifest.nextSequence)
    if (fault !== null) return `has a part of table ${part.table} that ${fault}`
  }
  return null
}

function partFault(
  part: PartDescription,
  fileSize: number | undefined,
  nextSequence: bigint,
): string | null {
  const { offset, size, footerSize, rows } = part
  if (fileSize === undefined) return `lies in segment-${part.file}, which is not named`
  if (!isSize(offset) || !isSize(size) || size === 0 || offset + size > fileSize) {
    return `lies outside of segment-${part.file}`
  }
  if (!isU32(footerSize) || footerSize > size) return `has a footer of ${footerSize} bytes`
  if (!isU32(part.table)) return 'has no table'
  if (!isSize(rows) || rows === 0) return `has ${rows} rows`
  if (part.sequence < 0n || part.sequence >= nextSequence) return `has sequence ${part.sequence}`
  return part.minTime > part.maxTime ? 'ends before it starts' : null
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= U32_MAX
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isRising(things: readonly { number: number }[]): boolean {
  return things.every(({ number }, i) => i === 0 || number > things[i - 1]!.number)
}
