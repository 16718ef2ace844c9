// Payloads of the log's records. A batch carries the catalog entries that it needs first and then
// its rows and their strings exactly as the memtable keeps them, so that replay copies
// (docs/format.md, "Log payloads").

import { OmenError } from '../error.ts'

/** Rows with the catalog entries they need; entries alone are a batch without rows. */
export const RECORD_BATCH = 1

const HEADER_SIZE = 16

/** Where the three byte ranges of a batch payload lie, as offsets in the payload. */
export interface BatchLayout {
  readonly entries: number
  readonly entriesBytes: number
  readonly rows: number
  readonly rowBytes: number
  readonly arena: number
  readonly arenaBytes: number
}

/** The 16 bytes in front of entries, rows and arena. */
export function encodeBatchHeader(
  entriesBytes: number,
  rowBytes: number,
  arenaBytes: number,
): Uint8Array {
  const header = new Uint8Array(HEADER_SIZE)
  const view = new DataView(header.buffer)
  view.setUint32(0, entriesBytes, true)
  view.setUint32(4, rowBytes, true)
  view.setUint32(8, arenaBytes, true)
  return header
}

/** Throws `corrupt` if the ranges do not fill the payload exactly. `where` names it in the message. */
export function decodeBatchHeader(payload: Uint8Array, where: string): BatchLayout {
  if (payload.length < HEADER_SIZE) throw new OmenError('corrupt', `${where}: batch without header`)
  const view = new DataView(payload.buffer, payload.byteOffset, HEADER_SIZE)
  const entriesBytes = view.getUint32(0, true)
  const rowBytes = view.getUint32(4, true)
  const arenaBytes = view.getUint32(8, true)
  const size = HEADER_SIZE + entriesBytes + rowBytes + arenaBytes
  if (size !== payload.length || view.getUint32(12, true) !== 0) {
    throw new OmenError('corrupt', `${where}: batch of ${payload.length} bytes names ${size}`)
  }
  const rows = HEADER_SIZE + entriesBytes
  return {
    entries: HEADER_SIZE,
    entriesBytes,
    rows,
    rowBytes,
    arena: rows + rowBytes,
    arenaBytes,
  }
}

/** Entries of several records as those of one. */
export function joinBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}
