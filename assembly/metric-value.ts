// Samples of metrics as rows: their one field is called `value`, and labels of the names that are taken here
// get others. Prometheus' remote write and OTLP share it.

import { FLOAT, INTEGER, UNSIGNED } from './layout'
import { fitValue, setValue, valueSlot } from './field-value'
import { bytesEqual } from './key-table'
import { fitNumber } from './points'
import { FORM_NONE, appendRow, setField } from './staged-row'
import { resolveField, setTag } from './staged-name'
import { COLUMNS, entryOf } from './staging'

// "value"
const NAME: usize = memory.data<u8>([118, 97, 108, 117, 101])
const NAME_LENGTH: u32 = 5
// "exported_time", "exported_value"
const EXPORTED_TIME: usize = memory.data<u8>([
  101, 120, 112, 111, 114, 116, 101, 100, 95, 116, 105, 109, 101,
])
const EXPORTED_VALUE: usize = memory.data<u8>([
  101, 120, 112, 111, 114, 116, 101, 100, 95, 118, 97, 108, 117, 101,
])
// "time", little-endian
const TIME: u32 = 0x656d6974

/**
 * Sets a tag of a metric. `time` and `value` are labels like others there, and the time and the field here:
 * they become `exported_time` and `exported_value`, as Prometheus calls labels whose name is taken.
 */
export function setMetricTag(
  index: u32,
  key: usize,
  keyLength: u32,
  value: usize,
  valueLength: u32,
): void {
  if (keyLength === 4 && load<u32>(key) === TIME) {
    key = EXPORTED_TIME
    keyLength = 13
  } else if (keyLength === NAME_LENGTH && bytesEqual(key, NAME, NAME_LENGTH)) {
    key = EXPORTED_VALUE
    keyLength = 14
  }
  setTag(index, key, keyLength, value, valueLength, 0)
}

/** Id of a table's column of values, made with this type if it is new; NONE as resolveField says. */
export function resolveValue(staging: usize, table: u32, type: i32): u32 {
  return resolveField(staging, table, NAME, NAME_LENGTH, type, 0)
}

/**
 * Appends a row of one value, which fits its column as a number of JSON does: whole floats go into
 * columns of integers. 0, FULL or REFUSED.
 */
export function appendValue(
  staging: usize,
  table: u32,
  series: u32,
  column: u32,
  time: i64,
  type: i32,
  slot: u64,
): i32 {
  const has = load<i32>(entryOf(staging, COLUMNS, column), 20)
  setValue(type, slot, FORM_NONE)
  const isWhole = type === FLOAT && (has === INTEGER || has === UNSIGNED)
  const result = isWhole
    ? fitNumber(reinterpret<f64>(slot), has, NAME, NAME_LENGTH)
    : fitValue(has, NAME, NAME_LENGTH, 0)
  if (result < 0) return result
  setField(0, column, valueSlot, FORM_NONE)
  return appendRow(staging, table, series, time, 1)
}
