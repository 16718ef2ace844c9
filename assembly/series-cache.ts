// The text that names a series (the start of a line, the tag cells of a CSV row) → its table and series,
// so that tags are parsed and sorted once. Texts of lines whose series the catalog has are kept for all
// requests, with the catalog (engine/catalog/series-texts.ts makes room); those of series that are new,
// and of CSV, in the request's own cache, which starts anew when it has grown to its limit, and when the
// request goes over to another form of text (host: stagingForget). Series come in the same order again
// and again, so each text remembers the one that followed it: that is compared first, without a hash.
//
// Payloads of a text: a series  b table  c number of its lines' template (line-template.ts) or an older
// one  d the text that followed it
// Texts are referred to by id + 1, with LOCAL if they are the request's own; 0 = none.
// The catalog's texts count at byte 32 of their KeyTable what they had no room for.

import { hashKey } from './hash'
import {
  REMOVED,
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
  LOCAL,
  RAW_KEYS_SHORT,
  SERIES,
  TABLES,
  catalogOf,
  forgetPredictions,
  setTableShort,
  touchTable,
} from './staging'

const TEXTS_MAX: u32 = 65536
const TEXT_BYTES_MAX: u32 = 8 << 20

/** What the last successful look-up found. */
export let cachedTable: u32 = 0
export let cachedSeries: u32 = 0
/** The text's entry; its payload c is the parser's. */
export let cachedEntry: usize = 0

function ownTexts(staging: usize): usize {
  return usize(load<u32>(staging, 24))
}

function catalogTexts(staging: usize): usize {
  return usize(load<u32>(usize(load<u32>(staging)), 16))
}

/** The entry of a text, 0 if there is none: the catalog's texts start anew now and then. */
function textEntry(staging: usize, reference: u32): usize {
  const table = (reference & LOCAL) !== 0 ? ownTexts(staging) : catalogTexts(staging)
  const id = (reference & ~LOCAL) - 1
  return id < keyTableCount(table) ? keyTableEntry(table, id) : 0
}

function setFound(staging: usize, entry: usize, reference: u32): void {
  cachedEntry = entry
  cachedSeries = load<u32>(entry, 16)
  cachedTable = load<u32>(entry, 20)
  store<u32>(staging, reference, 108)
}

/** Remembers that this text came after the last one; nobody else's text follows one of the catalog. */
function follow(staging: usize, reference: u32): void {
  const last = load<u32>(staging, 108)
  const entry = textEntry(staging, last)
  if (entry !== 0 && ((last & LOCAL) !== 0 || (reference & LOCAL) === 0)) {
    store<u32>(entry, reference, 28)
  }
}

/** Is what a text of the catalog names still there, and in the request's database? */
function isLive(staging: usize, entry: usize): bool {
  const table = keyTableEntry(catalogOf(staging, TABLES), load<u32>(entry, 20))
  if (load<u32>(table, 16) !== load<u32>(staging, 4)) return false
  const series = keyTableEntry(catalogOf(staging, SERIES), load<u32>(entry, 16))
  return load<u32>(table, 4) !== REMOVED && load<u32>(series, 4) !== REMOVED
}

/**
 * The length of the text at `text` that is the one that is expected next and ends at a space, or 0. If
 * it is, it is found.
 */
export function expectSeries(staging: usize, text: usize): u32 {
  const last = textEntry(staging, load<u32>(staging, 108))
  if (last === 0) return 0
  const next = load<u32>(last, 28)
  const entry = textEntry(staging, next)
  if (entry === 0) return 0
  const isOwn = (next & LOCAL) !== 0
  const table = isOwn ? ownTexts(staging) : catalogTexts(staging)
  const length = load<u32>(entry, 4)
  if (!bytesEqual(keyTableKey(table, entry), text, length)) return 0
  if (load<u8>(text + usize(length)) !== 32) return 0
  if (!isOwn && !isLive(staging, entry)) return 0
  setFound(staging, entry, next)
  return length
}

// Of the line's text that was looked up last: its hash, and the catalog's entry that is out of date.
let lineHash: u64 = 0
let staleReference: u32 = 0

/** One text names different series in two databases. */
function hashLine(staging: usize, text: usize, length: u32): u64 {
  return hashKey(text, length) + u64(load<u32>(staging, 4)) * 0x9e3779b97f4a7c15
}

/** Looks the text of a line up: true if cachedTable, cachedSeries and cachedEntry are found. */
export function findLineSeries(staging: usize, text: usize, length: u32): bool {
  lineHash = hashLine(staging, text, length)
  staleReference = 0
  const texts = catalogTexts(staging)
  const id = keyTableFindHashed(texts, text, length, lineHash)
  if (id < 0) return findOwn(staging, text, length, lineHash)
  const entry = keyTableEntry(texts, u32(id))
  if (!isLive(staging, entry)) {
    staleReference = u32(id) + 1
    return findOwn(staging, text, length, lineHash)
  }
  follow(staging, u32(id) + 1)
  setFound(staging, entry, u32(id) + 1)
  return true
}

/** Notes that the request writes to the table that was found: FULL or 0. */
export function touchFound(staging: usize): i32 {
  const isTouched = (cachedTable & LOCAL) !== 0 || cachedTable === load<u32>(staging, 100)
  return isTouched ? 0 : touchTable(staging, cachedTable)
}

/** Looks the text of a CSV row up, in the request's own cache. */
export function findSeries(staging: usize, text: usize, length: u32): bool {
  return findOwn(staging, text, length, hashKey(text, length))
}

function findOwn(staging: usize, text: usize, length: u32, hash: u64): bool {
  const table = ownTexts(staging)
  const id = keyTableFindHashed(table, text, length, hash)
  if (id < 0) return false
  const reference = (u32(id) + 1) | LOCAL
  follow(staging, reference)
  setFound(staging, keyTableEntry(table, u32(id)), reference)
  return true
}

/** Makes sure that a text of this length can be added: FULL or 0. */
export function makeCacheRoom(staging: usize, length: u32): i32 {
  const table = ownTexts(staging)
  if (keyTableHasRoom(table, length)) return 0
  const isSmall = keyTableCount(table) < TEXTS_MAX
  if (isSmall && load<u32>(table, 28) + length <= TEXT_BYTES_MAX) {
    return setTableShort(staging, RAW_KEYS_SHORT, table)
  }
  clearCache(staging)
  return 0
}

function clearCache(staging: usize): void {
  const table = ownTexts(staging)
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

/** Adds the text of a line that findLineSeries did not find; makeCacheRoom said 0. */
export function cacheLineSeries(
  staging: usize,
  text: usize,
  length: u32,
  table: u32,
  series: u32,
): void {
  if ((series & LOCAL) === 0) {
    const texts = catalogTexts(staging)
    let reference = staleReference
    if (reference === 0) reference = u32(keyTableAppend(texts, text, length, lineHash) + 1)
    if (reference !== 0) return setAdded(staging, reference, table, series)
    store<u32>(texts, load<u32>(texts, 32) + 1, 32)
  }
  addOwn(staging, text, length, lineHash, table, series)
}

/** Adds the text of a CSV row that findSeries did not find; makeCacheRoom said 0. */
export function cacheSeries(
  staging: usize,
  text: usize,
  length: u32,
  table: u32,
  series: u32,
): void {
  addOwn(staging, text, length, hashKey(text, length), table, series)
}

function addOwn(
  staging: usize,
  text: usize,
  length: u32,
  hash: u64,
  table: u32,
  series: u32,
): void {
  const id = keyTableAppend(ownTexts(staging), text, length, hash)
  if (id < 0) unreachable()
  setAdded(staging, (u32(id) + 1) | LOCAL, table, series)
}

function setAdded(staging: usize, reference: u32, table: u32, series: u32): void {
  const entry = textEntry(staging, reference)
  store<u32>(entry, series, 16)
  store<u32>(entry, table, 20)
  follow(staging, reference)
  setFound(staging, entry, reference)
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
