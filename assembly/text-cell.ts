// Cells of text answers (JSON, NDJSON, CSV, line protocol) from typed columns. A column, 32 bytes:
//
//   0 kind u32         what the cells are: a field type, or one of TEXT_MS … TEXT_RFC3339
//   4 flags u32        of TEXT_QUOTED, TEXT_SAFE, TEXT_CSV, TEXT_LINE
//   8 values u32       pointer: f64, i64 or u64 a row, u8 for booleans; of strings, where the next cell
//                      of a JSON array is (its text, without the brackets), which printing moves on
//  12 valid u32        pointer of u8 a row, 0 = null; or 0: all rows have a value
//  16 count u32        cells (textRuns)
//  20 prefix u32       pointer of a text that is printed as it is: before the cells, or before each
//  24 prefixSize u32
//  28 reserved
//
// Strings come as JSON because hosts escape a whole array faster than they hand over its members one by
// one; from there a cell is copied, or unescaped for CSV.

import { BOOLEAN, FLOAT, INTEGER, STRING, UNSIGNED } from './layout'
import { printFloat, printInteger, printUnsigned } from './number-print'
import { copyJson, printCsv, printLineString } from './text-string'
import { printMilliseconds, printTimeText, printTimeUnits } from './time-print'

export const TEXT_COLUMN_SIZE: i32 = 32

export const TEXT_MS: i32 = 8
export const TEXT_S: i32 = 9
export const TEXT_US: i32 = 10
export const TEXT_NS: i32 = 11
export const TEXT_RFC3339: i32 = 12

/** Integers and times stand in quotes. */
export const TEXT_QUOTED: i32 = 1
/** Integers beyond 2^53 stand in quotes. */
export const TEXT_SAFE: i32 = 2
/** What has no value is empty; strings are quoted only where they have to be (RFC 4180). */
export const TEXT_CSV: i32 = 4
/** What has no value is nothing; integers end with `i` or `u`. */
export const TEXT_LINE: i32 = 8

const SPACE: u8 = 32
const QUOTE: u8 = 34
const COMMA: u8 = 44
const NEWLINE: u8 = 10
const LETTER_I: u8 = 105
const LETTER_U: u8 = 117
const NULL: u32 = 0x6c6c756e
const TRUE: u32 = 0x65757274
const FALSE: u64 = 0x65736c6166
const INTEGER_MAX: i64 = 9007199254740991

/** The text before a column's cells. */
export function printPrefix(column: usize, target: usize): usize {
  const size = usize(load<u32>(column, 24))
  const prefix = usize(load<u32>(column, 20))
  // Most prefixes of rows are short.
  if (size <= 16) v128.store(target, v128.load(prefix))
  else memory.copy(target, prefix, size)
  return target + size
}

/** Cell `row` of a column; of strings, the next one. */
export function printCell(column: usize, row: usize, target: usize): usize {
  const kind = load<i32>(column)
  const flags = load<i32>(column, 4)
  const values = usize(load<u32>(column, 8))
  const valid = usize(load<u32>(column, 12))
  const isNull = valid !== 0 && load<u8>(valid + row) === 0
  if (kind === STRING) return printString(column, values, flags, isNull, target)
  if (isNull) return printNull(flags, target)
  if (kind === FLOAT) {
    const value = load<f64>(values + (row << 3))
    // Neither infinite nor NaN
    return value - value === 0.0 ? printFloat(value, target) : printNull(flags, target)
  }
  if (kind === BOOLEAN) return printBoolean(load<u8>(values + row), target)
  const word = load<i64>(values + (row << 3))
  const isQuoted = (flags & TEXT_QUOTED) !== 0 || isUnsafe(kind, flags, word)
  if (!isQuoted) return printWord(kind, word, target)
  store<u8>(target, QUOTE)
  const end = printWord(kind, word, target + 1)
  store<u8>(end, QUOTE)
  return end + 1
}

function printNull(flags: i32, target: usize): usize {
  if ((flags & (TEXT_CSV | TEXT_LINE)) !== 0) return target
  store<u32>(target, NULL)
  return target + 4
}

function printBoolean(value: u8, target: usize): usize {
  if (value !== 0) {
    store<u32>(target, TRUE)
    return target + 4
  }
  store<u64>(target, FALSE)
  return target + 5
}

function isUnsafe(kind: i32, flags: i32, word: i64): bool {
  if ((flags & TEXT_SAFE) === 0) return false
  if (kind === UNSIGNED) return u64(word) > u64(INTEGER_MAX)
  return kind === INTEGER && (word > INTEGER_MAX || word < -INTEGER_MAX)
}

function printWord(kind: i32, word: i64, target: usize): usize {
  if (kind === INTEGER) return printInteger(word, target)
  if (kind === UNSIGNED) return printUnsigned(u64(word), target)
  if (kind === TEXT_MS) return printMilliseconds(word, target)
  if (kind === TEXT_RFC3339) return printTimeText(word, target)
  if (kind === TEXT_NS) return printTimeUnits(word, 1, target)
  return printTimeUnits(word, kind === TEXT_US ? 1000 : 1000000000, target)
}

/** The next string of a column; the text goes on behind the comma after it. */
function printString(column: usize, source: usize, flags: i32, isNull: bool, target: usize): usize {
  const end = copyJson(source, target)
  const size = end - target
  store<u32>(column, u32(source + size + 1), 8)
  if (isNull) return printNull(flags, target)
  if ((flags & TEXT_LINE) !== 0) return printLineString(source, size, target)
  return (flags & TEXT_CSV) === 0 ? end : printCsv(source, size, target)
}

/**
 * Each run of cells: its prefix, then cells [0, count), a comma between them. The end of the text. `target`
 * has room for the prefixes, for the strings, and for PRINT_SLACK bytes a cell.
 */
export function textRuns(runs: usize, runCount: i32, target: usize): usize {
  let p = target
  const end = runs + usize(runCount * TEXT_COLUMN_SIZE)
  for (let run = runs; run < end; run += usize(TEXT_COLUMN_SIZE)) {
    p = printPrefix(run, p)
    const count = usize(load<u32>(run, 16))
    for (let row: usize = 0; row < count; row++) {
      if (row > 0) store<u8>(p++, COMMA)
      p = printCell(run, row, p)
    }
  }
  return p
}

/**
 * Rows [0, rowCount): of each column its prefix and its cell, then the row's last `tail` bytes. The end of
 * the text. Room: as for textRuns, prefixes and tail counted in each row.
 */
export function textRows(
  columns: usize,
  columnCount: i32,
  rowCount: u32,
  tail: usize,
  tailSize: usize,
  target: usize,
): usize {
  let p = target
  const end = columns + usize(columnCount * TEXT_COLUMN_SIZE)
  for (let row: usize = 0; row < usize(rowCount); row++) {
    for (let column = columns; column < end; column += usize(TEXT_COLUMN_SIZE)) {
      p = printCell(column, row, printPrefix(column, p))
    }
    memory.copy(p, tail, tailSize)
    p += tailSize
  }
  return p
}

/**
 * Rows [0, rowCount) of line protocol: the prefix of the first column (table, tags and a space), the
 * others' prefixes (`name=`) and cells as far as they have a value, the first column's cell (the time), a
 * newline. Rows without any value are left out. The end of the text. Room: as for textRows.
 */
export function textLines(columns: usize, columnCount: i32, rowCount: u32, target: usize): usize {
  const end = columns + usize(columnCount * TEXT_COLUMN_SIZE)
  let p = target
  for (let row: usize = 0; row < usize(rowCount); row++) {
    const first = printPrefix(columns, p)
    let q = first
    for (
      let column = columns + usize(TEXT_COLUMN_SIZE);
      column < end;
      column += usize(TEXT_COLUMN_SIZE)
    ) {
      store<u8>(q, COMMA)
      const named = printPrefix(column, q === first ? q : q + 1)
      const cell = printCell(column, row, named)
      if (cell !== named) q = printSuffix(load<i32>(column), cell)
    }
    if (q === first) continue
    store<u8>(q, SPACE)
    p = printCell(columns, row, q + 1)
    store<u8>(p++, NEWLINE)
  }
  return p
}

/** The letter that tells integers from floats. */
function printSuffix(kind: i32, target: usize): usize {
  if (kind !== INTEGER && kind !== UNSIGNED) return target
  store<u8>(target, kind === INTEGER ? LETTER_I : LETTER_U)
  return target + 1
}
