// The opaque, stateless cursor of a page: the last row's time and tags, the first page's `now`, and
// a fingerprint of the request, so that it fits only the request that it came from.
// An opaque text (opaque.ts) of [version, fingerprint, now, time, [[key, value], …]].

import { OmenError } from '../error.ts'
import { TIME_MAX, TIME_MIN } from '../calendar.ts'
import { printExpression } from './expression/print.ts'
import { decodeOpaque, encodeOpaque } from '../opaque.ts'
import type { Cursor, Query } from './query.ts'
import { type Tags, presentTags } from '../catalog/tags.ts'

const VERSION = 1

export interface DecodedCursor extends Cursor {
  readonly fingerprint: string
}

/** The cursor after a row of this query; `time` as the answer has it, `tags` with ascending keys. */
export function encodeCursor(query: Query, time: bigint, tags: Tags): string {
  const parts = [VERSION, fingerprintOf(query), String(query.now), String(time), presentTags(tags)]
  return encodeOpaque(parts)
}

/** The twin of encodeCursor. Throws `bad_request` for anything that it did not make. */
export function decodeCursor(text: string): DecodedCursor {
  const parts = decodeOpaque(text)
  if (!Array.isArray(parts) || parts.length !== 5 || parts[0] !== VERSION) refuse()
  const [, fingerprint, now, time, tags] = parts as unknown[]
  if (typeof fingerprint !== 'string' || !Array.isArray(tags) || !tags.every(isPair)) refuse()
  return { fingerprint, now: timeOf(now), time: timeOf(time), tags }
}

/** What decides the rows of a query, page and limit aside, as a short hash. */
export function fingerprintOf(query: Query): string {
  const { every, fill, sampling } = query
  const parts = [
    query.kind,
    query.database,
    query.table,
    String(query.start),
    String(query.end),
    query.where === null ? null : printExpression(query.where),
    query.select?.map((item) => [item.name, printExpression(item.expression)]) ?? null,
    query.by,
    every === null ? null : [String(every.count), every.unit, String(query.origin), query.timeZone],
    fill === null ? null : [fill.kind, fill.value, String(fill.maxGap), String(fill.lookback)],
    query.order,
    ...(sampling === null ? [] : [sampling.points, sampling.method]),
  ]
  return hashText(JSON.stringify(parts))
}

/** The request must be the one that the cursor came from. Throws `bad_request`. */
export function checkFingerprint(cursor: DecodedCursor, fingerprint: string): void {
  if (cursor.fingerprint === fingerprint) return
  const message = 'cursor: it belongs to a request with other fields'
  throw new OmenError('bad_request', message, { pointer: '/cursor' })
}

function isPair(value: unknown): value is [string, string] {
  return (
    Array.isArray(value) &&
    value.length === 2 &&
    typeof value[0] === 'string' &&
    typeof value[1] === 'string'
  )
}

function timeOf(value: unknown): bigint {
  if (typeof value !== 'string' || !/^-?\d{1,19}$/.test(value)) refuse()
  const time = BigInt(value)
  if (time < TIME_MIN || time > TIME_MAX) refuse()
  return time
}

function refuse(): never {
  throw new OmenError('bad_request', 'cursor: it is not one of ours', { pointer: '/cursor' })
}

/** 53 bits in two lanes (cyrb53, public domain): against mistakes, not against attackers. */
export function hashText(text: string): string {
  let a = 0xdeadbeef
  let b = 0x41c6ce57
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    a = Math.imul(a ^ unit, 2_654_435_761)
    b = Math.imul(b ^ unit, 1_597_334_677)
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909)
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909)
  return ((b & 0x1fffff) * 2 ** 32 + (a >>> 0)).toString(36)
}
