// Clocks of time zones, from the runtime's own table (Intl): what a clock shows at an instant, and the
// instant at which it shows something. Clock times are counted like instants, as if the zone were UTC.
// Intl is slow: offsets are asked for at the ends of weeks and, where they change, found by halving.

import { SqlError } from './sql-error.ts'

const NS_PER_MS = 1_000_000n
const NS_PER_DAY = 86_400_000_000_000n
const MS_PER_WEEK = 604_800_000
const WEEKS_MAX = 100_000

export interface Zone {
  readonly name: string
  /** Nanoseconds that the clock is ahead of UTC at an instant. */
  offsetAt(instant: bigint): bigint
}

interface Week {
  readonly before: number
  readonly at: number
  readonly after: number
}

class NamedZone implements Zone {
  readonly name: string
  private readonly format: Intl.DateTimeFormat
  private readonly weeks = new Map<number, Week>()

  constructor(name: string) {
    this.name = name
    this.format = new Intl.DateTimeFormat('en-US', {
      timeZone: name,
      calendar: 'iso8601',
      hourCycle: 'h23',
      ...({ year: 'numeric', month: 'numeric', day: 'numeric' } as const),
      ...({ hour: 'numeric', minute: 'numeric', second: 'numeric' } as const),
    })
  }

  offsetAt(instant: bigint): bigint {
    const at = Number(instant / NS_PER_MS) - (instant % NS_PER_MS < 0n ? 1 : 0)
    const number = Math.floor(at / MS_PER_WEEK)
    const week = this.weeks.get(number) ?? this.ask(number)
    return BigInt(at < week.at ? week.before : week.after) * NS_PER_MS
  }

  private ask(number: number): Week {
    const start = number * MS_PER_WEEK
    const [before, after] = [this.offsetOf(start), this.offsetOf(start + MS_PER_WEEK)]
    let at = Infinity
    if (before !== after) {
      let low = start
      at = start + MS_PER_WEEK
      while (at - low > 1) {
        const middle = Math.floor((low + at) / 2)
        if (this.offsetOf(middle) === before) low = middle
        else at = middle
      }
    }
    if (this.weeks.size >= WEEKS_MAX) this.weeks.clear()
    const week = { before, at, after }
    this.weeks.set(number, week)
    return week
  }

  private offsetOf(at: number): number {
    const parts: Record<string, number> = {}
    for (const { type, value } of this.format.formatToParts(at)) parts[type] = Number(value)
    const { year, month, day, hour, minute, second } = parts as Record<string, number>
    const clock = new Date(0)
    clock.setUTCFullYear(year!, month! - 1, day)
    clock.setUTCHours(hour!, minute, second)
    return clock.getTime() - Math.floor(at / 1000) * 1000
  }
}

/** A clock that is always the same time ahead of UTC. */
export function fixedZone(nanoseconds: bigint, name = ''): Zone {
  return { name, offsetAt: () => nanoseconds }
}

export const UTC = fixedZone(0n, 'UTC')

/** Hours ahead of UTC of the abbreviations that PostgreSQL knows and people use. */
export const ABBREVIATIONS: Readonly<Record<string, number>> = {
  ...{ z: 0, utc: 0, gmt: 0, wet: 0, west: 1, bst: 1, cet: 1, cest: 2, eet: 2, eest: 3, msk: 3 },
  ...{ est: -5, edt: -4, cst: -6, cdt: -5, mst: -7, mdt: -6, pst: -8, pdt: -7, akst: -9, hst: -10 },
  ...{ akdt: -8, jst: 9, kst: 9, ist: 2, aest: 10, aedt: 11, nzst: 12, nzdt: 13, sgt: 8 },
}

const known = new Map<string, Zone | null>([
  ['utc', UTC],
  ['z', UTC],
])
const ZONES_MAX = 1_000

/** The zone of a name, an abbreviation or a POSIX form (`UTC+3` lies west), or null. */
export function findZone(name: string): Zone | null {
  const key = name.trim().toLowerCase()
  const found = known.get(key)
  if (found !== undefined) return found
  if (known.size >= ZONES_MAX) known.clear()
  const zone = makeZone(key, name.trim())
  known.set(key, zone)
  return zone
}

function makeZone(key: string, name: string): Zone | null {
  const hours = ABBREVIATIONS[key]
  if (hours !== undefined) return fixedZone(BigInt(hours) * 3_600_000_000_000n, name.toUpperCase())
  const posix = /^(?:<[^>]*>|[a-z]{3,})?([-+])?(\d{1,2})(?::?(\d\d))?$/.exec(key)
  if (posix !== null) {
    const minutes = Number(posix[2]) * 60 + Number(posix[3] ?? 0)
    if (minutes > 167 * 60) return null
    return fixedZone(BigInt(posix[1] === '-' ? minutes : -minutes) * 60_000_000_000n, name)
  }
  if (!/^[a-z][a-z0-9_+/-]*$/.test(key)) return null
  try {
    return new NamedZone(name)
  } catch {
    return null
  }
}

/** Throws 22023 if there is no such zone. */
export function zoneOf(name: string): Zone {
  const zone = findZone(name)
  if (zone === null) throw new SqlError('22023', `time zone "${name}" not recognized`)
  return zone
}

/** What the clock shows at an instant. */
export const clockOf = (zone: Zone, instant: bigint): bigint => instant + zone.offsetAt(instant)

/** The instant at which the clock shows a time: where it is skipped or shown twice, as in winter. */
export function instantOf(zone: Zone, clock: bigint): bigint {
  const before = zone.offsetAt(clock - NS_PER_DAY)
  const after = zone.offsetAt(clock + NS_PER_DAY)
  if (before === after) return clock - before
  if (zone.offsetAt(clock - after) === after) return clock - after
  return clock - before
}
