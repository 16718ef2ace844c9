// OTLP metrics: an ExportMetricsServiceRequest message → rows (opentelemetry-proto, metrics.proto). This
// file walks from the request to its points; otlp-point.ts makes rows of one. A message that ends wrongly
// is CORRUPT, and then nothing of it may be stored.
//   request { ResourceMetrics 1 }  ResourceMetrics { Resource 1; ScopeMetrics 2 }  Resource { KeyValue 1 }
//   ScopeMetrics { Scope 1; Metric 2 }  Scope { name 1; version 2; KeyValue 3 }
//   Metric { name 1; gauge 5; sum 7; histogram 9; exponential histogram 10; summary 11 }, each { point 1 }
//
// MessageCursor (u32): 0 next field of the request  4 its end  8 of the resource  12 of the scope  16 of
// the points (0 = begin)  20 number of the point

import { CORRUPT } from './layout'
import { attributeCount, attributeText, keepAttributes } from './otlp-attributes'
import { readAttributes, setAttribute } from './otlp-attributes'
import { beginPoints, takePoint } from './otlp-point'
import { beginFields, fieldEnd, fieldKey, fieldStart, fieldsRead, nextField } from './protobuf'
import { REFUSED, recordSeries } from './refusal'
import { refreshCache } from './series-cache'

/** Fields after which a call pauses: a millisecond or two. */
const FIELDS_PER_CALL: u32 = 65536

const FIRST: u32 = 10
const SECOND: u32 = 18
const THIRD: u32 = 26

const MORE: i32 = 1

/** Fields of a metric that have points. */
function isKind(field: u32): bool {
  const number = field >> 3
  return (field & 7) === 2 && (number === 5 || number === 7 || (number >= 9 && number <= 11))
}

// Fields after which this call pauses. Reading again what a call before had read does not count: so each
// call comes further.
let pauseAt: u32 = 0

// "otel.scope.name", "otel.scope.version"
const SCOPE: usize = memory.data<u8>([
  111, 116, 101, 108, 46, 115, 99, 111, 112, 101, 46, 110, 97, 109, 101, 111, 116, 101, 108, 46,
  115, 99, 111, 112, 101, 46, 118, 101, 114, 115, 105, 111, 110,
])
const SCOPE_NAME_LENGTH: u32 = 15
const SCOPE_VERSION_LENGTH: u32 = 18

/** Reads resources into the attributes: 0, REFUSED or CORRUPT. */
function readResource(p: usize, end: usize): i32 {
  let result: i32 = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== FIRST || result !== 0) continue
    result = readAttributes(0, FIRST, fieldStart, fieldEnd)
    if (result === CORRUPT) return CORRUPT
  }
  return result
}

/** Sets a text of a scope unless it is empty. */
function setScopeText(isName: bool, length: u32): i32 {
  const size = u32(fieldEnd - fieldStart)
  if (size === 0) return 0
  return setAttribute(
    0,
    isName ? SCOPE : SCOPE + usize(SCOPE_NAME_LENGTH),
    length,
    fieldStart,
    size,
  )
}

/** Reads a scope over the attributes of its resource: 0, REFUSED or CORRUPT. */
function readScopeTexts(p: usize, end: usize): i32 {
  let result: i32 = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (result !== 0) continue
    if (fieldKey === FIRST) result = setScopeText(true, SCOPE_NAME_LENGTH)
    else if (fieldKey === SECOND) result = setScopeText(false, SCOPE_VERSION_LENGTH)
  }
  return result
}

function readScope(p: usize, end: usize): i32 {
  let result: i32 = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== FIRST || result !== 0) continue
    const start = fieldStart
    const scopeEnd = fieldEnd
    result = readAttributes(0, THIRD, start, scopeEnd)
    if (result === 0) result = readScopeTexts(start, scopeEnd)
    if (result === CORRUPT) return CORRUPT
  }
  return result
}

// Why no point of what is under way can be stored: 0 or REFUSED.
let refusal: i32 = 0

let metricName: usize = 0
let metricNameLength: u32 = 0
let metricKind: u32 = 0
let pointsStart: usize = 0
let pointsEnd: usize = 0

/** Finds name and points of a metric: 0 or CORRUPT. */
function readMetric(p: usize, end: usize): i32 {
  metricName = p
  metricNameLength = 0
  metricKind = 0
  while (p < end) {
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey === FIRST) {
      metricName = fieldStart
      metricNameLength = u32(fieldEnd - fieldStart)
    } else if (isKind(fieldKey)) {
      metricKind = fieldKey >> 3
      pointsStart = fieldStart
      pointsEnd = fieldEnd
    }
  }
  return 0
}

/** Stages the points of a metric from the cursor on: 0, MORE, FULL or CORRUPT. */
function takeMetric(staging: usize, cursor: usize, start: usize, end: usize): i32 {
  if (readMetric(start, end) < 0) return CORRUPT
  if (metricKind === 0) return 0
  beginPoints(metricKind, metricName, metricNameLength)
  let p = usize(load<u32>(cursor, 16))
  if (p === 0) p = pointsStart
  else pauseAt = fieldsRead + FIELDS_PER_CALL
  while (p < pointsEnd) {
    store<u32>(cursor, u32(p), 16)
    if (fieldsRead > pauseAt) return MORE
    p = nextField(p, pointsEnd)
    if (p === 0) return CORRUPT
    if (fieldKey !== FIRST) continue
    let result = refusal === 0 ? takePoint(staging, fieldStart, fieldEnd) : REFUSED
    if (result === REFUSED) {
      const index = load<u32>(cursor, 20)
      result = recordSeries(staging, index, metricName, metricName + usize(metricNameLength), 1)
    }
    if (result < 0) return result
    store<u32>(cursor, load<u32>(cursor, 20) + 1, 20)
  }
  store<u32>(cursor, 0, 16)
  return 0
}

function takeScope(staging: usize, cursor: usize, start: usize, end: usize): i32 {
  const count = attributeCount()
  const text = attributeText()
  const before = refusal
  if (refusal === 0) refusal = readScope(start, end)
  if (refusal === CORRUPT) return CORRUPT
  let p = usize(load<u32>(cursor, 12))
  if (p === 0) p = start
  else pauseAt = fieldsRead + FIELDS_PER_CALL
  while (p < end) {
    store<u32>(cursor, u32(p), 12)
    if (fieldsRead > pauseAt) return MORE
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== SECOND) continue
    const result = takeMetric(staging, cursor, fieldStart, fieldEnd)
    if (result !== 0) return result
  }
  store<u32>(cursor, 0, 12)
  keepAttributes(count, text)
  refusal = before
  return 0
}

function takeResource(staging: usize, cursor: usize, start: usize, end: usize): i32 {
  keepAttributes(0, 0)
  refusal = readResource(start, end)
  if (refusal === CORRUPT) return CORRUPT
  let p = usize(load<u32>(cursor, 8))
  if (p === 0) p = start
  else pauseAt = fieldsRead + FIELDS_PER_CALL
  while (p < end) {
    store<u32>(cursor, u32(p), 8)
    if (fieldsRead > pauseAt) return MORE
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== SECOND) continue
    const result = takeScope(staging, cursor, fieldStart, fieldEnd)
    if (result !== 0) return result
  }
  store<u32>(cursor, 0, 8)
  return 0
}

/**
 * Stages what an ExportMetricsServiceRequest has, from the cursor on: 1 = call again, 0 = it was the end,
 * FULL = `short` of the staging says what has to grow, CORRUPT = no message of this kind: stage no more,
 * commit nothing.
 */
export function otlpMetrics(staging: usize, cursor: usize): i32 {
  const end = usize(load<u32>(cursor, 4))
  beginFields()
  pauseAt = FIELDS_PER_CALL
  refreshCache(staging)
  let p = usize(load<u32>(cursor))
  while (p < end) {
    store<u32>(cursor, u32(p))
    if (fieldsRead > pauseAt) return MORE
    p = nextField(p, end)
    if (p === 0) return CORRUPT
    if (fieldKey !== FIRST) continue
    const result = takeResource(staging, cursor, fieldStart, fieldEnd)
    if (result !== 0) return result
  }
  return 0
}
