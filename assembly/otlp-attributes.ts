// Attributes of OTLP → tags: those of a point over those of its scope over those of its resource. Strings
// stay where they are; of other values the text is printed here: true, 42, 0.5, base64 of bytes, JSON of
// lists and maps (OpenTelemetry specification, "Mapping to non-OTLP formats").
//   KeyValue { string key = 1; AnyValue value = 2; }
//   AnyValue { string 1; bool 2; int64 3; double 4; ArrayValue { repeated AnyValue = 1 } 5;
//              KeyValueList { repeated KeyValue = 1 } 6; bytes 7 }
//
// Attribute, 16 bytes (u32): 0 key  4 its length  8 value  12 its length

import { CORRUPT } from './layout'
import { bytesEqual } from './key-table'
import { setMetricTag } from './metric-value'
import { printFloat, printInteger } from './number-print'
import { fieldEnd, fieldKey, fieldStart, fieldValue, nextField } from './protobuf'
import { refuse } from './refusal'
import { REFUSED_KEY_LENGTH, REFUSED_TAG_COUNT } from './refusal-kind'
import { TAGS_MAX, TEXT, TEXT_MAX } from './staged-name'

const KEY: u32 = 10
const VALUE: u32 = 18
const ANY_STRING: u32 = 10
const ANY_BOOLEAN: u32 = 16
const ANY_INTEGER: u32 = 24
const ANY_DOUBLE: u32 = 33
const ANY_ARRAY: u32 = 42
const ANY_MAP: u32 = 50
const ANY_BYTES: u32 = 58
const ITEM: u32 = 10

/** Levels of lists and maps in a value. */
const DEPTH_MAX: i32 = 32

const LIST: usize = memory.data(256 * 16)
let count: u32 = 0
let used: u32 = 0
let isTextFull: bool = false

/** How many attributes there are, and bytes of their texts: give both to keepAttributes. */
export function attributeCount(): u32 {
  return count
}

export function attributeText(): u32 {
  return used
}

/** Forgets what was added since there were so many. */
export function keepAttributes(attributes: u32, text: u32): void {
  count = attributes
  used = text
  isTextFull = false
}

function put(byte: u32): void {
  if (used >= TEXT_MAX - 64) isTextFull = true
  else store<u8>(TEXT + usize(used++), u8(byte))
}

/** `true` and `false` as little-endian words. */
function putBoolean(value: bool): void {
  if (!value) put(102)
  let word: u32 = value ? 0x65757274 : 0x65736c61
  for (; word !== 0; word >>= 8) put(word & 255)
}

function putInteger(value: i64): void {
  if (used >= TEXT_MAX - 64) isTextFull = true
  else used = u32(printInteger(value, TEXT + usize(used)) - TEXT)
}

/** A float as JavaScript prints it, or NaN, +Inf, -Inf as Prometheus does. */
export function putFloat(value: f64): void {
  if (isFinite<f64>(value)) {
    if (used >= TEXT_MAX - 64) isTextFull = true
    else used = u32(printFloat(value, TEXT + usize(used)) - TEXT)
    return
  }
  // "NaN", "+Inf", "-Inf"
  let word: u32 = value !== value ? 0x4e614e : value > 0 ? 0x666e492b : 0x666e492d
  for (; word !== 0; word >>= 8) put(word & 255)
}

function sextet(value: u32): u32 {
  if (value < 26) return value + 65
  if (value < 52) return value + 71
  if (value < 62) return value - 4
  return value === 62 ? 43 : 47
}

function putBase64(p: usize, end: usize): void {
  for (; p < end; p += 3) {
    const left = end - p
    let word = u32(load<u8>(p)) << 16
    if (left > 1) word |= u32(load<u8>(p, 1)) << 8
    if (left > 2) word |= u32(load<u8>(p, 2))
    put(sextet(word >> 18))
    put(sextet((word >> 12) & 63))
    put(left > 1 ? sextet((word >> 6) & 63) : 61)
    put(left > 2 ? sextet(word & 63) : 61)
    if (isTextFull) return
  }
}

function hex(digit: u32): u32 {
  return digit < 10 ? digit + 48 : digit + 87
}

function putJsonString(p: usize, end: usize): void {
  put(34)
  for (; p < end && !isTextFull; p++) {
    const byte = u32(load<u8>(p))
    if (byte < 32) {
      // \u00
      put(92)
      put(117)
      put(48)
      put(48)
      put(hex(byte >> 4))
      put(hex(byte & 15))
      continue
    }
    if (byte === 34 || byte === 92) put(92)
    put(byte)
  }
  put(34)
}

/** Prints a list or map as JSON: 0 or CORRUPT. */
function putItems(p: usize, end: usize, isMap: bool, depth: i32): i32 {
  put(isMap ? 123 : 91)
  let isFirst = true
  while (p < end && !isTextFull) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== ITEM) continue
    if (!isFirst) put(44)
    isFirst = false
    let value = fieldStart
    let valueEnd = fieldEnd
    if (isMap) {
      if (readPair(fieldStart, fieldEnd) < 0) return CORRUPT
      putJsonString(key, key + usize(keyLength))
      put(58)
      value = pairValue
      valueEnd = pairEnd
    }
    if (putAny(value, valueEnd, depth) < 0) return CORRUPT
  }
  put(isMap ? 125 : 93)
  return 0
}

/** Prints an AnyValue as JSON: 0 or CORRUPT. */
function putAny(p: usize, end: usize, depth: i32): i32 {
  if (depth > DEPTH_MAX) return CORRUPT
  if (findAny(p, end) < 0) return CORRUPT
  if (anyKey === 0) {
    // null
    for (let word: u32 = 0x6c6c756e; word !== 0; word >>= 8) put(word & 255)
    return 0
  }
  if (anyKey === ANY_STRING) putJsonString(anyStart, anyEnd)
  else if (anyKey === ANY_BYTES) {
    put(34)
    putBase64(anyStart, anyEnd)
    put(34)
  } else if (anyKey === ANY_DOUBLE && !isFinite<f64>(reinterpret<f64>(anyBits))) {
    put(34)
    putFloat(reinterpret<f64>(anyBits))
    put(34)
  } else return putPlain(depth)
  return 0
}

/** Prints the value that findAny found as it stands outside of JSON: 0 or CORRUPT. */
function putPlain(depth: i32): i32 {
  if (anyKey === ANY_BOOLEAN) putBoolean(anyBits !== 0)
  else if (anyKey === ANY_INTEGER) putInteger(i64(anyBits))
  else if (anyKey === ANY_DOUBLE) putFloat(reinterpret<f64>(anyBits))
  else if (anyKey === ANY_BYTES) putBase64(anyStart, anyEnd)
  else if (anyKey === ANY_ARRAY || anyKey === ANY_MAP) {
    return putItems(anyStart, anyEnd, anyKey === ANY_MAP, depth + 1)
  }
  return 0
}

// Of an AnyValue: which kind it is (0 = none), its bits or bytes.
let anyKey: u32 = 0
let anyBits: u64 = 0
let anyStart: usize = 0
let anyEnd: usize = 0

function isAny(kind: u32): bool {
  if (kind === ANY_STRING || kind === ANY_BYTES || kind === ANY_ARRAY || kind === ANY_MAP)
    return true
  return kind === ANY_BOOLEAN || kind === ANY_INTEGER || kind === ANY_DOUBLE
}

function findAny(p: usize, end: usize): i32 {
  anyKey = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (!isAny(fieldKey)) continue
    anyKey = fieldKey
    anyBits = fieldValue
    anyStart = fieldStart
    anyEnd = fieldEnd
  }
  return 0
}

// Of a KeyValue: its key and where its AnyValue is.
let key: usize = 0
let keyLength: u32 = 0
let pairValue: usize = 0
let pairEnd: usize = 0

function readPair(p: usize, end: usize): i32 {
  key = pairValue = pairEnd = p
  keyLength = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === KEY) {
      key = fieldStart
      keyLength = u32(fieldEnd - fieldStart)
    } else if (fieldKey === VALUE) {
      pairValue = fieldStart
      pairEnd = fieldEnd
    }
  }
  return 0
}

function attributeAt(index: u32): usize {
  return LIST + (usize(index) << 4)
}

/** Place of the attribute of this key among those from `first` on, or the count. */
function findAttribute(first: u32, name: usize, length: u32): u32 {
  for (let i = first; i < count; i++) {
    const attribute = attributeAt(i)
    if (load<u32>(attribute, 4) !== length) continue
    if (bytesEqual(usize(load<u32>(attribute)), name, length)) return i
  }
  return count
}

/** Sets an attribute, in place of one of its key from `first` on: 0 or REFUSED. */
export function setAttribute(
  first: u32,
  name: usize,
  length: u32,
  value: usize,
  valueLength: u32,
): i32 {
  const index = findAttribute(first, name, length)
  if (index >= TAGS_MAX) return refuse(REFUSED_TAG_COUNT, 0, name, 0)
  const attribute = attributeAt(index)
  store<u32>(attribute, u32(name))
  store<u32>(attribute, length, 4)
  store<u32>(attribute, u32(value), 8)
  store<u32>(attribute, valueLength, 12)
  if (index === count) count++
  return 0
}

/** Sets an attribute to a float's text: 0 or REFUSED. */
export function setFloatAttribute(first: u32, name: usize, length: u32, value: f64): i32 {
  const start = used
  putFloat(value)
  if (isTextFull) return refuse(REFUSED_KEY_LENGTH, 0, name, 0)
  return setAttribute(first, name, length, TEXT + usize(start), used - start)
}

/** Sets the attribute of a KeyValue message, over those from `first` on: 0, REFUSED or CORRUPT. */
export function readAttribute(first: u32, from: usize, to: usize): i32 {
  if (readPair(from, to) < 0) return CORRUPT
  const name = key
  const length = keyLength
  if (findAny(pairValue, pairEnd) < 0) return CORRUPT
  if (anyKey === 0) return 0
  if (anyKey === ANY_STRING) {
    return setAttribute(first, name, length, anyStart, u32(anyEnd - anyStart))
  }
  const start = used
  if (putPlain(0) < 0) return CORRUPT
  if (isTextFull) return refuse(REFUSED_KEY_LENGTH, 0, name, 0)
  return setAttribute(first, name, length, TEXT + usize(start), used - start)
}

/** Sets all attributes with this key of a message: 0, REFUSED or CORRUPT. */
export function readAttributes(first: u32, field: u32, p: usize, end: usize): i32 {
  let result: i32 = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== field || result !== 0) continue
    result = readAttribute(first, fieldStart, fieldEnd)
    if (result === CORRUPT) return CORRUPT
  }
  return result
}

/**
 * Makes tags of the attributes: those of the point, which begin at `point`, and those before that no other
 * behind them has the key of. How many.
 */
export function attributeTags(point: u32): u32 {
  let tags: u32 = 0
  for (let i: u32 = 0; i < count; i++) {
    const attribute = attributeAt(i)
    const name = usize(load<u32>(attribute))
    const length = load<u32>(attribute, 4)
    if (i < point && findAttribute(point, name, length) !== count) continue
    setMetricTag(tags++, name, length, load<u32>(attribute, 8), load<u32>(attribute, 12))
  }
  return tags
}
