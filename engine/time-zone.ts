// Clocks of time zones, from the runtime's own table (Intl): what a clock shows at an instant, and the
// instant at which it shows something. Intl answers one instant at a time, in microseconds, so the
// offset is asked for at the ends of weeks and, where it changes within one, found by halving.
// Clock times are counted like instants, in nanoseconds, as if the zone were UTC.

import { NS_PER_DAY, floorDivide } from './calendar.ts'

const NS_PER_MS = 1_000_000n
const MS_PER_WEEK = 604_800_000
/** Weeks of one zone that are kept: two thousand years, more than there are. */
const WEEKS_MAX = 100_000

/** What the clock is ahead of UTC, in milliseconds: `before` until the instant `at`, then `after`. */
interface Week {
  readonly before: number
  /** Milliseconds since the epoch; Infinity = it does not change. */
  readonly at: number
  readonly after: number
}

export class TimeZone {
  private readonly format: Intl.DateTimeFormat
  private readonly weeks = new Map<number, Week>()

  /** Throws a RangeError for a name that the runtime does not know. */
  constructor(name: string) {
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'iso8601',
      hourCycle: 'h23',
      ...({ year: 'numeric', month: 'numeric', day: 'numeric' } as const),
      ...({ hour: 'numeric', minute: 'numeric', second: 'numeric' } as const),
    })
  }

  /** What the clock shows at an instant. */
  clockOf(instant: bigint): bigint {
    return instant + this.offsetAt(instant)
  }

  /**
   * The instant at which the clock shows a time: the first of two where it is turned back, and where
   * it is turned forward over that time as much later as it skips (as Temporal's "compatible").
   */
  instantOf(clock: bigint): bigint {
    // No offset is longer than a day, and none changes twice in two days.
    const before = this.offsetAt(clock - NS_PER_DAY)
    const after = this.offsetAt(clock + NS_PER_DAY)
    if (before === after || this.offsetAt(clock - before) === before) return clock - before
    return this.offsetAt(clock - after) === after ? clock - after : clock - before
  }

  /** Nanoseconds that the clock is ahead of UTC. */
  private offsetAt(instant: bigint): bigint {
    const at = Number(floorDivide(instant, NS_PER_MS))
    const week = this.week(Math.floor(at / MS_PER_WEEK))
    return BigInt(at < week.at ? week.before : week.after) * NS_PER_MS
  }

  private week(number: number): Week {
    const known = this.weeks.get(number)
    if (known !== undefined) return known
    const start = number * MS_PER_WEEK
    const end = start + MS_PER_WEEK
    const before = this.weeks.get(number - 1)?.after ?? this.askOffset(start)
    const after = this.weeks.get(number + 1)?.before ?? this.askOffset(end)
    const at = before === after ? Infinity : this.turnOf(before, start, end)
    if (this.weeks.size >= WEEKS_MAX) this.weeks.clear()
    const week = { before, at, after }
    this.weeks.set(number, week)
    return week
  }

  /** The first millisecond after `low` whose offset is no longer `before`; that of `high` is not. */
  private turnOf(before: number, low: number, high: number): number {
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2)
      if (this.askOffset(middle) === before) low = middle
      else high = middle
    }
    return high
  }

  private askOffset(at: number): number {
    const parts = new Map(this.format.formatToParts(at).map(({ type, value }) => [type, value]))
    const [year, month, day, hour, minute, second] = (
      ['year', 'month', 'day', 'hour', 'minute', 'second'] as const
    ).map((type) => Number(parts.get(type)))
    const clock = Date.UTC(year!, month! - 1, day!, hour!, minute!, second!)
    return clock - Math.floor(at / 1000) * 1000
  }
}

const known = new Map<string, TimeZone>()
/** Names, upper and lower case apart, that are kept. */
const ZONES_MAX = 1_000

/** The zone of that name. Throws a RangeError if the runtime does not know it. */
export function timeZoneOf(name: string): TimeZone {
  const found = known.get(name)
  if (found !== undefined) return found
  const zone = new TimeZone(name)
  if (known.size >= ZONES_MAX) known.clear()
  known.set(name, zone)
  return zone
}
