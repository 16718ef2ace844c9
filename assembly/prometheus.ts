// Prometheus' remote write 1.0: a WriteRequest message → rows. The label `__name__` is the table, the
// others are tags, a sample is the field `value` at its milliseconds. Stale markers are no points; of what
// else the message may hold, exemplars and metadata are passed over and native histograms refused.
//   WriteRequest { repeated TimeSeries timeseries = 1; }
//   TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; … repeated Histogram = 4; }
//   Label { string name = 1; string value = 2; }  Sample { double value = 1; int64 timestamp = 2; }
// The bytes of a series' labels are the key of the cache of series (series-cache.ts): they begin with a
// newline, as no line does. A message that ends wrongly is CORRUPT, and then nothing of it may be stored.
//
// MessageCursor (u32): 0 next field of the request  4 its end  8 next field of the series that is under
// way, 0 = none  12 its number  16 table  20 series (NONE before its first row)  24 column  28 its
// native histograms so far

import { CORRUPT, FLOAT, FULL } from './layout'
import { appendValue, resolveValue, setMetricTag } from './metric-value'
import {
  beginFields,
  fieldEnd,
  fieldKey,
  fieldStart,
  fieldValue,
  fieldsRead,
  nextField,
} from './protobuf'
import { REFUSED, recordSeries, refuse } from './refusal'
import {
  REFUSED_EMPTY_NAME,
  REFUSED_EXPIRED,
  REFUSED_HISTOGRAM,
  REFUSED_NO_TABLE,
  REFUSED_TAG_COUNT,
  REFUSED_TAG_TWICE,
  REFUSED_TIME_RANGE,
} from './refusal-kind'
import {
  cacheLineSeries,
  cachedSeries,
  cachedTable,
  findLineSeries,
  makeCacheRoom,
  refreshCache,
  touchFound,
} from './series-cache'
import { isExpired } from './staged-row'
import { TAGS_MAX, resolveSeries, resolveTable, status } from './staged-name'
import { NONE, setMark, undoTo } from './staging'
import { scaleTime, timeValue } from './time-text'

export const MESSAGE_CURSOR_SIZE: i32 = 32

/** Fields after which a call pauses: a millisecond or two. */
const FIELDS_PER_CALL: u32 = 65536

// Keys of fields: number << 3 | wire type.
const SERIES: u32 = 10
const LABEL: u32 = 10
const SAMPLE: u32 = 18
const HISTOGRAM: u32 = 34
const LABEL_NAME: u32 = 10
const LABEL_VALUE: u32 = 18
const SAMPLE_VALUE: u32 = 9
const SAMPLE_TIME: u32 = 16

/** What Prometheus writes when a series ends: the bits of one NaN. */
const STALE: u64 = 0x7ff0000000000002
const MILLISECOND: i64 = 1000000
/** Bytes of labels above which a series is looked up by its tags alone. */
const LABELS_CACHED_MAX: usize = 4096

const MARK: usize = memory.data(16)

// "__name__", little-endian
const NAME_LABEL: u64 = 0x5f5f656d616e5f5f

// Of the series that was scanned last: where its labels are (0 end: not in one piece), its samples, its
// native histograms, its name.
let labelsStart: usize = 0
let labelsEnd: usize = 0
let sampleCount: u32 = 0
let histogramCount: u32 = 0
let name: usize = 0
let nameLength: u32 = 0

/** Finds labels and counts samples: 0 or CORRUPT. */
function scanSeries(start: usize, end: usize): i32 {
  labelsStart = 0
  labelsEnd = 0
  sampleCount = 0
  histogramCount = 0
  let isApart = false
  for (let p = start; p < end;) {
    const from = p
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === LABEL) {
      if (labelsStart === 0) labelsStart = from
      else if (labelsEnd !== from) isApart = true
      labelsEnd = p
    } else if (fieldKey === SAMPLE) sampleCount++
    else if (fieldKey === HISTOGRAM) histogramCount++
  }
  if (isApart || labelsEnd - labelsStart > LABELS_CACHED_MAX) labelsEnd = 0
  return 0
}

// What readLabel found.
let labelName: usize = 0
let labelNameLength: u32 = 0
let labelText: usize = 0
let labelTextLength: u32 = 0

/** Reads a Label message: 0 or CORRUPT. */
function readLabel(p: usize, end: usize): i32 {
  labelName = labelText = p
  labelNameLength = labelTextLength = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === LABEL_NAME) {
      labelName = fieldStart
      labelNameLength = u32(fieldEnd - fieldStart)
    } else if (fieldKey === LABEL_VALUE) {
      labelText = fieldStart
      labelTextLength = u32(fieldEnd - fieldStart)
    }
  }
  return 0
}

function isNameLabel(): bool {
  return labelNameLength === 8 && load<u64>(labelName) === NAME_LABEL
}

/** Reads the labels of a series into TAGS and `name`: how many tags, REFUSED or CORRUPT. */
function readLabels(start: usize, end: usize): i32 {
  let count: u32 = 0
  let why: i32 = 0
  name = 0
  nameLength = 0
  for (let p = start; p < end;) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== LABEL) continue
    if (readLabel(fieldStart, fieldEnd) < 0) return CORRUPT
    if (isNameLabel()) {
      if (name !== 0) why = refuse(REFUSED_TAG_TWICE, 0, labelName, labelNameLength)
      name = labelText
      nameLength = labelTextLength
    } else if (labelNameLength === 0) why = refuse(REFUSED_EMPTY_NAME, 0, labelName, 0)
    else if (count >= TAGS_MAX) why = refuse(REFUSED_TAG_COUNT, 0, labelName, 0)
    else setMetricTag(count++, labelName, labelNameLength, labelText, labelTextLength)
  }
  if (why !== 0) return why
  return nameLength === 0 ? refuse(REFUSED_NO_TABLE, 0, start, 0) : i32(count)
}

let isCached: bool = false

/** Finds table, series and column of the series in [start, end): 0, FULL, REFUSED or CORRUPT. */
function resolveNames(staging: usize, cursor: usize, start: usize, end: usize): i32 {
  const length = labelsEnd === 0 ? 0 : u32(labelsEnd - labelsStart)
  isCached = length > 0 && findLineSeries(staging, labelsStart, length)
  let table = cachedTable
  let series = cachedSeries
  if (isCached) {
    if (touchFound(staging) < 0) return FULL
  } else {
    if (makeCacheRoom(staging, length) < 0) return FULL
    const count = readLabels(start, end)
    if (count < 0) return count
    table = resolveTable(staging, name, nameLength, 0)
    if (table === NONE) return status
    series = resolveSeries(staging, table, u32(count), 0)
    if (series === NONE) return status
  }
  const column = resolveValue(staging, table, FLOAT)
  if (column === NONE) return status
  store<u32>(cursor, table, 16)
  store<u32>(cursor, series, 20)
  store<u32>(cursor, column, 24)
  return 0
}

/** Notes that `count` samples of the series are refused: 0, or FULL. */
function recordSamples(staging: usize, cursor: usize, start: usize, end: usize, count: u32): i32 {
  // For the message; the reason stays what it is.
  if (readName(start, end) < 0) return CORRUPT
  return recordSeries(staging, load<u32>(cursor, 12), name, name + usize(nameLength), count)
}

function readName(start: usize, end: usize): i32 {
  name = start
  nameLength = 0
  for (let p = start; p < end && nameLength === 0;) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== LABEL) continue
    if (readLabel(fieldStart, fieldEnd) < 0) return CORRUPT
    if (!isNameLabel()) continue
    name = labelText
    nameLength = labelTextLength
  }
  return 0
}

let sampleBits: u64 = 0
let sampleTime: i64 = 0

/** Reads a Sample message: 0 or CORRUPT. */
function readSample(p: usize, end: usize): i32 {
  sampleBits = 0
  sampleTime = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === SAMPLE_VALUE) sampleBits = fieldValue
    else if (fieldKey === SAMPLE_TIME) sampleTime = i64(fieldValue)
  }
  return 0
}

/** Stages the sample that was read: 0, FULL or REFUSED. */
function stageSample(staging: usize, cursor: usize): i32 {
  const table = load<u32>(cursor, 16)
  if (scaleTime(sampleTime, MILLISECOND) < 0) return refuse(REFUSED_TIME_RANGE, 0, 0, 0)
  const time = timeValue
  if (isExpired(staging, table, time)) return refuse(REFUSED_EXPIRED, 0, 0, 0)
  const series = load<u32>(cursor, 20)
  const column = load<u32>(cursor, 24)
  return appendValue(staging, table, series, column, time, FLOAT, sampleBits)
}

/** After the first row of a series: its labels name it from now on. */
function rememberSeries(staging: usize, cursor: usize): void {
  if (isCached || labelsEnd === 0) return
  const length = u32(labelsEnd - labelsStart)
  cacheLineSeries(staging, labelsStart, length, load<u32>(cursor, 16), load<u32>(cursor, 20))
}

/** Are the names of the series that is under way resolved, so that it has a row? */
function isBegun(cursor: usize): bool {
  return load<u32>(cursor, 20) !== NONE
}

/** Stages the first sample of a series that is no stale marker: 0, FULL, REFUSED or CORRUPT. */
function beginSeries(staging: usize, cursor: usize, start: usize, end: usize): i32 {
  setMark(staging, MARK)
  areNamesRefused = false
  let result = resolveNames(staging, cursor, start, end)
  areNamesRefused = result === REFUSED
  if (result === 0) result = stageSample(staging, cursor)
  if (result === 0) rememberSeries(staging, cursor)
  else {
    undoTo(staging, MARK)
    store<u32>(cursor, NONE, 20)
  }
  return result
}

let areNamesRefused: bool = false

/**
 * Stages the samples of the series in [start, end) from where the cursor is in it: 0, 1 = a pause, FULL,
 * or CORRUPT.
 */
function takeSamples(staging: usize, cursor: usize, start: usize, end: usize): i32 {
  let p = usize(load<u32>(cursor, 8))
  while (p < end) {
    if (fieldsRead > FIELDS_PER_CALL && isBegun(cursor)) return 1
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === HISTOGRAM) store<u32>(cursor, load<u32>(cursor, 28) + 1, 28)
    if (fieldKey === SAMPLE) {
      if (readSample(fieldStart, fieldEnd) < 0) return CORRUPT
      if (sampleBits !== STALE) {
        const isFirst = !isBegun(cursor)
        let result = isFirst
          ? beginSeries(staging, cursor, start, end)
          : stageSample(staging, cursor)
        if (result === REFUSED) {
          const isAll = isFirst && areNamesRefused
          const count = isAll ? sampleCount + histogramCount : 1
          result = recordSamples(staging, cursor, start, end, count)
          if (isAll) return result
        }
        if (result !== 0) return result
      }
    }
    store<u32>(cursor, u32(p), 8)
  }
  const histograms = load<u32>(cursor, 28)
  if (histograms === 0) return 0
  refuse(REFUSED_HISTOGRAM, 0, start, 0)
  return recordSamples(staging, cursor, start, end, histograms)
}

/**
 * Stages what a WriteRequest has, from the cursor on: 1 = call again, 0 = it was the end, FULL = `short`
 * of the staging says what has to grow, CORRUPT = no message of this kind: stage no more, commit nothing.
 */
export function remoteWrite(staging: usize, cursor: usize): i32 {
  const end = usize(load<u32>(cursor, 4))
  beginFields()
  refreshCache(staging)
  let p = usize(load<u32>(cursor))
  while (p < end) {
    if (fieldsRead > FIELDS_PER_CALL) return 1
    const next = nextField(p, end)
    if (next === 0) return CORRUPT
    if (fieldKey === SERIES) {
      const start = fieldStart
      const seriesEnd = fieldEnd
      if (load<u32>(cursor, 8) === 0) {
        store<u32>(cursor, u32(start), 8)
        store<u32>(cursor, NONE, 20)
        store<u32>(cursor, 0, 28)
      }
      if (!isBegun(cursor) && scanSeries(start, seriesEnd) < 0) return CORRUPT
      const result = takeSamples(staging, cursor, start, seriesEnd)
      if (result !== 0) return result
      store<u32>(cursor, load<u32>(cursor, 12) + 1, 12)
      store<u32>(cursor, 0, 8)
    }
    p = next
    store<u32>(cursor, u32(p))
  }
  return 0
}
