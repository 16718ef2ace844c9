// Cells of a JSON array (RFC 8259) as a column of one type: numbers as floats, booleans as 0.0 and 1.0,
// strings as unescaped UTF-8 one behind the other, with where each ends; nulls of any. Text comes in
// stretches: cells whose end is not there yet wait for the next one. What is no such array (no JSON, two
// types, half of a surrogate pair, a number beyond the range) is CORRUPT, or a cell that never ends: who
// asked finds out why by other means.
//
// JsonCells (u32): 0 type (JSON_NULLS until a cell has one)  4 cells read  8 of them null  12 bytes of
//   text read  16 bytes of strings  20 1 = the array has ended

import { plainNumber, plainSlot } from './digits'
import { BOOLEAN, CORRUPT, FLOAT, STRING } from './layout'
import { scanNumber, takeFloat } from './number-text'
import { findBadByte } from './utf8'

export const JSON_CELLS_SIZE: u32 = 24
/** What may be read and written behind the end of the text, and of the strings. */
export const JSON_SLACK: u32 = 64
/** Type of a column that has nothing but nulls so far. */
export const JSON_NULLS: u32 = 255

/** What a cell's reader answers if the text ends too soon, or is wrong. */
const SHORT: usize = 0
const WRONG: usize = 1

const WORD_NULL: u32 = 0x6c6c756e
const WORD_TRUE: u32 = 0x65757274
const WORD_ALSE: u32 = 0x65736c61

// Of the cell that was read last.
let cellType: u32 = 0
let cellValue: f64 = 0.0
/** Where the next string goes. */
let textEnd: usize = 0

function skipSpace(from: usize, end: usize): usize {
  let p = from
  for (; p < end; p++) {
    const byte = load<u8>(p)
    if (byte !== 32 && (byte > 13 || byte < 9 || byte === 11 || byte === 12)) break
  }
  return p
}

function isDigit(byte: u32): bool {
  return byte - 48 < 10
}

/** JSON wants a digit before the point, and no zero before another one. */
function isStrictWhole(from: usize): bool {
  const p = from + usize(load<u8>(from) === 45)
  const first = load<u8>(p)
  return isDigit(first) && (first !== 48 || !isDigit(load<u8>(p, 1)))
}

/** JSON wants a digit behind the point, too. */
function hasOpenPoint(from: usize, end: usize): bool {
  for (let p = from; p < end; p++) {
    if (load<u8>(p) === 46) return p + 1 === end || !isDigit(load<u8>(p, 1))
  }
  return false
}

/** Reads up to four digits before a comma: for so few, vectors and a division take longer. */
function readShort(from: usize, end: usize): usize {
  let value: u32 = 0
  let p = from
  for (; p < from + 4; p++) {
    const digit = u32(load<u8>(p)) - 48
    if (digit > 9) break
    value = value * 10 + digit
  }
  if (p === from || p >= end || load<u8>(p) !== 44) return SHORT
  if (load<u8>(from) === 48 && p !== from + 1) return SHORT
  cellValue = f64(value)
  return p
}

function readNumber(from: usize, end: usize): usize {
  cellType = FLOAT
  const short = readShort(from, end)
  if (short !== SHORT) return short
  let after = plainNumber(from, FLOAT)
  if (after !== 0 && after < end) {
    const byte = load<u8>(after)
    if (byte === 44 || byte === 93 || byte <= 32) {
      cellValue = reinterpret<f64>(plainSlot)
      return isStrictWhole(from) ? after : WRONG
    }
  }
  after = scanNumber(from, end)
  // `-` and `1e` are none yet.
  if (after === end || after === 0) return SHORT
  cellValue = takeFloat()
  if (!isFinite<f64>(cellValue) || !isStrictWhole(from)) return WRONG
  return hasOpenPoint(from, after) ? WRONG : after
}

/** Reads `null`, `true` or `false`. */
function readWord(from: usize, end: usize): usize {
  if (end - from < 5) return SHORT
  const word = load<u32>(from)
  cellType = word === WORD_NULL ? JSON_NULLS : BOOLEAN
  cellValue = f64(word === WORD_TRUE)
  if (word === WORD_NULL || word === WORD_TRUE) return from + 4
  return load<u8>(from) === 102 && load<u32>(from, 1) === WORD_ALSE ? from + 5 : WRONG
}

/** The number that four hexadecimal digits are, negative if they are none. */
function hexCode(p: usize): i32 {
  let code: i32 = 0
  for (let i: usize = 0; i < 4; i++) {
    const byte = u32(load<u8>(p + i))
    const letter = (byte | 32) - 97
    if (!isDigit(byte) && letter > 5) return -1
    code = (code << 4) | i32(isDigit(byte) ? byte - 48 : letter + 10)
  }
  return code
}

/** Writes a character as UTF-8 to textEnd. */
function putCharacter(code: u32): void {
  const q = textEnd
  if (code < 0x80) {
    store<u8>(q, code)
    textEnd = q + 1
    return
  }
  const size: usize = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
  let rest = code
  for (let i = size - 1; i > 0; i--) {
    store<u8>(q + i, 0x80 | (rest & 0x3f))
    rest >>= 6
  }
  store<u8>(q, (0xf00 >> u32(size)) | rest)
  textEnd = q + size
}

/** Writes what the escape behind the backslash before p stands for: where it ends, or WRONG. */
function readEscape(p: usize, end: usize): usize {
  const letter = load<u8>(p)
  if (letter !== 117) {
    let code = letter
    if (letter === 110) code = 10
    else if (letter === 116) code = 9
    else if (letter === 114) code = 13
    else if (letter === 98) code = 8
    else if (letter === 102) code = 12
    else if (letter !== 34 && letter !== 92 && letter !== 47) return WRONG
    putCharacter(code)
    return p + 1
  }
  if (end - p < 5) return WRONG
  let code = hexCode(p + 1)
  let after = p + 5
  if (code >= 0xd800 && code < 0xe000) {
    if (code >= 0xdc00 || end - after < 6 || load<u16>(after) !== 0x755c) return WRONG
    const low = hexCode(after + 2)
    if (low < 0xdc00 || low >= 0xe000) return WRONG
    code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
    after += 6
  }
  if (code < 0) return WRONG
  putCharacter(code)
  return after
}

function readString(from: usize, end: usize): usize {
  const first = from + 1
  let last = first
  let hasEscape = false
  while (true) {
    if (last >= end) return SHORT
    const text = v128.load(last)
    const special = v128.or(
      v128.or(i8x16.eq(text, i8x16.splat(34)), i8x16.eq(text, i8x16.splat(92))),
      i8x16.lt_u(text, i8x16.splat(32)),
    )
    const found = i8x16.bitmask(special)
    if (found === 0) {
      last += 16
      continue
    }
    last += usize(ctz(found))
    if (last >= end) return SHORT
    const byte = load<u8>(last)
    if (byte === 34) break
    if (byte !== 92) return WRONG
    hasEscape = true
    last += 2
  }
  if (findBadByte(first, last) !== 0) return WRONG
  cellType = STRING
  if (hasEscape) return unescape(first, last) ? last + 1 : WRONG
  for (let i: usize = 0; i < last - first; i += 16) v128.store(textEnd + i, v128.load(first + i))
  textEnd += last - first
  return last + 1
}

/** Adds the text of [from, end) without its escapes; false if one of them is none. */
function unescape(from: usize, end: usize): bool {
  for (let p = from; p < end;) {
    const byte = load<u8>(p++)
    if (byte !== 92) store<u8>(textEnd++, byte)
    else if ((p = readEscape(p, end)) === WRONG) return false
  }
  return true
}

function readCell(p: usize, end: usize): usize {
  const byte = load<u8>(p)
  if (byte === 34) return readString(p, end)
  if (byte === 110 || byte === 116 || byte === 102) return readWord(p, end)
  return readNumber(p, end)
}

/**
 * Reads cells from the text of [from, end), which begins where a cell does: a float each to `values`
 * (of strings a u32: where it ends in `text`), 0 for null or 1 each to `valid`. 0, or CORRUPT; then
 * nothing that was written means anything. There must be room for as many cells, and as many bytes of
 * strings, as the text has bytes, and JSON_SLACK behind the strings and the text.
 */
export function jsonCells(
  state: usize,
  from: usize,
  end: usize,
  values: usize,
  valid: usize,
  text: usize,
): i32 {
  let type = load<u32>(state)
  let count: u32 = 0
  let nulls: u32 = 0
  let next = from
  let hasEnded: u32 = 0
  let textSize: u32 = 0
  while (hasEnded === 0) {
    textEnd = text + usize(textSize)
    let p = next
    if (load<u8>(p) <= 32) p = skipSpace(p, end)
    if (p >= end) break
    p = readCell(p, end)
    if (p === WRONG) return CORRUPT
    if (p !== SHORT && load<u8>(p) <= 32) p = skipSpace(p, end)
    if (p === SHORT || p === end) break
    const mark = load<u8>(p)
    if (mark !== 44 && mark !== 93) return CORRUPT
    if (cellType !== JSON_NULLS && cellType !== type) {
      if (type !== JSON_NULLS) return CORRUPT
      type = cellType
    }
    hasEnded = u32(mark === 93)
    textSize = u32(textEnd - text)
    const isNull = cellType === JSON_NULLS
    // Nulls before the first value are zeros of any type.
    if (type === STRING) store<u32>(values + (usize(count) << 2), textSize)
    else store<f64>(values + (usize(count) << 3), isNull ? 0.0 : cellValue)
    store<u8>(valid + usize(count), u8(!isNull))
    nulls += u32(isNull)
    count++
    next = p + 1
  }
  store<u32>(state, type)
  store<u32>(state, count, 4)
  store<u32>(state, nulls, 8)
  store<u32>(state, u32(next - from), 12)
  store<u32>(state, textSize, 16)
  store<u32>(state, hasEnded, 20)
  return 0
}
