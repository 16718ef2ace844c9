// OVERLAPS: whether two spans of time have an instant in common. A span is two ends in any order, or a
// start and its length; it has its earlier end and not its later one, unless both are the same.
// Source: PostgreSQL 15, overlaps_timestamp in src/backend/utils/adt/timestamp.c.

import { NS_PER_DAY, floorModulo } from '../calendar.ts'
import type { ScalarFunction, Surroundings } from '../function.ts'
import { Interval } from '../value.ts'
import { zoneOf } from '../zone.ts'
import { scalar } from './define.ts'
import { addInterval } from './time.ts'

type End = bigint | null

/** Earlier end first; the later one is null where either was. */
function ordered(one: End, two: End): readonly [End, End] {
  if (one === null) return [two, null]
  return two !== null && one > two ? [two, one] : [one, two]
}

/** Null where an unknown end decides. */
function overlap(one: readonly [End, End], two: readonly [End, End]): boolean | null {
  const [a, b] = [ordered(...one), ordered(...two)]
  if (a[0] === null || b[0] === null) return null
  if (a[0] === b[0]) return a[1] === null || b[1] === null ? null : true
  const [first, second] = a[0] < b[0] ? [a, b] : [b, a]
  if (first[1] === null) return null
  if (second[0]! < first[1]) return true
  return second[1] === null ? null : false
}

/** The end of a span of this length. */
type Add = (time: bigint, by: Interval, surroundings: Surroundings) => bigint

const ADD: Readonly<Record<string, Add>> = {
  timestamptz: (time, by, { timeZone }) => addInterval(time, by, zoneOf(timeZone)),
  timestamp: (time, by) => addInterval(time, by, zoneOf('UTC')),
  time: (time, by) => floorModulo(time + by.nanoseconds, NS_PER_DAY),
}

function overloads(type: string, add: Add): ScalarFunction[] {
  const end = (s: Surroundings, start: End, other: End | Interval): End => {
    if (!(other instanceof Interval)) return other
    return start === null ? null : add(start, other, s)
  }
  const compute = (s: Surroundings, a: End, b: End | Interval, c: End, d: End | Interval) =>
    overlap([a, end(s, a, b)], [c, end(s, c, d)])
  const volatility = type === 'timestamptz' ? 'stable' : 'immutable'
  const spans = [`${type} ${type}`, `${type} interval`]
  return spans.flatMap((one) =>
    spans.map((two) =>
      scalar('overlaps', `${one} ${two}`, 'bool', compute, {
        isStrict: false,
        isSituated: true,
        volatility,
      }),
    ),
  )
}

export const overlapping: readonly ScalarFunction[] = Object.entries(ADD).flatMap(([type, add]) =>
  overloads(type, add),
)
