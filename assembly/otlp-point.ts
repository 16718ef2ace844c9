// One point of OTLP metrics → rows, named as Prometheus names the parts of a metric: a number is the table
// of its metric; a histogram is `_count`, `_sum`, `_min`, `_max` and cumulative `_bucket`s with the tag
// `le`; a summary is `_count`, `_sum` and the metric itself with the tag `quantile`. The buckets of an
// exponential histogram get their bounds as `le`. All rows of a point are staged, or none.
//   times: fixed64 3; flags: 8, of histograms 10; attributes: 7, of histograms 9, of exponential ones 1

import { CORRUPT, FLOAT, INTEGER } from './layout'
import { powerOfTwo } from './exponential-bound'
import { appendValue, resolveValue } from './metric-value'
import {
  attributeCount,
  attributeTags,
  attributeText,
  keepAttributes,
  readAttribute,
  setFloatAttribute,
} from './otlp-attributes'
import { countFields, fieldEnd, fieldKey, fieldStart, fieldValue, nextField } from './protobuf'
import { REFUSED, refuse } from './refusal'
import {
  REFUSED_BUCKETS,
  REFUSED_BUCKET_COUNT,
  REFUSED_EXPIRED,
  REFUSED_INTEGER_RANGE,
  REFUSED_NAME_LENGTH,
  REFUSED_NO_VALUE,
  REFUSED_TIME_RANGE,
} from './refusal-kind'
import { isExpired } from './staged-row'
import { NAME_MAX, resolveSeries, resolveTable, status } from './staged-name'
import { NONE, arrivalTime, setMark, undoTo } from './staging'
import { isTime } from './time-text'
import { readVarint, unzigzag, varintValue } from './varint'

const NUMBER_MAX: u32 = 7
const HISTOGRAM: u32 = 9
const EXPONENTIAL: u32 = 10
const SUMMARY: u32 = 11

// Parts of a metric's name, as little-endian text.
const WHOLE: u64 = 0
const COUNT: u64 = 0x746e756f635f
const SUM: u64 = 0x6d75735f
const MIN: u64 = 0x6e696d5f
const MAX: u64 = 0x78616d5f
const BUCKET: u64 = 0x74656b6375625f

// "le", "quantile"
const LE: usize = memory.data<u8>([108, 101])
const QUANTILE: usize = memory.data<u8>([113, 117, 97, 110, 116, 105, 108, 101])

/** Buckets, bounds or quantiles of one point. */
const ITEMS_MAX: u32 = 4096

const MARK: usize = memory.data(16)
const NAME: usize = memory.data(1024 + 16)
/** Two lists of a point: counts and bounds, positive and negative counts, or quantiles and values. */
const FIRST: usize = memory.data(4096 * 8)
const SECOND: usize = memory.data(4096 * 8)

let kind: u32 = 0
let nameLength: u32 = 0

// Of the point that was read: its time, and what it has of the rest.
let time: u64 = 0
let flags: u64 = 0
let bits: u64 = 0
let type: i32 = -1
let count: u64 = 0
let sum: u64 = 0
let least: u64 = 0
let most: u64 = 0
let hasSum: bool = false
let hasLeast: bool = false
let hasMost: bool = false
let scale: i64 = 0
let zeroCount: u64 = 0
let zeroBound: f64 = 0.0
let firstOffset: i64 = 0
let secondOffset: i64 = 0
let firstCount: u32 = 0
let secondCount: u32 = 0

/** The points to come are of this metric. */
export function beginPoints(metricKind: u32, name: usize, length: u32): void {
  kind = metricKind
  nameLength = length
  memory.copy(NAME, name, min(length, NAME_MAX))
}

function addItem(isFirst: bool, item: u64): void {
  const index = isFirst ? firstCount++ : secondCount++
  if (index < ITEMS_MAX) store<u64>((isFirst ? FIRST : SECOND) + (usize(index) << 3), item)
}

/** Adds the numbers of a repeated field, packed or one: 0 or CORRUPT. */
function addItems(isFirst: bool, isVarint: bool): i32 {
  if ((fieldKey & 7) !== 2) {
    addItem(isFirst, fieldValue)
    return 0
  }
  let p = fieldStart
  const end = fieldEnd
  if (!isVarint) {
    for (; end - p >= 8; p += 8) addItem(isFirst, load<u64>(p))
    return p === end ? 0 : CORRUPT
  }
  while (p < end) {
    p = readVarint(p, end)
    if (p === 0) return CORRUPT
    addItem(isFirst, varintValue)
  }
  return 0
}

/** Reads Buckets { sint32 offset = 1; repeated uint64 bucket_counts = 2; }: 0 or CORRUPT. */
function readBuckets(isFirst: bool): i32 {
  let p = fieldStart
  const end = fieldEnd
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === 8) {
      if (isFirst) firstOffset = unzigzag(fieldValue)
      else secondOffset = unzigzag(fieldValue)
    } else if (fieldKey >> 3 === 2 && addItems(isFirst, true) < 0) return CORRUPT
  }
  return 0
}

/** Reads ValueAtQuantile { double quantile = 1; double value = 2; }: 0 or CORRUPT. */
function readQuantile(): i32 {
  let p = fieldStart
  const end = fieldEnd
  let quantile: u64 = 0
  let value: u64 = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === 9) quantile = fieldValue
    else if (fieldKey === 17) value = fieldValue
  }
  addItem(true, quantile)
  addItem(false, value)
  return 0
}

/** Takes a field of a NumberDataPoint. */
function takeNumberField(): void {
  if (fieldKey === 33) type = FLOAT
  else if (fieldKey === 49) type = INTEGER
  else return
  bits = fieldValue
}

function setSum(): void {
  sum = fieldValue
  hasSum = true
}

function setLeast(): void {
  least = fieldValue
  hasLeast = true
}

function setMost(): void {
  most = fieldValue
  hasMost = true
}

/** Takes a field of a HistogramDataPoint: 0 or CORRUPT. */
function takeHistogramField(): i32 {
  const number = fieldKey >> 3
  if (fieldKey === 33) count = fieldValue
  else if (fieldKey === 41) setSum()
  else if (number === 6) return addItems(true, false)
  else if (number === 7) return addItems(false, false)
  else if (fieldKey === 89) setLeast()
  else if (fieldKey === 97) setMost()
  return 0
}

/** Takes a field of an ExponentialHistogramDataPoint: 0 or CORRUPT. */
function takeExponentialField(): i32 {
  if (fieldKey === 33) count = fieldValue
  else if (fieldKey === 41) setSum()
  else if (fieldKey === 48) scale = unzigzag(fieldValue)
  else if (fieldKey === 57) zeroCount = fieldValue
  else if (fieldKey === 66) return readBuckets(true)
  else if (fieldKey === 74) return readBuckets(false)
  else if (fieldKey === 97) setLeast()
  else if (fieldKey === 105) setMost()
  else if (fieldKey === 113) zeroBound = reinterpret<f64>(fieldValue)
  return 0
}

/** Takes a field of a SummaryDataPoint: 0 or CORRUPT. */
function takeSummaryField(): i32 {
  if (fieldKey === 33) count = fieldValue
  else if (fieldKey === 41) setSum()
  else if (fieldKey === 50) return readQuantile()
  return 0
}

function takeField(): i32 {
  if (kind === HISTOGRAM) return takeHistogramField()
  if (kind === EXPONENTIAL) return takeExponentialField()
  if (kind === SUMMARY) return takeSummaryField()
  takeNumberField()
  return 0
}

function clearPoint(): void {
  time = 0
  flags = 0
  type = -1
  count = 0
  hasSum = false
  hasLeast = false
  hasMost = false
  scale = 0
  zeroCount = 0
  zeroBound = 0.0
  firstOffset = 0
  secondOffset = 0
  firstCount = 0
  secondCount = 0
}

/** Reads a point of the metric's kind, its attributes behind those before: 0, REFUSED or CORRUPT. */
function readPoint(p: usize, end: usize): i32 {
  const first = attributeCount()
  const attributes: u32 = kind === HISTOGRAM ? 74 : kind === EXPONENTIAL ? 10 : 58
  const flagsKey: u32 = kind === HISTOGRAM || kind === EXPONENTIAL ? 80 : 64
  let result: i32 = 0
  clearPoint()
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === attributes) {
      if (result === 0) result = readAttribute(first, fieldStart, fieldEnd)
      if (result === CORRUPT) return CORRUPT
    } else if (fieldKey === 25) time = fieldValue
    else if (fieldKey === flagsKey) flags = fieldValue
    else if (takeField() < 0) return CORRUPT
  }
  return result
}

let tagCount: u32 = 0

/** Appends a row to the table of this part of the metric: 0, FULL or REFUSED. */
function emit(staging: usize, part: u64, sent: i32, slot: u64): i32 {
  countFields(16)
  if (sent === INTEGER && kind > NUMBER_MAX && i64(slot) < 0) {
    return refuse(REFUSED_INTEGER_RANGE, 0, 0, 0)
  }
  store<u64>(NAME + usize(nameLength), part)
  const length = nameLength + 8 - u32(clz(part) >> 3)
  const table = resolveTable(staging, NAME, length, 0)
  if (table === NONE) return status
  if (isExpired(staging, table, i64(time))) return refuse(REFUSED_EXPIRED, 0, 0, 0)
  const series = resolveSeries(staging, table, tagCount, 0)
  if (series === NONE) return status
  const column = resolveValue(staging, table, sent)
  if (column === NONE) return status
  return appendValue(staging, table, series, column, i64(time), sent, slot)
}

/** The same, with a tag that says which bucket or quantile it is. */
function emitItem(
  staging: usize,
  point: u32,
  text: u32,
  label: f64,
  part: u64,
  sent: i32,
  slot: u64,
): i32 {
  keepAttributes(attributeCount(), text)
  const isBucket = part === BUCKET
  const result = setFloatAttribute(point, isBucket ? LE : QUANTILE, isBucket ? 2 : 8, label)
  if (result < 0) return result
  tagCount = attributeTags(point)
  return emit(staging, part, sent, slot)
}

function itemAt(list: usize, index: u32): u64 {
  return load<u64>(list + (usize(index) << 3))
}

/** Count, sum, minimum and maximum, as far as they are there. */
function emitTotals(staging: usize): i32 {
  let result = emit(staging, COUNT, INTEGER, count)
  if (result === 0 && hasSum) result = emit(staging, SUM, FLOAT, sum)
  if (result === 0 && hasLeast) result = emit(staging, MIN, FLOAT, least)
  if (result === 0 && hasMost) result = emit(staging, MAX, FLOAT, most)
  return result
}

function emitHistogram(staging: usize, point: u32): i32 {
  if (firstCount > 0 && firstCount !== secondCount + 1) return refuse(REFUSED_BUCKET_COUNT, 0, 0, 0)
  let result = emitTotals(staging)
  const text = attributeText()
  let total: u64 = 0
  for (let i: u32 = 0; i < firstCount && result === 0; i++) {
    total += itemAt(FIRST, i)
    const bound = i < secondCount ? reinterpret<f64>(itemAt(SECOND, i)) : Infinity
    result = emitItem(staging, point, text, bound, BUCKET, INTEGER, total)
  }
  return result
}

/** Buckets from the lowest bound to the highest: negative ones, the one of zero, positive ones. */
function emitExponential(staging: usize, point: u32): i32 {
  if (scale > 20 || scale < -10) return refuse(REFUSED_BUCKET_COUNT, 0, 0, 0)
  let result = emitTotals(staging)
  const text = attributeText()
  let total: u64 = 0
  for (let i = secondCount; i > 0 && result === 0; i--) {
    total += itemAt(SECOND, i - 1)
    const bound = -powerOfTwo(secondOffset + i64(i - 1), i32(scale))
    result = emitItem(staging, point, text, bound, BUCKET, INTEGER, total)
  }
  total += zeroCount
  if (result === 0 && (zeroCount > 0 || secondCount > 0)) {
    result = emitItem(staging, point, text, zeroBound, BUCKET, INTEGER, total)
  }
  for (let i: u32 = 0; i < firstCount && result === 0; i++) {
    total += itemAt(FIRST, i)
    const bound = powerOfTwo(firstOffset + i64(i) + 1, i32(scale))
    result = emitItem(staging, point, text, bound, BUCKET, INTEGER, total)
  }
  if (result !== 0) return result
  return emitItem(staging, point, text, Infinity, BUCKET, INTEGER, total)
}

function emitSummary(staging: usize, point: u32): i32 {
  if (!hasSum) sum = 0
  hasSum = true
  let result = emitTotals(staging)
  const text = attributeText()
  for (let i: u32 = 0; i < firstCount && result === 0; i++) {
    const quantile = reinterpret<f64>(itemAt(FIRST, i))
    result = emitItem(staging, point, text, quantile, WHOLE, FLOAT, itemAt(SECOND, i))
  }
  return result
}

/** Stages the point that was read, whose attributes begin at `point`: 0, FULL or REFUSED. */
function emitPoint(staging: usize, point: u32): i32 {
  if (nameLength > NAME_MAX) return refuse(REFUSED_NAME_LENGTH, 0, NAME, NAME_MAX)
  if (firstCount > ITEMS_MAX || secondCount > ITEMS_MAX) return refuse(REFUSED_BUCKETS, 0, 0, 0)
  if (time === 0) time = u64(arrivalTime(staging))
  else if (i64(time) < 0 || !isTime(i64(time))) return refuse(REFUSED_TIME_RANGE, 0, 0, 0)
  tagCount = attributeTags(point)
  if (kind === HISTOGRAM) return emitHistogram(staging, point)
  if (kind === EXPONENTIAL) return emitExponential(staging, point)
  if (kind === SUMMARY) return emitSummary(staging, point)
  return type < 0 ? refuse(REFUSED_NO_VALUE, 0, 0, 0) : emit(staging, WHOLE, type, bits)
}

/** Stages the rows of the point in [start, end): 0, FULL, REFUSED or CORRUPT. */
export function takePoint(staging: usize, start: usize, end: usize): i32 {
  const first = attributeCount()
  const text = attributeText()
  const rowsUsed = load<u32>(staging, 40)
  const rowCount = load<u32>(staging, 44)
  setMark(staging, MARK)
  let result = readPoint(start, end)
  const isRecorded = (flags & 1) === 0
  if (result === REFUSED && !isRecorded) result = 0
  if (result === 0 && isRecorded) result = emitPoint(staging, first)
  keepAttributes(first, text)
  if (result === 0) return 0
  store<u32>(staging, rowsUsed, 40)
  store<u32>(staging, rowCount, 44)
  // The last row's shape may be gone.
  store<u32>(staging, NONE, 100)
  undoTo(staging, MARK)
  return result
}
