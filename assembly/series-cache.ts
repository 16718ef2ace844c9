// The request's cache of series: the text that names a series (the start of a line, the tag cells
// of a CSV row) → its table and series, so that tags are parsed and sorted once. Series come in the same
// order again and again, so each text remembers the one that followed it: that is compared first, and no
// hash is needed. It starts anew when it has grown to its limit, and when the request goes over to
// another form of text (host: stagingForget).
//
// Payloads of a text: a series  b table  c number of its lines' template (line-template.ts) or an older
// one  d the text that followed it + 1, 0 = none

import { hashKey } from './hash'
import {
  bytesEqual,
  keyTableAppend,
  keyTableCount,
  keyTableEntry,
  keyTableFindHashed,
  keyTableHasRoom,
  keyTableInit,
  keyTableKey,
} from './key-table'
import {
  COLUMNS,
  RAW_KEYS_SHORT,
  TABLES,
  catalogOf,
  forgetPredictions,
  setTableShort,
} from './staging'

const TEXTS_MAX: u32 = 65536
const TEXT_BYTES_MAX: u32 = 8 << 20

/** What the last successful look-up found. */
export let cachedTable: u32 = 0
export let cachedSeries: u32 = 0
/** The text's entry; its payload c is the parser's. */
export let cachedEntry: usize = 0

function cacheOf(staging: usize): usize {
  return usize(load<u32>(staging, 24))
}

function setFound(staging: usize, entry: usize, id: u32): void {
  cachedEntry = entry
  cachedSeries = load<u32>(entry, 16)
  cachedTable = load<u32>(entry, 20)
  store<u32>(staging, id + 1, 108)
}

/**
 * The length of the text at `text` that is the one that is expected next and ends at a space, or 0. If
 * it is, it is found.
 */
export function expectSeries(staging: usize, text: usize): u32 {
  const table = cacheOf(staging)
  const last = load<u32>(staging, 108)
  if (last === 0) return 0
  const next = load<u32>(keyTableEntry(table, last - 1), 28)
  if (next === 0) return 0
  const entry = keyTableEntry(table, next - 1)
  const length = load<u32>(entry, 4)
  if (!bytesEqual(keyTableKey(table, entry), text, length)) return 0
  if (load<u8>(text + usize(length)) !== 32) return 0
  setFound(staging, entry, next - 1)
  return length
}

/** Looks a text up: true if cachedTable, cachedSeries and cachedEntry are found. */
export function findSeries(staging: usize, text: usize, length: u32): bool {
  const table = cacheOf(staging)
  const id = keyTableFindHashed(table, text, length, hashKey(text, length))
  if (id < 0) return false
  follow(staging, u32(id))
  setFound(staging, keyTableEntry(table, u32(id)), u32(id))
  return true
}

/** Remembers that this text came after the last one. */
function follow(staging: usize, id: u32): void {
  const last = load<u32>(staging, 108)
  if (last > 0) store<u32>(keyTableEntry(cacheOf(staging), last - 1), id + 1, 28)
}

/** Makes sure that a text of this length can be added: FULL or 0. */
export function makeCacheRoom(staging: usize, length: u32): i32 {
  const table = cacheOf(staging)
  if (keyTableHasRoom(table, length)) return 0
  const isSmall = keyTableCount(table) < TEXTS_MAX
  if (isSmall && load<u32>(table, 28) + length <= TEXT_BYTES_MAX) {
    return setTableShort(staging, RAW_KEYS_SHORT, table)
  }
  clearCache(staging)
  return 0
}

function clearCache(staging: usize): void {
  const table = cacheOf(staging)
  keyTableInit(
    table,
    load<u32>(table),
    load<u32>(table, 4),
    load<u32>(table, 8),
    load<u32>(table, 12),
    load<u32>(table, 20),
    load<u32>(table, 24),
  )
  store<u32>(staging, 0, 108)
}

/** Adds a text that was not found, if it fits: the cache may forget. */
export function cacheSeries(
  staging: usize,
  text: usize,
  length: u32,
  table: u32,
  series: u32,
): void {
  const cache = cacheOf(staging)
  const id = keyTableAppend(cache, text, length, hashKey(text, length))
  if (id < 0) return
  const entry = keyTableEntry(cache, u32(id))
  store<u32>(entry, series, 16)
  store<u32>(entry, table, 20)
  follow(staging, u32(id))
  setFound(staging, entry, u32(id))
}

/**
 * Before text is staged: if the catalog has grown since the last time (another request was
 * committed), what was new here may be known now. Forgetting it keeps each line on one id per name.
 */
export function refreshCache(staging: usize): void {
  const tables = keyTableCount(catalogOf(staging, TABLES))
  const columns = keyTableCount(catalogOf(staging, COLUMNS))
  if (tables === load<u32>(staging, 152) && columns === load<u32>(staging, 156)) return
  store<u32>(staging, tables, 152)
  store<u32>(staging, columns, 156)
  stagingForget(staging)
}

/** Forgets series texts and predicted columns: what comes next is text of another form. */
export function stagingForget(staging: usize): void {
  clearCache(staging)
  forgetPredictions(staging)
}
