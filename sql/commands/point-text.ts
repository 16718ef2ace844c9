// Points by their keys → one condition of the engine's grammar (docs/http.md, "Conditions"): of each
// series its tags, and the list of its times.

import { printTimestamp } from '../text/time-text.ts'

export interface PointKey {
  /** Nanoseconds. */
  readonly time: bigint
  /** Of each tag; empty: absent. */
  readonly tags: readonly string[]
}

/** Meets these points and no others; `start` to `end` is their span in nanoseconds. */
export function printPoints(
  tagNames: readonly string[],
  points: readonly PointKey[],
): { readonly start: bigint; readonly end: bigint; readonly where: string } {
  const series = new Map<string, { tags: readonly string[]; times: bigint[] }>()
  let [start, end] = [points[0]!.time, points[0]!.time]
  for (const { time, tags } of points) {
    if (time < start) start = time
    if (time > end) end = time
    const key = tags.join('\0')
    const found = series.get(key)
    if (found === undefined) series.set(key, { tags, times: [time] })
    else found.times.push(time)
  }
  const where = [...series.values()].map(({ tags, times }) => {
    const parts = tags.map((tag, i) => printTag(tagNames[i]!, tag))
    return `(${[...parts, `time IN (${times.map(printTime).join(', ')})`].join(' AND ')})`
  })
  return { start, end: end + 1n, where: where.join(' OR ') }
}

function printTag(name: string, value: string): string {
  const column = `"${name.replaceAll('"', '""')}"`
  return value === '' ? `${column} IS NULL` : `${column} = '${value.replaceAll("'", "''")}'`
}

/** With nanoseconds, in UTC. */
function printTime(time: bigint): string {
  return `'${printTimestamp(time).replace(' ', 'T')}Z'`
}
