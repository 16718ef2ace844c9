// How `time` comes out of answers: a number of `ms` (default), `s` or `us`, or text as `ns` or `rfc3339`.

import type { TimeText } from '../../engine/cell-text.ts'
import { formatTime, formatTimeText } from '../../engine/time.ts'

export const TIME_FORMATS = ['ms', 's', 'us', 'ns', 'rfc3339'] as const satisfies TimeText[]

/** One of the formats. */
export type TimeFormat = (typeof TIME_FORMATS)[number]

/** A time outside of any column, or null. */
export function shownTime(time: bigint, format: TimeFormat): number | string
export function shownTime(time: bigint | null, format: TimeFormat): number | string | null
export function shownTime(time: bigint | null, format: TimeFormat): number | string | null {
  if (time === null) return null
  if (format === 'ns' || format === 'rfc3339') return formatTimeText(time, format)
  return formatTime(time, format)
}
