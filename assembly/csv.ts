// CSV (RFC 4180) rows → staged rows: quotes, doubled quotes, newlines and commas inside quotes,
// CRLF. The host has read the header and made the plan: which column is the time, a tag or a field.
// An empty cell is null; numbers, booleans and times may have blanks around them, strings and tags
// keep theirs.
//
// CsvPlan (u32): 0 table name  4 its length  8 columns  12 table id (NONE at first)  16 reserved 0
//   32 columns, 32 bytes each: 0 role (TIME, TAG, FIELD)  4 name  8 its length
//      12 declared type, NONE = by its first value  16 column id (NONE at first)  20 reserved 0
// Cell, 12 bytes: 0 text u32  4 length u32  8 quotes u32: 0 none, 1 quoted, 2 and has doubled ones

import { BOOLEAN, FLOAT, FULL, INTEGER, OVERFLOW, STRING } from './layout'
import { booleanWord, fitValue, isNotFinite, setString, setValue } from './field-value'
import { valueForm, valueSlot } from './field-value'
import {
  integerValue,
  isPlain,
  scanNumber,
  takeFloat,
  takeInteger,
  takeUnsigned,
} from './number-text'
import { REFUSED, recordLine, refuse, refuseCell, refuseType } from './refusal'
import {
  REFUSED_CELL_COUNT,
  REFUSED_CELL_RANGE,
  REFUSED_CELL_TYPE,
  REFUSED_EXPIRED,
  REFUSED_FLOAT_RANGE,
  REFUSED_KEY_LENGTH,
  REFUSED_NOT_FINITE,
  REFUSED_OPEN_QUOTE,
  REFUSED_QUOTE,
  REFUSED_TIME,
  REFUSED_TIME_RANGE,
} from './refusal-kind'
import { cacheSeries, cachedSeries, findSeries, makeCacheRoom, refreshCache } from './series-cache'
import { FORM_DOUBLED, FORM_NONE, FORM_PLAIN, appendRow, isExpired, setField } from './staged-row'
import { findField, resolveField, resolveSeries, resolveTable, setTag, status } from './staged-name'
import {
  COLUMNS,
  LOCAL,
  NONE,
  addLines,
  arrivalTime,
  entryOf,
  setMark,
  timeUnit,
  undoTo,
} from './staging'
import { parseTime, timeValue } from './time-text'
import { countNewlines } from './utf8'

export const CSV_TIME: u32 = 0
export const CSV_TAG: u32 = 1
export const CSV_FIELD: u32 = 2
/** 4,096 fields, 256 tags, a time. */
export const CSV_COLUMNS_MAX: u32 = 4353

const MARK: usize = memory.data(16)
const CELLS: usize = memory.data(4353 * 12)
// The tag cells of a row, each u32 length and text with its quotes resolved: the key of its series.
const KEY: usize = memory.data(131072)
const KEY_MAX: u32 = 131072

let rowEnd: usize = 0
let cellCount: u32 = 0
let keyLength: u32 = 0

function columnOf(plan: usize, index: u32): usize {
  return plan + 32 + (usize(index) << 5)
}

function cellOf(index: u32): usize {
  return CELLS + usize(index) * 12
}

function isRowEnd(p: usize): bool {
  const byte = load<u8>(p)
  return byte === 10 || (byte === 13 && load<u8>(p, 1) === 10)
}

function newlineFrom(p: usize): usize {
  while (load<u8>(p) !== 10) p++
  return p
}

/** Notes a cell; those beyond the most that a table may have are only counted. */
function addCell(start: usize, end: usize, quotes: u32): void {
  if (cellCount < CSV_COLUMNS_MAX) {
    const cell = cellOf(cellCount)
    store<u32>(cell, u32(start))
    store<u32>(cell, u32(end - start), 4)
    store<u32>(cell, quotes, 8)
  }
  cellCount++
}

/** Reads the quoted cell whose quote is at p: the address behind it, 0 = refused. */
function splitQuoted(quote: usize, end: usize): usize {
  let quotes: u32 = 1
  let p = quote + 1
  while (p < end) {
    if (load<u8>(p) !== 34) {
      p++
      continue
    }
    // At the very end the next byte is the newline put there, so this quote closes.
    if (load<u8>(p, 1) !== 34 || p + 1 >= end) {
      addCell(quote + 1, p, quotes)
      if (load<u8>(p, 1) === 44 || isRowEnd(p + 1)) return p + 1
      rowEnd = newlineFrom(p + 1)
      refuse(REFUSED_QUOTE, p + 1, quote, 0)
      return 0
    }
    quotes = 2
    p += 2
  }
  rowEnd = 0
  refuse(REFUSED_OPEN_QUOTE, quote, quote, 0)
  return 0
}

/**
 * Splits the row at `start` into CELLS: 0, or REFUSED. rowEnd is its newline, 0 if a quote stays
 * open.
 */
function splitRow(start: usize, end: usize): i32 {
  cellCount = 0
  let p = start
  while (true) {
    if (load<u8>(p) === 34) {
      p = splitQuoted(p, end)
      if (p === 0) return REFUSED
    } else {
      const first = p
      while (load<u8>(p) !== 44 && !isRowEnd(p)) p++
      addCell(first, p, 0)
    }
    if (load<u8>(p) !== 44) break
    p++
  }
  rowEnd = load<u8>(p) === 13 ? p + 1 : p
  return 0
}

function isBlank(byte: u8): bool {
  return byte === 32 || byte === 9
}

// The text of a cell without the blanks around it.
let trimmed: usize = 0
let trimmedEnd: usize = 0

function trim(cell: usize): void {
  trimmed = usize(load<u32>(cell))
  trimmedEnd = trimmed + usize(load<u32>(cell, 4))
  while (trimmed < trimmedEnd && isBlank(load<u8>(trimmed))) trimmed++
  while (trimmedEnd > trimmed && isBlank(load<u8>(trimmedEnd - 1))) trimmedEnd--
}

/** Appends the tag cell to KEY; REFUSED if the key is too long, else where its text begins. */
function addToKey(cell: usize): i32 {
  const length = load<u32>(cell, 4)
  if (keyLength + 4 + length > KEY_MAX) return REFUSED
  const source = usize(load<u32>(cell))
  const start = KEY + usize(keyLength) + 4
  let target = start
  for (let p = source; p < source + usize(length); p++) {
    store<u8>(target++, load<u8>(p))
    if (load<u32>(cell, 8) === 2 && load<u8>(p) === 34) p++
  }
  store<u32>(start - 4, u32(target - start))
  keyLength = u32(target - KEY)
  return i32(start)
}

/**
 * Finds the series of the row's tag cells: its id in `cachedSeries` or as new; NONE with status
 * set.
 */
function seriesOf(staging: usize, plan: usize, table: u32, at: usize): u32 {
  keyLength = 0
  let count: u32 = 0
  for (let i: u32 = 0; i < cellCount; i++) {
    const column = columnOf(plan, i)
    if (load<u32>(column) !== CSV_TAG) continue
    const cell = cellOf(i)
    const text = addToKey(cell)
    if (text === REFUSED) {
      seriesStatus = refuse(REFUSED_KEY_LENGTH, usize(load<u32>(cell)), at, 0)
      return NONE
    }
    const valueLength = load<u32>(text - 4)
    setTag(count++, load<u32>(column, 4), load<u32>(column, 8), text, valueLength, load<u32>(cell))
  }
  if (findSeries(staging, KEY, keyLength)) return cachedSeries
  if (makeCacheRoom(staging, keyLength) < 0) {
    seriesStatus = FULL
    return NONE
  }
  const series = resolveSeries(staging, table, count, at)
  seriesStatus = status
  isNewSeries = series !== NONE
  return series
}

// Why seriesOf answered NONE; whether its answer is not in the cache yet.
let seriesStatus: i32 = 0
let isNewSeries: bool = false

/** The type that an undeclared column gets from its first value. */
function inferType(): i32 {
  const end = scanNumber(trimmed, trimmedEnd)
  if (end === trimmedEnd && end !== 0) return FLOAT
  if (trimmedEnd - trimmed > 1 && booleanWord(trimmed, trimmedEnd) >= 0) return BOOLEAN
  return STRING
}

function refuseTrimmed(why: i32, column: usize, has: i32): i32 {
  const name = usize(load<u32>(column, 4))
  const length = u32(trimmedEnd - trimmed)
  return refuseCell(why, trimmed, name, load<u32>(column, 8), length, has)
}

/** Reads the trimmed cell as a number of this type: 0 or REFUSED. */
function takeNumber(column: usize, type: i32): i32 {
  const end = scanNumber(trimmed, trimmedEnd)
  if (end !== trimmedEnd || end === 0) {
    const isFloat = type === FLOAT && isNotFinite(trimmed, trimmedEnd)
    return refuseTrimmed(isFloat ? REFUSED_NOT_FINITE : REFUSED_CELL_TYPE, column, type)
  }
  if (type === FLOAT) {
    const value = takeFloat()
    if (value === Infinity || value === -Infinity) {
      return refuseTrimmed(REFUSED_FLOAT_RANGE, column, type)
    }
    setValue(FLOAT, reinterpret<u64>(value), FORM_NONE)
    return 0
  }
  if (!isPlain) return refuseTrimmed(REFUSED_CELL_TYPE, column, type)
  if (!(type === INTEGER ? takeInteger() : takeUnsigned())) {
    return refuseTrimmed(REFUSED_CELL_RANGE, column, type)
  }
  setValue(type, u64(integerValue), FORM_NONE)
  return 0
}

/** Reads a cell as a value of this type: 0 or REFUSED. */
function takeCell(column: usize, cell: usize, type: i32): i32 {
  if (type === STRING) {
    const text = usize(load<u32>(cell))
    const end = text + usize(load<u32>(cell, 4))
    if (load<u32>(cell, 8) < 2) return setString(text, end, FORM_PLAIN, 0, text)
    return setString(text, end, FORM_DOUBLED, countDoubled(text, end), text)
  }
  if (type !== BOOLEAN) return takeNumber(column, type)
  const value = booleanWord(trimmed, trimmedEnd)
  if (value < 0) return refuseTrimmed(REFUSED_CELL_TYPE, column, type)
  setValue(BOOLEAN, u64(value), FORM_NONE)
  return 0
}

function countDoubled(p: usize, end: usize): u32 {
  let quotes: u32 = 0
  for (; p < end; p++) quotes += u32(load<u8>(p) === 34)
  return quotes >> 1
}

/** Is the cell null? A quoted empty one, or blanks, are a value in a string column. */
function isNull(staging: usize, table: u32, column: usize, cell: usize): bool {
  const isEmpty = load<u32>(cell, 4) === 0
  if (!isEmpty && trimmed < trimmedEnd) return false
  if (isEmpty && load<u32>(cell, 8) === 0) return true
  let type = load<u32>(column, 12)
  let id = load<u32>(column, 16)
  if (id === NONE) id = findField(staging, table, load<u32>(column, 4), load<u32>(column, 8))
  if (id !== NONE) type = load<u32>(entryOf(staging, COLUMNS, id), 20)
  return type !== u32(STRING)
}

/**
 * Takes the field in cell `index` as field `position` of the row: 1, 0 if null, FULL or REFUSED.
 */
function takeField(staging: usize, plan: usize, table: u32, index: u32, position: u32): i32 {
  const column = columnOf(plan, index)
  const cell = cellOf(index)
  trim(cell)
  if (isNull(staging, table, column, cell)) return 0
  const name = usize(load<u32>(column, 4))
  const length = load<u32>(column, 8)
  const at = usize(load<u32>(cell))
  const declared = load<u32>(column, 12)
  let id = load<u32>(column, 16)
  if (id === NONE) {
    const sent = declared === NONE ? inferType() : i32(declared)
    id = resolveField(staging, table, name, length, sent, at)
    if (id === NONE) return status
    store<u32>(column, id, 16)
  }
  const has = load<i32>(entryOf(staging, COLUMNS, id), 20)
  if (takeCell(column, cell, declared === NONE ? has : i32(declared)) < 0) return REFUSED
  if (fitValue(has, name, length, at) < 0) return REFUSED
  setField(position, id, valueSlot, valueForm)
  return 1
}

let rowTime: i64 = 0

// Where the time of the row stands.
let timeStart: usize = 0
let timeLength: u32 = 0

function takeTime(staging: usize, cell: usize): i32 {
  trim(cell)
  if (trimmed === trimmedEnd) return 0
  const result = parseTime(trimmed, trimmedEnd, timeUnit(staging))
  const length = u32(trimmedEnd - trimmed)
  timeStart = trimmed
  timeLength = length
  if (result === 0) rowTime = timeValue
  else if (result === OVERFLOW) return refuse(REFUSED_TIME_RANGE, trimmed, trimmed, length)
  else return refuse(REFUSED_TIME, trimmed, trimmed, length)
  return 0
}

/** Stages the row whose cells are split: how many fields it has, FULL or REFUSED. */
function takeRow(staging: usize, plan: usize, start: usize): i32 {
  if (cellCount !== load<u32>(plan, 8)) return refuseCount(plan, start)
  let table = load<u32>(plan, 12)
  if (table === NONE) {
    table = resolveTable(staging, load<u32>(plan), load<u32>(plan, 4), start)
    if (table === NONE) return status
    store<u32>(plan, table, 12)
  }
  rowTime = arrivalTime(staging)
  timeStart = start
  timeLength = 0
  let fields: u32 = 0
  for (let i: u32 = 0; i < cellCount; i++) {
    const role = load<u32>(columnOf(plan, i))
    let result = 0
    if (role === CSV_TIME) result = takeTime(staging, cellOf(i))
    else if (role === CSV_FIELD) result = takeField(staging, plan, table, i, fields)
    if (result < 0) return result
    fields += u32(result)
  }
  if (fields === 0) return 0
  if (isExpired(staging, table, rowTime)) {
    return refuse(REFUSED_EXPIRED, timeStart, timeStart, timeLength)
  }
  isNewSeries = false
  const series = seriesOf(staging, plan, table, start)
  if (series === NONE) return seriesStatus
  if (appendRow(staging, table, series, rowTime, fields) < 0) return FULL
  if (isNewSeries) cacheSeries(staging, KEY, keyLength, table, series)
  return i32(fields)
}

/**
 * Refuses a row with too many or too few cells; the position is the first that is too much, or its
 * end.
 */
function refuseCount(plan: usize, start: usize): i32 {
  const expected = load<u32>(plan, 8)
  const isLong = cellCount > expected && expected < CSV_COLUMNS_MAX
  const at = isLong ? usize(load<u32>(cellOf(expected))) : rowEnd
  return refuseType(REFUSED_CELL_COUNT, at, start, 0, i32(expected), i32(cellCount))
}

/** Undoes a row; table and columns that it created are no longer known. */
function undoRow(staging: usize, plan: usize): void {
  undoTo(staging, MARK)
  if (load<u32>(plan, 12) >= (load<u32>(MARK) | LOCAL)) store<u32>(plan, NONE, 12)
  const limit = load<u32>(MARK, 4) | LOCAL
  for (let i: u32 = 0; i < load<u32>(plan, 8); i++) {
    const column = columnOf(plan, i)
    if (load<u32>(column, 16) >= limit) store<u32>(column, NONE, 16)
  }
}

/** The end of the row's text, without its carriage return. */
function textEnd(start: usize): usize {
  return rowEnd > start && load<u8>(rowEnd - 1) === 13 ? rowEnd - 1 : rowEnd
}

/**
 * Stages the whole rows of `length` bytes at `source`, where 32 more bytes may be overwritten. How
 * many bytes were taken. If `short` of the staging is set, grow that region and call again with the
 * rest; else the rest is part of a row. `isFinal`: the text ends here, also without a newline.
 */
export function csvRows(
  staging: usize,
  plan: usize,
  source: usize,
  length: u32,
  isFinal: bool,
): u32 {
  const end = source + usize(length)
  store<u16>(end, 0x0a0a)
  store<u32>(staging, 0, 60)
  refreshCache(staging)
  let p = source
  while (p < end) {
    let result = splitRow(p, end)
    if (rowEnd === 0) rowEnd = isFinal ? newlineFrom(p) : end
    if (rowEnd >= end && !isFinal) break
    setMark(staging, MARK)
    if (result === 0 && !isRowEnd(p)) result = takeRow(staging, plan, p)
    if (result === REFUSED && recordLine(staging, p, textEnd(p)) < 0) result = FULL
    if (result <= 0) undoRow(staging, plan)
    if (result === FULL) break
    addLines(staging, 1 + countNewlines(p, min(rowEnd, end)))
    p = rowEnd + 1
  }
  return min(u32(p - source), length)
}
