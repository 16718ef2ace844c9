// The value of a field in line protocol: `1`, `1.5e3` float, `1i` integer, `1u` unsigned, t/true/…
// boolean, "…" string; and whether a column takes it. The text ends in a newline that stops every
// scan but a string's.

import { BOOLEAN, FLOAT, INTEGER, STRING, UNSIGNED } from './layout'
import {
  integerValue,
  isPlain,
  scanNumber,
  takeFloat,
  takeInteger,
  takeUnsigned,
} from './number-text'
import { refuse, refuseType } from './refusal'
import {
  REFUSED_AFTER_STRING,
  REFUSED_FLOAT_RANGE,
  REFUSED_INEXACT,
  REFUSED_INTEGER_RANGE,
  REFUSED_NOT_FINITE,
  REFUSED_OPEN_STRING,
  REFUSED_STRING_LENGTH,
  REFUSED_TYPE,
  REFUSED_UNSIGNED_RANGE,
  REFUSED_UTF8,
  REFUSED_VALUE,
} from './refusal-kind'
import { FORM_ESCAPED, FORM_NONE, FORM_PLAIN } from './staged-row'
import { findBadByte } from './utf8'

export const STRING_MAX: u32 = 1 << 20

/** Type, slot and text form of the value that parseValue found last. */
export let valueType: i32 = 0
export let valueSlot: u64 = 0
export let valueForm: u32 = FORM_NONE

/** A newline, or a carriage return before one. */
export function isLineEnd(p: usize): bool {
  const byte = load<u8>(p)
  return byte === 10 || (byte === 13 && load<u8>(p, 1) === 10)
}

/** Where a value or key may end: at a comma, a space or the end of the line. */
export function isDelimiter(p: usize): bool {
  const byte = load<u8>(p)
  return byte === 44 || byte === 32 || isLineEnd(p)
}

/** The end of the word at p. */
export function wordEnd(p: usize): usize {
  while (!isDelimiter(p)) p++
  return p
}

function refuseWord(why: i32, p: usize): usize {
  refuse(why, p, p, u32(wordEnd(p) - p))
  return 0
}

/**
 * Is the word at p the lower-case `word` of `length` bytes (packed, little-endian), in any case?
 */
function isWord(p: usize, length: usize, word: u64): bool {
  let packed: u64 = 0
  for (let i: usize = 0; i < length; i++) packed |= u64(load<u8>(p + i) | 32) << u64(i << 3)
  return packed === word
}

// "nan", "inf", "infinity", "true", "false" as little-endian bytes
const NAN: u64 = 0x6e616e
const INF: u64 = 0x666e69
const INFINITY: u64 = 0x7974696e69666e69
const TRUE: u64 = 0x65757274
const FALSE: u64 = 0x65736c6166

/** Is [p, end) NaN or an infinity, as programs write them? */
export function isNotFinite(p: usize, end: usize): bool {
  if (p < end && (load<u8>(p) === 43 || load<u8>(p) === 45)) p++
  const length = end - p
  if (length === 3) return isWord(p, 3, NAN) || isWord(p, 3, INF)
  return length === 8 && isWord(p, 8, INFINITY)
}

/** 1, 0 or -1: is [p, end) `true`, `True`, `TRUE` (or t, T), false likewise, or neither? */
export function booleanWord(p: usize, end: usize): i32 {
  const length = end - p
  if (length === 1) {
    const letter = load<u8>(p) | 32
    return letter === 116 ? 1 : letter === 102 ? 0 : -1
  }
  const isTrue = length === 4 && isWord(p, 4, TRUE)
  if (!isTrue && !(length === 5 && isWord(p, 5, FALSE))) return -1
  // One case throughout, but for the first letter.
  const second = load<u8>(p, 1) & 32
  for (let i: usize = 2; i < length; i++) if ((load<u8>(p + i) & 32) !== second) return -1
  if ((load<u8>(p) & 32) !== 0 && second === 0) return -1
  return isTrue ? 1 : 0
}

function parseBoolean(p: usize): usize {
  const end = wordEnd(p)
  const value = booleanWord(p, end)
  if (value < 0) return refuseWord(REFUSED_VALUE, p)
  valueType = BOOLEAN
  valueSlot = u64(value)
  return end
}

function parseNumber(p: usize, limit: usize): usize {
  const end = scanNumber(p, limit)
  if (end === 0) {
    return refuseWord(isNotFinite(p, wordEnd(p)) ? REFUSED_NOT_FINITE : REFUSED_VALUE, p)
  }
  const suffix = load<u8>(end)
  if (suffix === 105 || suffix === 117) {
    if (!isPlain || !isDelimiter(end + 1)) return refuseWord(REFUSED_VALUE, p)
    const isInteger = suffix === 105
    if (!(isInteger ? takeInteger() : takeUnsigned())) {
      return refuseWord(isInteger ? REFUSED_INTEGER_RANGE : REFUSED_UNSIGNED_RANGE, p)
    }
    valueType = isInteger ? INTEGER : UNSIGNED
    valueSlot = u64(integerValue)
    return end + 1
  }
  if (!isDelimiter(end)) return refuseWord(REFUSED_VALUE, p)
  const value = takeFloat()
  if (value === Infinity || value === -Infinity) return refuseWord(REFUSED_FLOAT_RANGE, p)
  valueType = FLOAT
  valueSlot = reinterpret<u64>(value)
  return end
}

// Escapes in the string that stringEnd scanned last.
let escapes: u32 = 0

/** The closing quote of the string whose first byte is at p, or 0 if there is none before `end`. */
export function stringEnd(p: usize, end: usize): usize {
  escapes = 0
  const quotes = i8x16.splat(34)
  const slashes = i8x16.splat(92)
  while (p < end) {
    const bytes = v128.load(p)
    const found = v128.or(i8x16.eq(bytes, quotes), i8x16.eq(bytes, slashes))
    const mask = i8x16.bitmask(found)
    if (mask === 0) {
      p += 16
      continue
    }
    p += usize(ctz(mask))
    if (p >= end) return 0
    if (load<u8>(p) === 34) return p
    const next = p + 1 < end ? load<u8>(p, 1) : 0
    if (next === 34 || next === 92) {
      escapes++
      p++
    }
    p++
  }
  return 0
}

function parseString(quote: usize, limit: usize): usize {
  const start = quote + 1
  const end = stringEnd(start, limit)
  if (end === 0) {
    refuse(REFUSED_OPEN_STRING, quote, quote, 0)
    return 0
  }
  if (!isDelimiter(end + 1)) {
    refuse(REFUSED_AFTER_STRING, end + 1, quote, 0)
    return 0
  }
  const form = escapes === 0 ? FORM_PLAIN : FORM_ESCAPED
  if (setString(start, end, form, escapes, quote) < 0) return 0
  return end + 1
}

/** Sets the value that was found, for texts that are parsed elsewhere. */
export function setValue(type: i32, slot: u64, form: u32): void {
  valueType = type
  valueSlot = slot
  valueForm = form
}

/** Sets the string [start, end) after checking it: 0 or REFUSED; `escaped` bytes of it will go. */
export function setString(start: usize, end: usize, form: u32, escaped: u32, at: usize): i32 {
  const bad = findBadByte(start, end)
  if (bad !== 0) return refuse(REFUSED_UTF8, bad, at, 0)
  const length = u32(end - start)
  if (length - escaped > STRING_MAX) return refuse(REFUSED_STRING_LENGTH, at, at, 0)
  setValue(STRING, u64(start) | (u64(length) << 32), form)
  return 0
}

/**
 * Reads the value at p into valueType, valueSlot and valueForm: the address behind it, 0 = refused.
 */
export function parseValue(p: usize, limit: usize): usize {
  valueForm = FORM_NONE
  const byte = load<u8>(p)
  if (byte === 34) return parseString(p, limit)
  const letter = byte | 32
  if (letter === 116 || letter === 102) return parseBoolean(p)
  return parseNumber(p, limit)
}

/**
 * Makes the last value fit a column of type `has`: an integer becomes a float if it is exact. 0, or
 * REFUSED for any other mismatch; `name` and `at` are for the message.
 */
export function fitValue(has: i32, name: usize, length: u32, at: usize): i32 {
  if (valueType === has) return 0
  if (has !== FLOAT || valueType !== INTEGER) {
    return refuseType(REFUSED_TYPE, at, name, length, has, valueType)
  }
  const whole = i64(valueSlot)
  const float = f64(whole)
  // 2^63 is a float but no integer: converting it back would wrap.
  if (float >= 9223372036854775808.0 || i64(float) !== whole) {
    return refuseType(REFUSED_INEXACT, at, name, length, has, valueType)
  }
  valueType = FLOAT
  valueSlot = reinterpret<u64>(float)
  return 0
}
