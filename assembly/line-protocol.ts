// Line protocol: `table,tag=value field=value,… [time]`, one point a line. The text up to the first
// space is the cache key of its series, and each field is compared with the one that the line
// before had in its place, so that repeated names are found by one comparison instead of a hash.
// Only whole lines are taken; a refused line ends where quotes and escapes say that it does.

import { FULL } from './layout'
import { bytesEqual, keyTableKey } from './key-table'
import { fitValue, isDelimiter, isLineEnd, parseValue, stringEnd } from './field-value'
import { valueForm, valueSlot, valueType, wordEnd } from './field-value'
import { isPlain, scanNumber, takeInteger, integerValue } from './number-text'
import { REFUSED, recordLine, refuse } from './refusal'
import {
  REFUSED_EQUALS_IN_TAG,
  REFUSED_EXPIRED,
  REFUSED_FIELD_COUNT,
  REFUSED_KEY_LENGTH,
  REFUSED_NAME_LENGTH,
  REFUSED_NO_FIELDS,
  REFUSED_NO_FIELD_KEY,
  REFUSED_NO_FIELD_VALUE,
  REFUSED_NO_TABLE,
  REFUSED_NO_TAG_KEY,
  REFUSED_NO_TAG_VALUE,
  REFUSED_TAG_COUNT,
  REFUSED_TAG_LENGTH,
  REFUSED_TIME,
  REFUSED_TIME_RANGE,
} from './refusal-kind'
import { forgetTemplates, hasText, matchLine, templateFor } from './line-template'
import {
  cacheLineSeries,
  cachedEntry,
  cachedSeries,
  cachedTable,
  expectSeries,
  findLineSeries,
  makeCacheRoom,
  refreshCache,
  touchFound,
} from './series-cache'
import { appendRow, isExpired, setField } from './staged-row'
import {
  FIELDS_MAX,
  NAME_MAX,
  TAGS_MAX,
  TAG_MAX,
  TEXT,
  TEXT_MAX,
  resolveField,
  resolveSeries,
  resolveTable,
  setTag,
  status,
} from './staged-name'
import {
  COLUMNS,
  NONE,
  addLines,
  arrivalTime,
  entryOf,
  keyTableOf,
  predictColumn,
  predictedColumn,
  setMark,
  timeUnit,
  undoTo,
} from './staging'
import { scaleTime, timeValue } from './time-text'
import { countNewlines } from './utf8'

/** parseLine: the text ends before the line does. */
const INCOMPLETE: i32 = 1

const MARK: usize = memory.data(16)
const NAME: usize = memory.data(2 * 1024)

// Of the line that is being parsed: its table and series, where scans stopped.
let lineTable: u32 = 0
let lineSeries: u32 = 0
let lineEnd: usize = 0
let scanned: usize = 0
let hasEscape: bool = false
let lineTime: i64 = 0
// The template that lines are compared with, and whether this one is like it.
let template: u32 = 0
let isLikeOther: bool = false

/** The first space or newline at or behind p that no backslash escapes. */
function seriesEnd(p: usize): usize {
  const spaces = i8x16.splat(32)
  const newlines = i8x16.splat(10)
  const slashes = i8x16.splat(92)
  while (true) {
    const bytes = v128.load(p)
    const stop = v128.or(i8x16.eq(bytes, spaces), i8x16.eq(bytes, newlines))
    const mask = i8x16.bitmask(v128.or(stop, i8x16.eq(bytes, slashes)))
    if (mask === 0) {
      p += 16
      continue
    }
    p += usize(ctz(mask))
    if (load<u8>(p) !== 92) return p
    const next = load<u8>(p, 1)
    p += next === 44 || next === 61 || next === 32 ? 2 : 1
  }
}

/** From p to the first unescaped comma, equals sign or space, or to `end`; sets hasEscape. */
function keyEnd(p: usize, end: usize): usize {
  hasEscape = false
  while (p < end) {
    const byte = load<u8>(p)
    if (byte === 92 && p + 1 < end) {
      const next = load<u8>(p, 1)
      if (next === 44 || next === 61 || next === 32) {
        hasEscape = true
        p++
      }
    } else if (byte === 44 || byte === 61 || byte === 32 || byte === 10) {
      return p
    }
    p++
  }
  return p
}

/** Copies [p, end) to target without the backslashes before comma, equals sign and space. */
function unescape(p: usize, end: usize, target: usize): u32 {
  const start = target
  while (p < end) {
    let byte = load<u8>(p)
    if (byte === 92 && p + 1 < end) {
      const next = load<u8>(p, 1)
      if (next === 44 || next === 61 || next === 32) {
        byte = next
        p++
      }
    }
    store<u8>(target++, byte)
    p++
  }
  return u32(target - start)
}

// Text that takeText found, escapes resolved.
let text: usize = 0
let textLength: u32 = 0
let textUsed: u32 = 0

/**
 * Resolves the escapes of [p, end), whose keyEnd was just found; false if it is too long for TEXT.
 */
function takeText(p: usize, end: usize): bool {
  text = p
  textLength = u32(end - p)
  if (!hasEscape) return true
  if (textLength > 2 * TAG_MAX || textUsed + textLength > TEXT_MAX) return false
  text = TEXT + usize(textUsed)
  textLength = unescape(p, end, text)
  textUsed += textLength
  return true
}

/** Parses `table,tag=value,…` in [p, end) into lineTable and lineSeries: 0, FULL or REFUSED. */
function parseSeries(staging: usize, start: usize, end: usize): i32 {
  textUsed = 0
  let p = keyEnd(start, end)
  // In a table's name an equals sign needs no escape.
  let escaped = hasEscape
  while (p < end && load<u8>(p) === 61) {
    p = keyEnd(p + 1, end)
    escaped = escaped || hasEscape
  }
  if (p === start) return refuse(REFUSED_NO_TABLE, start, start, 0)
  hasEscape = escaped
  if (u32(p - start) > 2 * NAME_MAX)
    return refuse(REFUSED_NAME_LENGTH, start, start, u32(p - start))
  takeText(start, p)
  lineTable = resolveTable(staging, text, textLength, start)
  if (lineTable === NONE) return status
  let count: u32 = 0
  while (p < end) {
    p = parseTag(p + 1, end, count++)
    if (p === 0) return REFUSED
  }
  lineSeries = resolveSeries(staging, lineTable, count, start)
  return lineSeries === NONE ? status : 0
}

/** Parses `key=value` at p into entry `index` of TAGS: the address behind it, 0 = refused. */
function parseTag(p: usize, end: usize, index: u32): usize {
  const keyStop = keyEnd(p, end)
  let why = 0
  let at = p
  if (index >= TAGS_MAX) why = REFUSED_TAG_COUNT
  else if (keyStop === p) why = REFUSED_NO_TAG_KEY
  else if (keyStop >= end || load<u8>(keyStop) !== 61) why = REFUSED_NO_TAG_VALUE
  else if (!takeText(p, keyStop)) why = REFUSED_NAME_LENGTH
  if (why !== 0) {
    refuse(why, at, p, u32(keyStop - p))
    return 0
  }
  const key = text
  const keyLength = textLength
  const valueStop = keyEnd(keyStop + 1, end)
  at = keyStop + 1
  if (valueStop < end && load<u8>(valueStop) === 61) {
    why = REFUSED_EQUALS_IN_TAG
    at = valueStop
  } else if (!takeText(keyStop + 1, valueStop)) {
    why = u32(valueStop - at) > 2 * TAG_MAX ? REFUSED_TAG_LENGTH : REFUSED_KEY_LENGTH
  }
  if (why !== 0) {
    refuse(why, at, key, keyLength)
    return 0
  }
  setTag(index, key, keyLength, text, textLength, p)
  return valueStop
}

/**
 * The column predicted for field `index`, if its name and `=` are what stands at p; sets scanned.
 */
function matchPredicted(staging: usize, index: u32, p: usize, end: usize): u32 {
  const column = predictedColumn(staging, index)
  if (column === NONE) return NONE
  const entry = entryOf(staging, COLUMNS, column)
  const length = load<u32>(entry, 4) - 4
  if (load<u32>(entry, 16) !== lineTable || length > NAME_MAX) return NONE
  if (end - p <= usize(length) || load<u8>(p + usize(length)) !== 61) return NONE
  const key = keyTableKey(keyTableOf(staging, COLUMNS, column), entry) + 4
  if (!bytesEqual(key, p, length)) return NONE
  scanned = p + usize(length)
  return column
}

/** Parses field `index` at p: the address behind its value; 0 with `failure` set. */
function parseField(staging: usize, index: u32, p: usize, end: usize): usize {
  let column = matchPredicted(staging, index, p, end)
  let name = p
  let nameLength: u32 = 0
  let isSimple = true
  if (column === NONE) {
    scanned = keyEnd(p, end)
    nameLength = u32(scanned - p)
    isSimple = !hasEscape
    if (scanned === p) return fail(refuse(REFUSED_NO_FIELD_KEY, p, p, 0))
    if (scanned >= end || load<u8>(scanned) !== 61) {
      return fail(refuse(REFUSED_NO_FIELD_VALUE, scanned, p, nameLength))
    }
    if (nameLength > 2 * NAME_MAX) return fail(refuse(REFUSED_NAME_LENGTH, p, p, nameLength))
    if (hasEscape) {
      nameLength = unescape(p, scanned, NAME)
      name = NAME
    }
  } else {
    nameLength = u32(scanned - p)
  }
  const valueAt = scanned + 1
  if (isDelimiter(valueAt)) return fail(refuse(REFUSED_NO_FIELD_VALUE, valueAt, name, nameLength))
  const behind = parseValue(valueAt, end)
  if (behind === 0) return fail(REFUSED)
  if (column === NONE) {
    column = resolveField(staging, lineTable, name, nameLength, valueType, p)
    if (column === NONE) return fail(status)
    predictColumn(staging, index, isSimple ? column : NONE)
  }
  const has = load<i32>(entryOf(staging, COLUMNS, column), 20)
  if (fitValue(has, name, nameLength, valueAt) < 0) return fail(REFUSED)
  setField(index, column, valueSlot, valueForm)
  return behind
}

// Why parseField returned 0: FULL or REFUSED.
let failure: i32 = 0

function fail(why: i32): usize {
  failure = why
  return 0
}

function skipBlanks(p: usize): usize {
  while (load<u8>(p) === 32 || load<u8>(p) === 9) p++
  return p
}

/** Parses what follows the fields: blanks, a time or none, the line's end. 0 or REFUSED. */
function parseTime(staging: usize, from: usize, end: usize): i32 {
  const p = skipBlanks(from)
  lineEnd = p
  lineTime = arrivalTime(staging)
  if (isLineEnd(p)) return 0
  const behind = scanNumber(p, end)
  if (behind === 0 || !isPlain) return refuse(REFUSED_TIME, p, p, u32(wordEnd(p) - p))
  lineEnd = skipBlanks(behind)
  if (!isLineEnd(lineEnd)) return refuse(REFUSED_TIME, p, p, u32(wordEnd(lineEnd) - p))
  if (!takeInteger() || scaleTime(integerValue, timeUnit(staging)) < 0) {
    return refuse(REFUSED_TIME_RANGE, p, p, u32(behind - p))
  }
  lineTime = timeValue
  return 0
}

/**
 * Parses and stages the line at `start`: 0, FULL, REFUSED or INCOMPLETE; lineEnd is its newline.
 */
function parseLine(staging: usize, start: usize, end: usize, isFinal: bool): i32 {
  let rawLength = expectSeries(staging, start)
  let isKnown = rawLength > 0
  if (!isKnown) {
    const stop = seriesEnd(start)
    rawLength = u32(stop - start)
    if (load<u8>(stop) !== 32) return refuse(REFUSED_NO_FIELDS, stop, start, 0)
    isKnown = findLineSeries(staging, start, rawLength)
  }
  const p = start + usize(rawLength)
  if (isKnown) {
    if (touchFound(staging) < 0) return FULL
    lineTable = cachedTable
    lineSeries = cachedSeries
    if (load<u32>(cachedEntry, 24) !== 0) template = load<u32>(cachedEntry, 24)
  } else {
    if (makeCacheRoom(staging, rawLength) < 0) return FULL
    const result = parseSeries(staging, start, p)
    if (result < 0) return result
  }
  lineEnd = matchLine(staging, template, lineTable, lineSeries, p + 1, end)
  isLikeOther = lineEnd !== 0
  if (!isLikeOther) {
    const result = parseFields(staging, start, p, end, isFinal)
    if (result !== 0) return result
  }
  if (!isKnown) cacheLineSeries(staging, start, rawLength, lineTable, lineSeries)
  store<u32>(cachedEntry, template, 24)
  return 0
}

/** Parses and stages what follows the series of the line at `start`, from p on. As parseLine. */
function parseFields(staging: usize, start: usize, from: usize, end: usize, isFinal: bool): i32 {
  let p = from
  p = skipBlanks(p)
  if (isLineEnd(p)) return refuse(REFUSED_NO_FIELDS, p, start, 0)
  let count: u32 = 0
  while (true) {
    if (count >= FIELDS_MAX) return refuse(REFUSED_FIELD_COUNT, p, p, 0)
    p = parseField(staging, count, p, end)
    if (p === 0) return failure
    count++
    if (load<u8>(p) !== 44) break
    p++
  }
  const result = parseTime(staging, p, end)
  if (result < 0) return result
  if (load<u8>(lineEnd) === 13) lineEnd++
  if (lineEnd >= end && !isFinal) return INCOMPLETE
  if (isExpired(staging, lineTable, lineTime)) {
    p = skipBlanks(p)
    return refuse(REFUSED_EXPIRED, p, p, u32(wordEnd(p) - p))
  }
  if (appendRow(staging, lineTable, lineSeries, lineTime, count) < 0) return FULL
  template = templateFor(staging, lineTable, count)
  return 0
}

function newlineFrom(p: usize): usize {
  const newlines = i8x16.splat(10)
  while (true) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(p), newlines))
    if (mask !== 0) return p + usize(ctz(mask))
    p += 16
  }
}

/**
 * The newline that ends a refused line: newlines inside a quoted value belong to it. With a quote
 * that nothing closes, the first newline.
 */
function refusedEnd(start: usize, end: usize, isFinal: bool): usize {
  let isInFields = false
  for (let p = start; p < end; p++) {
    const byte = load<u8>(p)
    if (byte === 10) return p
    if (byte === 32) isInFields = true
    else if (byte === 92 && load<u8>(p, 1) !== 10) p++
    else if (byte === 34 && isInFields && load<u8>(p - 1) === 61) {
      const close = stringEnd(p + 1, end)
      if (close === 0) return isFinal ? newlineFrom(start) : end
      p = close
    }
  }
  return end
}

/**
 * Stages the whole lines of `length` bytes at `source`, where 32 more bytes may be overwritten.
 * How many bytes were taken. If `short` of the staging is set, grow that region and call again with
 * the rest; else the rest is half a line. `isFinal`: the text ends here, also without a newline.
 */
export function lineProtocol(staging: usize, source: usize, length: u32, isFinal: bool): u32 {
  const end = source + usize(length)
  // Two: a carriage return at the end looks at the byte behind it.
  store<u16>(end, 0x0a0a)
  store<u32>(staging, 0, 60)
  refreshCache(staging)
  forgetTemplates()
  let p = source
  while (p < end) {
    const start = skipBlanks(p)
    isLikeOther = false
    let stop: usize
    if (isLineEnd(start) || load<u8>(start) === 35) {
      stop = newlineFrom(start)
      if (stop >= end && !isFinal) break
    } else {
      setMark(staging, MARK)
      let result = parseLine(staging, start, end, isFinal)
      stop = lineEnd
      if (result === REFUSED) {
        stop = refusedEnd(start, end, isFinal)
        if (stop >= end && !isFinal) result = INCOMPLETE
        else if (recordLine(staging, p, textEnd(p, stop)) < 0) result = FULL
      }
      if (result !== 0) undoTo(staging, MARK)
      if (result === FULL || result === INCOMPLETE) break
    }
    addLines(staging, 1 + (isLikeOther && !hasText ? 0 : countNewlines(p, min(stop, end))))
    p = stop + 1
  }
  return min(u32(p - source), length)
}

/** The end of a line without its carriage return. */
function textEnd(start: usize, stop: usize): usize {
  return stop > start && load<u8>(stop - 1) === 13 ? stop - 1 : stop
}
