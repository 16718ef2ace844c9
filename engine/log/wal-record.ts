// The 32 bytes before each payload of the log (docs/format.md, "WAL"). The header has a check of
// its own, so a reader believes `length` and `durableLsn` even when the payload is torn, and finds
// the next record behind damage; the payload's checksum continues from it.

import { crc32c } from '../crc.ts'

export const RECORD_HEADER_SIZE = 32
/** Payloads start and end at multiples of this; the gap is zero. */
export const RECORD_ALIGNMENT = 8
export const PAYLOAD_SIZE_MAX = 2 ** 30
/** A record without payload that only says what is durable; it takes no lsn but repeats the last. */
export const MARK = 0

export interface RecordHeader {
  /** Payload bytes, without the gap. */
  length: number
  /** crc32c of the payload, continued from `check`. */
  checksum: number
  lsn: bigint
  /** The highest lsn known synced when this was written. */
  durableLsn: bigint
  type: number
  /** crc32c of the other members, continued from the file's seed. */
  check: number
}

/** Bytes of zero after a payload. */
export function gapAfter(length: number): number {
  return (RECORD_ALIGNMENT - (length % RECORD_ALIGNMENT)) % RECORD_ALIGNMENT
}

/** Bytes from one record to the next. */
export function recordSize(header: RecordHeader): number {
  return RECORD_HEADER_SIZE + header.length + gapAfter(header.length)
}

/** Fills the 32 bytes of `target`, without the payload's checksum; returns the check. */
export function encodeRecordHeader(
  target: Uint8Array,
  record: { length: number; lsn: bigint; durableLsn: bigint; type: number },
  seed: number,
): number {
  const view = new DataView(target.buffer, target.byteOffset, RECORD_HEADER_SIZE)
  view.setUint32(0, record.length, true)
  view.setBigUint64(8, record.lsn, true)
  view.setBigUint64(16, record.durableLsn, true)
  view.setUint32(24, record.type, true)
  const check = headerCheck(target, seed)
  view.setUint32(28, check, true)
  return check
}

/** Sets the payload's checksum of an encoded header. */
export function setRecordChecksum(target: Uint8Array, checksum: number): void {
  new DataView(target.buffer, target.byteOffset).setUint32(4, checksum, true)
}

/** The header at `offset` of `bytes`, or null if its check fails or it says something impossible. */
export function decodeRecordHeader(
  bytes: Uint8Array,
  offset: number,
  seed: number,
): RecordHeader | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, RECORD_HEADER_SIZE)
  const type = view.getUint32(24, true)
  const length = view.getUint32(0, true)
  // Cheap tests first: a search for the next header asks this at every eighth byte.
  if (type > 255 || length > PAYLOAD_SIZE_MAX || (type === MARK && length > 0)) return null
  const check = view.getUint32(28, true)
  const header = bytes.subarray(offset, offset + RECORD_HEADER_SIZE)
  if (headerCheck(header, seed) !== check) return null
  const lsn = view.getBigUint64(8, true)
  const durableLsn = view.getBigUint64(16, true)
  // A full disk may leave a mark before the first record, which marks lsn 0.
  if (durableLsn > lsn || (type !== MARK && durableLsn === lsn)) return null
  const checksum = view.getUint32(4, true)
  if (type === MARK && checksum !== check) return null
  return { length, checksum, lsn, durableLsn, type, check }
}

function headerCheck(header: Uint8Array, seed: number): number {
  return crc32c(header.subarray(8, 28), crc32c(header.subarray(0, 4), seed))
}
