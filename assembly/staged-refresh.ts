// What a request found in the catalog while it was staged may be dropped before it is committed: a
// series whose rows all expired, a field that somebody dropped. Its rows then name ids that are
// void. Here they become names of the request's overlay again, as if they were new, and the commit
// finds or makes them like any other (commit.ts). Keys of removed ids are still there, because the
// host packs no key table while such a request is open.

import { CONFLICT, ROW_HEADER } from './layout'
import { REMOVED, keyTableEntry, keyTableFindHashed, keyTableKey, removedLength } from './key-table'
import { hashKey } from './hash'
import {
  COLUMNS,
  LOCAL,
  NONE,
  SERIES,
  SHAPES,
  addHashedKey,
  catalogOf,
  countColumn,
  entryOf,
  keyTableOf,
  overlayOf,
  setShort,
} from './staging'

const SHAPE_KEY: usize = memory.data(4 + 4096 * 4)

// The shape that was looked at last, and what takes its place.
let lastShape: u32 = NONE
let lastReplaced: u32 = NONE
// The type that is in the way of a column, when it cannot be replaced.
let status: i32 = 0

function isRemoved(staging: usize, kind: usize, id: u32): bool {
  if ((id & LOCAL) !== 0) return false
  return load<u32>(keyTableEntry(catalogOf(staging, kind), id), 4) === REMOVED
}

/** The overlay's id of a key, which is added if it is absent; NONE if a region is short. */
function localId(staging: usize, kind: usize, key: usize, length: u32, from: usize): u32 {
  const hash = hashKey(key, length)
  const found = keyTableFindHashed(overlayOf(staging, kind), key, length, hash)
  if (found >= 0) return u32(found) | LOCAL
  const a = load<u32>(from, 16)
  const b = load<u32>(from, 20)
  const id = addHashedKey(staging, kind, key, length, hash)
  if (id === NONE) return NONE
  const entry = entryOf(staging, kind, id)
  store<u32>(entry, a, 16)
  store<u32>(entry, kind === SERIES ? 0 : b, 20)
  if (kind === COLUMNS) countColumn(staging, a, i32(b), 1)
  return id
}

/** The overlay's id for the key that a removed id had. */
function replaced(staging: usize, kind: usize, id: u32): u32 {
  const table = catalogOf(staging, kind)
  const entry = keyTableEntry(table, id)
  return localId(staging, kind, keyTableKey(table, entry), removedLength(entry), entry)
}

/** The column in place of a removed one, of the same type; NONE: `status` says why. */
function replacedColumn(staging: usize, id: u32): u32 {
  const column = replaced(staging, COLUMNS, id)
  if (column === NONE) return NONE
  const sent = load<u32>(keyTableEntry(catalogOf(staging, COLUMNS), id), 20)
  if (load<u32>(entryOf(staging, COLUMNS, column), 20) === sent) return column
  store<u32>(staging, sent, 148)
  setShort(staging, 0)
  store<u32>(staging, column & ~LOCAL, 164)
  status = CONFLICT
  return NONE
}

/** The shape with all removed columns replaced, in the same order; itself if none is removed. */
function replacedShape(staging: usize, shape: u32): u32 {
  const entry = entryOf(staging, SHAPES, shape)
  const count = load<u32>(entry, 20)
  const columns = keyTableKey(keyTableOf(staging, SHAPES, shape), entry) + 4
  let isSame = true
  for (let i: usize = 0; i < usize(count) << 2; i += 4) {
    let column = load<u32>(columns + i)
    if (isRemoved(staging, COLUMNS, column)) {
      column = replacedColumn(staging, column)
      if (column === NONE) return NONE
      isSame = false
    }
    store<u32>(SHAPE_KEY + 4 + i, column)
  }
  if (isSame) return shape
  store<u32>(SHAPE_KEY, load<u32>(entry, 16))
  const hasString = load<u32>(entry, 24)
  const id = localId(staging, SHAPES, SHAPE_KEY, 4 + (count << 2), entry)
  if (id !== NONE) store<u32>(entryOf(staging, SHAPES, id), hasString, 24)
  return id
}

/** Replaces what is void in a row; false: `status`. */
function refreshRow(staging: usize, row: usize): bool {
  const series = load<u32>(row)
  if (isRemoved(staging, SERIES, series)) {
    const id = replaced(staging, SERIES, series)
    if (id === NONE) return false
    store<u32>(row, id)
  }
  const shape = load<u32>(row, 4)
  if (shape !== lastShape) {
    const id = replacedShape(staging, shape)
    if (id === NONE) return false
    lastShape = shape
    lastReplaced = id
  }
  store<u32>(row, lastReplaced, 4)
  return true
}

/**
 * Goes over the staged rows from byte `from` on: the byte it came to, less than all if the region
 * `short` has to grow first (go on from there), or CONFLICT: a dropped field is there with two
 * types (its overlay column at 164, the type of the rest at 148). Call it before commitValidate.
 */
export function stagingRefresh(staging: usize, from: u32): i32 {
  lastShape = NONE
  const rows = usize(load<u32>(staging, 32))
  const end = load<u32>(staging, 40)
  let at = from
  while (at < end) {
    const row = rows + usize(at)
    status = 0
    if (!refreshRow(staging, row)) return status === CONFLICT ? CONFLICT : i32(at)
    const shape = entryOf(staging, SHAPES, load<u32>(row, 4))
    at += u32(ROW_HEADER) + 8 * load<u32>(shape, 20)
  }
  return i32(at)
}
