// to_char of times: a template of patterns, and what is none as it stands.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c (DCH_to_char, DCH_keywords).

import { NS_PER_DAY, civilOf, dayOfTime, daysOf, isFiniteTime } from '../calendar.ts'
import type { ScalarFunction, Surroundings } from '../function.ts'
import { type Zone, clockOf, zoneOf } from '../zone.ts'
import { scalar } from './define.ts'
import { JULIAN_EPOCH } from './julian.ts'
import { ordinalSuffix } from './template.ts'
import { type TimePiece, timeTemplate } from './time-template.ts'

/** A time as its clock shows it. */
interface Moment {
  readonly year: number
  readonly month: number
  readonly day: number
  /** Days since 1970-01-01. */
  readonly days: number
  /** Microseconds of the day. */
  readonly micros: number
  /** Of the clock, seconds ahead of UTC; null: it has no zone. */
  readonly offset: number | null
  /** How the zone is called. */
  readonly zone: string
}

/** Prints a pattern; `isBare`: neither zeros nor spaces are filled up. */
type Print = (moment: Moment, isBare: boolean) => string

const MONTHS =
  'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const ROMAN = 'I II III IV V VI VII VIII IX X XI XII'.split(' ')
const MICROS_PER_SECOND = 1_000_000

const weekdayOf = ({ days }: Moment): number => (((days + 4) % 7) + 7) % 7
const dayOfYear = ({ days, year }: Moment): number => days - daysOf(year, 1, 1) + 1
/** Years before 1 are counted back from it. */
const shownYear = ({ year }: Moment): number => (year <= 0 ? 1 - year : year)
const hourOf = ({ micros }: Moment): number => Math.floor(micros / (3600 * MICROS_PER_SECOND))
const minuteOf = ({ micros }: Moment): number => Math.floor(micros / (60 * MICROS_PER_SECOND)) % 60
const secondOf = ({ micros }: Moment): number => Math.floor(micros / MICROS_PER_SECOND) % 60

/** ISO 8601: the year whose week it is, and the week. */
function isoWeek(moment: Moment): { year: number; week: number } {
  const thursday = moment.days - ((weekdayOf(moment) + 6) % 7) + 3
  const { year } = civilOf(thursday)
  return { year, week: Math.floor((thursday - daysOf(year, 1, 1)) / 7) + 1 }
}

function isoDayOfYear(moment: Moment): number {
  return (isoWeek(moment).week - 1) * 7 + (weekdayOf(moment) || 7)
}

function century({ year }: Moment): number {
  return year > 0 ? Math.floor((year - 1) / 100) + 1 : Math.ceil(year / 100) - 1
}

const number =
  (of: (moment: Moment) => number, width: number): Print =>
  (moment, isBare) => {
    const value = of(moment)
    const digits = String(Math.abs(value)).padStart(isBare ? 0 : width, '0')
    return value < 0 ? `-${digits}` : digits
  }

const name =
  (of: (moment: Moment) => string, width: number): Print =>
  (moment, isBare) =>
    isBare ? of(moment) : of(moment).padEnd(width)

const half = (moment: Moment): number => hourOf(moment) % 12 || 12
const monthName = ({ month }: Moment): string => MONTHS[month - 1]!
const dayName = (moment: Moment): string => DAYS[weekdayOf(moment)]!
const isoYear = (moment: Moment): number => shownYear({ ...moment, year: isoWeek(moment).year })
/** Digits behind the second; all of them in any case. */
const fraction =
  (digits: number): Print =>
  ({ micros }) =>
    String(micros % MICROS_PER_SECOND)
      .padStart(6, '0')
      .slice(0, digits)

/** Of the keywords whose upper and lower case are the same. */
const NUMBERS: Readonly<Record<string, Print>> = {
  HH24: number(hourOf, 2),
  HH12: number(half, 2),
  HH: number(half, 2),
  MI: number(minuteOf, 2),
  SSSSS: number(({ micros }) => Math.floor(micros / MICROS_PER_SECOND), 0),
  SSSS: number(({ micros }) => Math.floor(micros / MICROS_PER_SECOND), 0),
  SS: number(secondOf, 2),
  MS: fraction(3),
  US: fraction(6),
  ...Object.fromEntries([1, 2, 3, 4, 5, 6].map((n) => [`FF${n}`, fraction(n)])),
  'Y,YYY': (moment) => {
    const year = shownYear(moment)
    const [thousands, rest] = [Math.floor(year / 1000), String(year % 1000).padStart(3, '0')]
    return `${thousands},${rest}`
  },
  YYYY: number(shownYear, 4),
  YYY: number((moment) => shownYear(moment) % 1000, 3),
  YY: number((moment) => shownYear(moment) % 100, 2),
  Y: number((moment) => shownYear(moment) % 10, 1),
  IYYY: number(isoYear, 4),
  IYY: number((moment) => isoYear(moment) % 1000, 3),
  IY: number((moment) => isoYear(moment) % 100, 2),
  IDDD: number(isoDayOfYear, 3),
  ID: number((moment) => weekdayOf(moment) || 7, 0),
  IW: number((moment) => isoWeek(moment).week, 2),
  I: number((moment) => isoYear(moment) % 10, 1),
  CC: number(century, 2),
  MM: number(({ month }) => month, 2),
  DDD: number(dayOfYear, 3),
  DD: number(({ day }) => day, 2),
  D: number((moment) => weekdayOf(moment) + 1, 0),
  WW: number((moment) => Math.floor((dayOfYear(moment) - 1) / 7) + 1, 2),
  W: number(({ day }) => Math.floor((day - 1) / 7) + 1, 0),
  J: number(({ days }) => days + JULIAN_EPOCH, 0),
  Q: number(({ month }) => Math.floor((month - 1) / 3) + 1, 0),
}

const upper = (of: (moment: Moment) => string) => (moment: Moment) => of(moment).toUpperCase()
const lower = (of: (moment: Moment) => string) => (moment: Moment) => of(moment).toLowerCase()
const short = (of: (moment: Moment) => string) => (moment: Moment) => of(moment).slice(0, 3)
const roman = ({ month }: Moment): string => ROMAN[month - 1]!
const isMorning = (moment: Moment): boolean => hourOf(moment) < 12

function both(text: string, of: Print): Record<string, Print> {
  const lowered: Print = (moment, isBare) => of(moment, isBare).toLowerCase()
  return { [text]: of, [text.toLowerCase()]: lowered }
}

const WORDS: Readonly<Record<string, Print>> = {
  MONTH: name(upper(monthName), 9),
  Month: name(monthName, 9),
  month: name(lower(monthName), 9),
  MON: name(upper(short(monthName)), 0),
  Mon: name(short(monthName), 0),
  mon: name(lower(short(monthName)), 0),
  DAY: name(upper(dayName), 9),
  Day: name(dayName, 9),
  day: name(lower(dayName), 9),
  DY: name(upper(short(dayName)), 0),
  Dy: name(short(dayName), 0),
  dy: name(lower(short(dayName)), 0),
  RM: name(roman, 4),
  rm: name(lower(roman), 4),
  ...Object.fromEntries(
    ['AM', 'PM'].flatMap((text) =>
      Object.entries(both(text, (moment) => (isMorning(moment) ? 'AM' : 'PM'))),
    ),
  ),
  ...Object.fromEntries(
    ['A.M.', 'P.M.'].flatMap((text) =>
      Object.entries(both(text, (moment) => (isMorning(moment) ? 'A.M.' : 'P.M.'))),
    ),
  ),
  ...Object.fromEntries(
    ['AD', 'BC'].flatMap((text) =>
      Object.entries(both(text, ({ year }) => (year > 0 ? 'AD' : 'BC'))),
    ),
  ),
  ...Object.fromEntries(
    ['A.D.', 'B.C.'].flatMap((text) =>
      Object.entries(both(text, ({ year }) => (year > 0 ? 'A.D.' : 'B.C.'))),
    ),
  ),
  ...both('TZ', ({ zone }) => zone),
  ...both('TZH', ({ offset }) => signedHours(offset ?? 0)),
  ...both('TZM', ({ offset }) => minutesOf(offset ?? 0)),
  ...both('OF', ({ offset }, isBare) => offsetText(offset ?? 0, isBare)),
}

function signedHours(offset: number, isBare = false): string {
  const hours = Math.floor(Math.abs(offset) / 3600)
  return (offset < 0 ? '-' : '+') + String(hours).padStart(isBare ? 0 : 2, '0')
}

function minutesOf(offset: number): string {
  return String(Math.floor((Math.abs(offset) % 3600) / 60)).padStart(2, '0')
}

function offsetText(offset: number, isBare = false): string {
  const minutes = minutesOf(offset)
  return signedHours(offset, isBare) + (minutes === '00' ? '' : `:${minutes}`)
}

type Piece = string | ((moment: Moment) => string)

function pieceOf(piece: TimePiece): Piece {
  if ('text' in piece) return piece.text
  const { pattern, isBare, ordinal } = piece
  const number = NUMBERS[pattern.toUpperCase()]
  const print = number ?? WORDS[pattern] ?? (() => '')
  if (number === undefined || ordinal === null) return (moment) => print(moment, isBare)
  return (moment) => {
    const digits = print(moment, isBare)
    const suffix = ordinalSuffix(digits)
    return digits + (ordinal === 'TH' ? suffix.toUpperCase() : suffix)
  }
}

const compiled = new Map<string, readonly Piece[]>()
const COMPILED_MAX = 1_000

function print(template: string, moment: Moment): string {
  let pieces = compiled.get(template)
  if (pieces === undefined) {
    pieces = timeTemplate(template).map(pieceOf)
    if (compiled.size >= COMPILED_MAX) compiled.clear()
    compiled.set(template, pieces)
  }
  return pieces.map((piece) => (typeof piece === 'string' ? piece : piece(moment))).join('')
}

/** Null without a template, and for times that are infinite. */
function textOf(
  template: string,
  clock: bigint,
  { offset, zone }: Pick<Moment, 'offset' | 'zone'>,
): string | null {
  if (template === '' || !isFiniteTime(clock)) return null
  const days = dayOfTime(clock)
  const micros = Number((clock - BigInt(days) * NS_PER_DAY) / 1_000n)
  return print(template, { ...civilOf(days), days, micros, offset, zone })
}

function zoneText({ name: zone }: Zone, offset: number): string {
  return /^[A-Z]{2,5}$/.test(zone) ? zone : offsetText(offset)
}

export const timeTexts: readonly ScalarFunction[] = [
  scalar('to_char', 'timestamp text', 'text', (clock: bigint, template: string) =>
    textOf(template, clock, { offset: null, zone: '' }),
  ),
  scalar(
    'to_char',
    'timestamptz text',
    'text',
    ({ timeZone }: Surroundings, time: bigint, template: string) => {
      if (!isFiniteTime(time)) return null
      const zone = zoneOf(timeZone)
      const offset = Number(zone.offsetAt(time) / 1_000_000_000n)
      return textOf(template, clockOf(zone, time), { offset, zone: zoneText(zone, offset) })
    },
    { isSituated: true },
  ),
]
