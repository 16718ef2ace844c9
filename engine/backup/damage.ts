// What is wrong with bytes on the disk, so that a person can act on it: where, why, and which points
// of which table it hides.

import { formatTimeText } from '../time.ts'

export interface Damage {
  readonly file: string
  readonly offset: number
  /** Names file and offset itself. */
  readonly message: string
  /** `database.table`, null if it is not of one table, or of one that is gone. */
  readonly table: string | null
  /** Times of the points that it hides, as far as known. */
  readonly minTime: bigint | null
  readonly maxTime: bigint | null
}

/** Times as in RFC 3339, of points from `minTime` to `maxTime`. */
export function describeTimes(minTime: bigint, maxTime: bigint): string {
  return `${formatTimeText(minTime, 'rfc3339')} to ${formatTimeText(maxTime, 'rfc3339')}`
}

/** One line for a report. */
export function describeDamage({ file, message, table, minTime, maxTime }: Damage): string {
  const subject = message.startsWith(`${file}:`) ? message : `${file}: ${message}`
  const times =
    minTime === null || maxTime === null || message.includes('(times ')
      ? ''
      : ` (times ${describeTimes(minTime, maxTime)})`
  return `${subject}${times}${table === null ? '' : `, table ${table}`}`
}
