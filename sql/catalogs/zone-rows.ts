// Time zones, as pg_timezone_names and pg_timezone_abbrevs have them: the names that the host knows, and
// others that it takes. Few zones have abbreviations there; the others have their offset, as tzdata
// writes it (`-03`).

import { ABBREVIATIONS, UTC, type Zone, findZone } from '../zone.ts'
import { Interval } from '../value.ts'

const MINUTE = 60_000_000_000n
const HOUR = 60n * MINUTE

/** Names that Intl takes and does not list. */
const MORE = [
  ...['UTC', 'GMT', 'Etc/UTC', 'Etc/GMT', 'Etc/UCT', 'Etc/Zulu', 'Universal', 'Zulu', 'UCT'],
  ...Array.from({ length: 12 }, (_, index) => `Etc/GMT+${index + 1}`),
  ...Array.from({ length: 14 }, (_, index) => `Etc/GMT-${index + 1}`),
  ...['CET', 'EET', 'MET', 'WET', 'EST', 'HST', 'MST', 'CST6CDT', 'EST5EDT', 'MST7MDT', 'PST8PDT'],
  ...['Alaska', 'Aleutian', 'Arizona', 'Central', 'Eastern', 'Hawaii', 'Michigan', 'Mountain'].map(
    (name) => `US/${name}`,
  ),
  ...['US/Pacific', 'Canada/Atlantic', 'Canada/Central', 'Canada/Eastern', 'Canada/Mountain'],
  ...['Canada/Newfoundland', 'Canada/Pacific', 'Asia/Kolkata', 'Asia/Ho_Chi_Minh', 'Asia/Yangon'],
  ...['Asia/Kathmandu', 'Asia/Tel_Aviv', 'Asia/Istanbul', 'Europe/Kyiv', 'Europe/Belfast'],
  ...['Atlantic/Faroe', 'America/Argentina/Buenos_Aires', 'America/Indiana/Indianapolis'],
  ...['America/Kentucky/Louisville', 'America/Nuuk', 'Africa/Asmara', 'Pacific/Chuuk'],
  ...['Pacific/Pohnpei', 'Pacific/Kanton', 'Brazil/East', 'Chile/Continental', 'Mexico/General'],
  ...['Australia/ACT', 'Australia/NSW', 'Australia/Queensland', 'Australia/Victoria', 'Cuba'],
  ...['Egypt', 'Eire', 'GB', 'Hongkong', 'Iceland', 'Iran', 'Israel', 'Jamaica', 'Japan', 'NZ'],
  ...['Poland', 'Portugal', 'PRC', 'ROC', 'ROK', 'Singapore', 'Turkey'],
]

export interface ZoneRow {
  readonly name: string
  readonly abbrev: string
  readonly utc_offset: Interval
  readonly is_dst: boolean
}

/** Offsets are those of now. */
export function* zoneRows(): Iterable<ZoneRow> {
  const now = BigInt(Date.now()) * 1_000_000n
  const year = new Date().getUTCFullYear()
  const [winter, summer] = [0, 6].map((month) => BigInt(Date.UTC(year, month, 1)) * 1_000_000n)
  for (const name of [...new Set([...Intl.supportedValuesOf('timeZone'), ...MORE])].sort()) {
    const zone = findZone(name)
    if (zone === null) continue
    const offset = zone.offsetAt(now)
    const standard = [winter!, summer!].map((time) => zone.offsetAt(time))
    const least = standard[0]! < standard[1]! ? standard[0]! : standard[1]!
    yield {
      name,
      abbrev: abbreviation(name, zone, offset),
      utc_offset: new Interval(0, 0, offset),
      is_dst: offset > least,
    }
  }
}

function abbreviation(name: string, zone: Zone, offset: bigint): string {
  if (zone === UTC || /^(Etc\/)?(UTC|UCT|Zulu|Universal)$/.test(name)) return 'UTC'
  if (/^(Etc\/)?GMT$/.test(name)) return 'GMT'
  const minutes = Number((offset < 0n ? -offset : offset) / MINUTE)
  const two = (value: number): string => String(value).padStart(2, '0')
  const rest = minutes % 60 === 0 ? '' : two(minutes % 60)
  return `${offset < 0n ? '-' : '+'}${two(Math.floor(minutes / 60))}${rest}`
}

const SUMMER = new Set([
  ...['WEST', 'BST', 'CEST', 'EEST', 'EDT', 'CDT', 'MDT', 'PDT', 'AKDT', 'AEDT', 'NZDT'],
])

export function* abbreviationRows(): Iterable<Omit<ZoneRow, 'name'>> {
  for (const [name, hours] of Object.entries(ABBREVIATIONS)) {
    const abbrev = name.toUpperCase()
    const offset = BigInt(hours) * HOUR
    yield { abbrev, utc_offset: new Interval(0, 0, offset), is_dst: SUMMER.has(abbrev) }
  }
}
