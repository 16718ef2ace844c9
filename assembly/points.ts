// Points that come as columns (JSON, embedders): one table, one tag set, parallel arrays. The host
// puts the arrays into a scratch region and its pointers into a plan; rows are built here.
//
// PointsPlan (u32): 0 table name  4 its length  8 columns  12 table id  16 series id  20 reserved 0
//   32 columns, 32 bytes each: 0 values (8 bytes a row; a boolean 1)  4 name  8 its length  12 type
//      16 column id (NONE at first)  20 valid u8[] (0 = all)  24 declared (0: a JSON number; 2: any float)
// Strings are slots: pointer low, length high. Tag list: 16 bytes each: key, length, value, length.

import { BOOLEAN, FLOAT, FULL, INTEGER, STRING, UNSIGNED } from './layout'
import { fitValue, setString, setValue, valueForm, valueSlot } from './field-value'
import { REFUSED, recordRows, refuse, refuseType } from './refusal'
import {
  REFUSED_EXPIRED,
  REFUSED_FRACTION,
  REFUSED_NEGATIVE,
  REFUSED_NOT_FINITE,
  REFUSED_TAG_COUNT,
  REFUSED_TIME_RANGE,
  REFUSED_UNSAFE,
} from './refusal-kind'
import { FORM_NONE, FORM_PLAIN, appendRow, isExpired, setField } from './staged-row'
import { TAGS_MAX, resolveField, resolveSeries, resolveTable, setTag, status } from './staged-name'
import { COLUMNS, LOCAL, NONE, entryOf, setMark, undoTo } from './staging'
import { isTime } from './time-text'

const MARK: usize = memory.data(16)
const ANY_FLOAT: u32 = 2
const SAFE_MAX: f64 = 9007199254740991.0

function columnOf(plan: usize, index: u32): usize {
  return plan + 32 + (usize(index) << 5)
}

function beginPlan(staging: usize, plan: usize, tags: usize, tagCount: u32): i32 {
  if (tagCount > TAGS_MAX) return refuse(REFUSED_TAG_COUNT, 0, 0, 0)
  const table = resolveTable(staging, load<u32>(plan), load<u32>(plan, 4), 0)
  if (table === NONE) return status
  for (let i: u32 = 0; i < tagCount; i++) {
    const tag = tags + (usize(i) << 4)
    setTag(i, load<u32>(tag), load<u32>(tag, 4), load<u32>(tag, 8), load<u32>(tag, 12), 0)
  }
  const series = resolveSeries(staging, table, tagCount, 0)
  if (series === NONE) return status
  store<u32>(plan, table, 12)
  store<u32>(plan, series, 16)
  return 0
}

/**
 * Resolves table and series of `rowCount` points: 0, FULL (`short` says which region; call again),
 * or REFUSED: all are refused, the reason is in the list. Keep no other text between this and
 * pointsEnd.
 */
export function pointsBegin(
  staging: usize,
  plan: usize,
  tags: usize,
  tagCount: u32,
  rowCount: u32,
): i32 {
  const mark = staging + 128
  setMark(staging, mark)
  store<u32>(staging, load<u32>(staging, 44), 148)
  let result = beginPlan(staging, plan, tags, tagCount)
  if (result === REFUSED && recordRows(staging, NONE, NONE, rowCount) < 0) result = FULL
  if (result !== 0) undoTo(staging, mark)
  return result
}

/** Makes a JSON number fit an integer column: 0 or REFUSED. */
export function fitNumber(value: f64, has: i32, name: usize, length: u32): i32 {
  if (floor(value) !== value) return refuseType(REFUSED_FRACTION, 0, name, length, has, FLOAT)
  if (abs(value) > SAFE_MAX) return refuse(REFUSED_UNSAFE, 0, name, length)
  if (has === UNSIGNED && value < 0) {
    return refuseType(REFUSED_NEGATIVE, 0, name, length, has, INTEGER)
  }
  setValue(has, u64(i64(value)), FORM_NONE)
  return 0
}

/** Takes the value of a row, whose column has type `has`: 0 or REFUSED. */
function takeValue(column: usize, row: u32, has: i32): i32 {
  const name = usize(load<u32>(column, 4))
  const length = load<u32>(column, 8)
  const type = load<i32>(column, 12)
  const values = usize(load<u32>(column))
  if (type === BOOLEAN) {
    setValue(BOOLEAN, u64(load<u8>(values + usize(row)) !== 0), FORM_NONE)
    return fitValue(has, name, length, 0)
  }
  const slot = load<u64>(values + (usize(row) << 3))
  if (type === STRING) {
    const text = usize(u32(slot))
    if (setString(text, text + usize(slot >> 32), FORM_PLAIN, 0, name) < 0) return REFUSED
    return fitValue(has, name, length, 0)
  }
  if (type === FLOAT) {
    const value = reinterpret<f64>(slot)
    const form = load<u32>(column, 24)
    if (form !== ANY_FLOAT && !isFinite<f64>(value)) {
      return refuse(REFUSED_NOT_FINITE, 0, name, length)
    }
    const isNumber = form === 0
    if (isNumber && (has === INTEGER || has === UNSIGNED)) {
      return fitNumber(value, has, name, length)
    }
  }
  setValue(type, slot, FORM_NONE)
  return fitValue(has, name, length, 0)
}

// The column that takeRow was at.
let columnIndex: u32 = 0

/** Gathers the fields of a row: how many, FULL or REFUSED. */
function takeRow(staging: usize, plan: usize, row: u32): i32 {
  const count = load<u32>(plan, 8)
  const table = load<u32>(plan, 12)
  let fields: u32 = 0
  for (columnIndex = 0; columnIndex < count; columnIndex++) {
    const column = columnOf(plan, columnIndex)
    const valid = usize(load<u32>(column, 20))
    if (valid !== 0 && load<u8>(valid + usize(row)) === 0) continue
    let id = load<u32>(column, 16)
    if (id === NONE) {
      const name = usize(load<u32>(column, 4))
      id = resolveField(staging, table, name, load<u32>(column, 8), load<i32>(column, 12), 0)
      if (id === NONE) return status
      store<u32>(column, id, 16)
    }
    const has = load<i32>(entryOf(staging, COLUMNS, id), 20)
    if (takeValue(column, row, has) < 0) return REFUSED
    setField(fields, id, valueSlot, valueForm)
    fields++
  }
  return i32(fields)
}

/** Undoes a row; columns that it created are no longer known. */
function undoRow(staging: usize, plan: usize): void {
  undoTo(staging, MARK)
  const limit = load<u32>(MARK, 4) | LOCAL
  for (let i: u32 = 0; i < load<u32>(plan, 8); i++) {
    const column = columnOf(plan, i)
    if (load<u32>(column, 16) >= limit) store<u32>(column, NONE, 16)
  }
}

/**
 * Stages the rows [from, to) of the plan, with these times; rows without a value are passed over.
 * The row that it came to: less than `to` if the region `short` has to grow first.
 */
export function pointsRows(staging: usize, plan: usize, times: usize, from: u32, to: u32): u32 {
  const table = load<u32>(plan, 12)
  const series = load<u32>(plan, 16)
  for (let row = from; row < to; row++) {
    setMark(staging, MARK)
    const time = load<i64>(times + (usize(row) << 3))
    let result = takeRow(staging, plan, row)
    if (result > 0 && !isTime(time)) {
      columnIndex = NONE
      result = refuse(REFUSED_TIME_RANGE, 0, 0, 0)
    }
    if (result > 0 && isExpired(staging, table, time)) {
      columnIndex = NONE
      result = refuse(REFUSED_EXPIRED, 0, 0, 0)
    }
    if (result > 0) result = appendRow(staging, table, series, time, u32(result))
    else if (result === REFUSED && recordRows(staging, row, columnIndex, 1) < 0) result = FULL
    if (result < 0) undoRow(staging, plan)
    if (result === FULL) return row
  }
  return to
}

/** Ends what pointsBegin began: if no row was staged, table and series are not created either. */
export function pointsEnd(staging: usize): void {
  if (load<u32>(staging, 44) === load<u32>(staging, 148)) undoTo(staging, staging + 128)
}
