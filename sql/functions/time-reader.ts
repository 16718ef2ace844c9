// Fields of a date and a time, read from a text by a template.
// Source: PostgreSQL 15, src/backend/utils/adt/formatting.c, DCH_from_char.

import { SqlError } from '../sql-error.ts'
import type { TimePattern, TimePiece } from './time-template.ts'

/** What was read; 0: it was not, or was 0. */
export interface TimeFields {
  hour: number
  minute: number
  second: number
  secondOfDay: number
  millisecond: number
  microsecond: number
  century: number
  year: number
  /** Digits of the year's pattern. */
  yearSize: number
  month: number
  day: number
  dayOfYear: number
  /** 1 is Sunday. */
  weekday: number
  /** Of the year, and of the month. */
  week: number
  weekOfMonth: number
  julian: number
  /** 1: before Christ, and after noon. */
  bc: number
  pm: number
  isHalfDay: boolean
  isIso: boolean
  /** Digits of FF1 to FF6, else 0. */
  precision: number
  /** Of the zone: -1, 1, or 0 where there is none. */
  zoneSign: number
  zoneHour: number
  zoneMinute: number
}

type Field = Exclude<
  { [Key in keyof TimeFields]: TimeFields[Key] extends number ? Key : never }[keyof TimeFields],
  undefined
>

/** Patterns of numbers: their field (null: it is read and dropped) and digits. */
const NUMBERS: Readonly<Record<string, readonly [Field | null, number]>> = {
  ...{
    HH24: ['hour', 2],
    HH12: ['hour', 2],
    HH: ['hour', 2],
    MI: ['minute', 2],
    SS: ['second', 2],
  },
  ...{ SSSS: ['secondOfDay', 4], SSSSS: ['secondOfDay', 5], MS: ['millisecond', 3] },
  ...{ US: ['microsecond', 6], FF1: ['microsecond', 1], FF2: ['microsecond', 2] },
  ...{ FF3: ['microsecond', 3], FF4: ['microsecond', 4], FF5: ['microsecond', 5] },
  ...{ FF6: ['microsecond', 6], CC: ['century', 2], YYYY: ['year', 4], IYYY: ['year', 4] },
  ...{ YYY: ['year', 3], IYY: ['year', 3], YY: ['year', 2], IY: ['year', 2], Y: ['year', 1] },
  ...{ I: ['year', 1], MM: ['month', 2], DD: ['day', 2], DDD: ['dayOfYear', 3] },
  ...{ IDDD: ['dayOfYear', 3], D: ['weekday', 1], ID: ['weekday', 1], WW: ['week', 2] },
  ...{ IW: ['week', 2], W: ['weekOfMonth', 1], J: ['julian', 1], Q: [null, 1] },
}

const MONTHS =
  'January February March April May June July August September October November December'.split(' ')
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ')
const ROMAN = 'XII XI X IX VIII VII VI V IV III II I'.split(' ')
const short = (names: readonly string[]): string[] => names.map((name) => name.slice(0, 3))

interface Words {
  readonly words: readonly string[]
  readonly field: Field
  /** The field's value by the word's place. */
  readonly value: (index: number) => number
}

const own = (index: number): number => index
const month = (index: number): number => index + 1

/** Patterns of words. */
const WORDS: Readonly<Record<string, Words>> = {
  ...{ AM: { words: ['AM', 'PM'], field: 'pm', value: own } },
  ...{ 'A.M.': { words: ['A.M.', 'P.M.'], field: 'pm', value: own } },
  ...{ AD: { words: ['AD', 'BC'], field: 'bc', value: own } },
  ...{ 'A.D.': { words: ['A.D.', 'B.C.'], field: 'bc', value: own } },
  ...{ MONTH: { words: MONTHS, field: 'month', value: month } },
  ...{ MON: { words: short(MONTHS), field: 'month', value: month } },
  ...{ DAY: { words: DAYS, field: 'weekday', value: own } },
  ...{ DY: { words: short(DAYS), field: 'weekday', value: own } },
  ...{ RM: { words: ROMAN, field: 'month', value: (index) => 12 - index } },
}
const SAME: Readonly<Record<string, string>> = {
  PM: 'AM',
  'P.M.': 'A.M.',
  BC: 'AD',
  'B.C.': 'A.D.',
}

const ISO = new Set(['IYYY', 'IYY', 'IY', 'I', 'IW', 'IDDD', 'ID'])
/** Patterns of dates that go with both conventions. */
const NEUTRAL =
  /^(?:HH24|HH12|HH|MI|SS|SSSS|SSSSS|MS|US|FF\d|CC|J|Q|DAY|DY|AM|PM|AD|BC|A\.D\.|B\.C\.|A\.M\.|P\.M\.|FX|TZ|TZH|TZM|OF)$/
const INT4_MAX = 2_147_483_647

const isSpace = (sign: string | undefined): boolean =>
  sign !== undefined && /[ \t\n\v\f\r]/.test(sign)

/** Of a year of fewer than four digits: the one nearest to 2020. */
function wholeYear(year: number): number {
  if (year < 70) return year + 2_000
  if (year < 100) return year + 1_900
  if (year < 520) return year + 2_000
  return year < 1_000 ? year + 1_000 : year
}

const invalid = (message: string, detail?: string, hint?: string): SqlError =>
  new SqlError('22007', message, {
    ...(detail === undefined ? {} : { detail }),
    ...(hint === undefined ? {} : { hint }),
  })

const FM_HINT = 'If your source string is not fixed-width, try using the "FM" modifier.'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** Sizes of fields are bytes; a character that is cut is U+FFFD. */
function firstBytes(text: string, count: number): string {
  const start = text.slice(0, count)
  return /^[\0-\x7f]*$/.test(start) ? start : decoder.decode(encoder.encode(start).slice(0, count))
}

class TimeReader {
  readonly fields: TimeFields = {
    ...{ hour: 0, minute: 0, second: 0, secondOfDay: 0, millisecond: 0, microsecond: 0 },
    ...{ century: 0, year: 0, yearSize: 0, month: 0, day: 0, dayOfYear: 0, weekday: 0, week: 0 },
    ...{ weekOfMonth: 0, julian: 0, bc: 0, pm: 0, isHalfDay: false, isIso: false, precision: 0 },
    ...{ zoneSign: 0, zoneHour: 0, zoneMinute: 0 },
  }
  private readonly text: string
  private readonly pieces: readonly TimePiece[]
  private at = 0
  /** FX: every sign of the template stands for one of the text. */
  private isFixed = false
  /** Spaces passed over that the template does not have. */
  private extra = 0
  private convention: 'iso' | 'gregorian' | null = null

  constructor(text: string, pieces: readonly TimePiece[]) {
    this.text = text
    this.pieces = pieces
  }

  read(): TimeFields {
    for (const [index, piece] of this.pieces.entries()) {
      if (this.at >= this.text.length) break
      const isFixing = 'pattern' in piece && piece.pattern.toUpperCase() === 'FX'
      if (!this.isFixed && !isFixing && ('pattern' in piece || index === 0)) this.skipSpaces()
      if ('text' in piece) {
        this.passText(piece.kind)
        continue
      }
      this.take(piece, index)
      if (this.isFixed) continue
      this.extra = 0
      this.skipSpaces()
    }
    return this.fields
  }

  private skipSpaces(): void {
    while (isSpace(this.text[this.at])) {
      this.at++
      this.extra++
    }
  }

  private passText(kind: 'space' | 'separator' | 'character'): void {
    const sign = String.fromCodePoint(this.text.codePointAt(this.at) ?? 0)
    const length = this.at < this.text.length ? sign.length : 0
    if (this.isFixed) this.at += length
    else if (kind === 'character') {
      if (this.extra > 0) this.extra--
      else this.at += length
    } else if (length > 0 && /[ \t\n\v\f\r!-/:-@[-`{-~]/.test(sign)) this.at++
    else this.extra--
  }

  private take(piece: TimePattern, index: number): void {
    const name = piece.pattern.toUpperCase()
    if (!NEUTRAL.test(name)) this.setConvention(ISO.has(name) ? 'iso' : 'gregorian')
    const number = NUMBERS[name]
    const words = WORDS[SAME[name] ?? name]
    if (number !== undefined) this.takeNumber(piece, index, name)
    else if (words !== undefined) this.takeWord(piece, words)
    else if (name === 'FX') this.isFixed = true
    else if (name === 'Y,YYY') this.takeThousands(piece)
    else if (name === 'TZH') this.takeZoneHour(index, piece)
    else if (name === 'TZM') {
      if (this.fields.zoneSign === 0) this.fields.zoneSign = 1
      this.integer(piece, index, ['zoneMinute', 2])
    } else {
      const message = `formatting field "${piece.pattern}" is only supported in to_char`
      throw new SqlError('0A000', message)
    }
  }

  private setConvention(convention: 'iso' | 'gregorian'): void {
    if (this.convention !== null && this.convention !== convention) {
      const hint = 'Do not mix Gregorian and ISO week date conventions in a formatting template.'
      throw invalid('invalid combination of date conventions', undefined, hint)
    }
    this.convention = convention
    this.fields.isIso = convention === 'iso'
  }

  private set(field: Field, value: number, { pattern }: TimePattern): void {
    const before = this.fields[field]
    if (before !== 0 && before !== value) {
      throw invalid(
        `conflicting values for "${pattern}" field in formatting string`,
        'This value contradicts a previous setting for the same field type.',
      )
    }
    this.fields[field] = value
  }

  private takeNumber(piece: TimePattern, index: number, name: string): void {
    const { fields } = this
    const [field, size] = NUMBERS[name]!
    if (name.startsWith('FF')) fields.precision = size
    const length = this.integer(piece, index, [field, size])
    if (name === 'HH' || name === 'HH12') fields.isHalfDay = true
    else if (field === 'millisecond') fields.millisecond *= 10 ** Math.max(3 - length, 0)
    else if (field === 'microsecond') fields.microsecond *= 10 ** Math.max(6 - length, 0)
    else if (field === 'year') {
      if (size < 4 && length < 4) fields.year = wholeYear(fields.year)
      fields.yearSize = size
    } else if (name === 'ID') fields.weekday = fields.weekday >= 7 ? 1 : fields.weekday + 1
    this.skipOrdinal(piece)
  }

  private skipOrdinal({ ordinal }: TimePattern): void {
    if (ordinal === null) return
    for (let left = 2; left > 0 && this.at < this.text.length; left--) {
      this.at += this.text.codePointAt(this.at)! > 0xffff ? 2 : 1
    }
  }

  /** Whether what follows a number cannot be a digit, so that the number may be of any length. */
  private isSeparated({ isBare, ordinal }: TimePattern, index: number): boolean {
    if (isBare || ordinal !== null) return true
    const next = this.pieces[index + 1]
    if (next === undefined) return true
    if ('text' in next) return !/^\d$/.test(next.text)
    const name = next.pattern.toUpperCase()
    return NUMBERS[name] === undefined && name !== 'Y,YYY' && name !== 'TZM'
  }

  /** Signs taken, with the spaces before. */
  private integer(
    piece: TimePattern,
    index: number,
    [field, size]: readonly [Field | null, number],
  ): number {
    const start = this.at
    const spaces = /^[ \t\n\v\f\r]*/.exec(this.text.slice(start))![0].length
    const rest = this.text.slice(start + spaces)
    const isSeparated = this.isSeparated(piece, index)
    const copy = firstBytes(rest, size)
    if (!isSeparated) this.checkSize(copy, size, piece)
    const digits = /^[-+]?\d+/.exec(isSeparated ? rest : copy)?.[0] ?? ''
    if (!isSeparated && digits !== '' && digits.length < size) {
      const detail = `Field requires ${size} characters, but only ${digits.length} could be parsed.`
      throw invalid(`invalid value "${copy}" for "${piece.pattern}"`, detail, FM_HINT)
    }
    this.at = isSeparated && digits === '' ? start : start + spaces + digits.length
    if (this.at === start) {
      const detail = 'Value must be an integer.'
      throw invalid(`invalid value "${copy}" for "${piece.pattern}"`, detail)
    }
    const value = Number(digits)
    if (value > INT4_MAX || value < -INT4_MAX - 1) {
      const message = `value for "${piece.pattern}" in source string is out of range`
      const detail = `Value must be in the range ${-INT4_MAX - 1} to ${INT4_MAX}.`
      throw new SqlError('22008', message, { detail })
    }
    if (field !== null) this.set(field, value, piece)
    return this.at - start
  }

  private checkSize(copy: string, size: number, { pattern }: TimePattern): void {
    const length = encoder.encode(copy).length
    if (length >= size) return
    const detail = `Field requires ${size} characters, but only ${length} remain.`
    throw invalid(`source string too short for "${pattern}" formatting field`, detail, FM_HINT)
  }

  private takeWord(piece: TimePattern, { words, field, value }: Words): void {
    const rest = this.text.slice(this.at)
    const index = words.findIndex(
      (word) => rest.slice(0, word.length).toLowerCase() === word.toLowerCase(),
    )
    if (index < 0) {
      const shown = /^[^ \t\n\r\f\v]*/.exec(rest)![0]
      throw invalid(
        `invalid value "${shown}" for "${piece.pattern}"`,
        'The given value did not match any of the allowed values for this field.',
      )
    }
    this.at += words[index]!.length
    this.set(field, value(index), piece)
    if (field === 'pm') this.fields.isHalfDay = true
    if (field === 'weekday') this.fields.weekday++
  }

  private takeThousands(piece: TimePattern): void {
    const found = /^\s*([-+]?\d+),(\s*(?:[-+]\d{1,2}|\d{1,3}))/.exec(this.text.slice(this.at))
    if (found === null) throw invalid('invalid input string for "Y,YYY"')
    this.set('year', Number(found[1]) * 1_000 + Number(found[2]), piece)
    this.fields.yearSize = 4
    this.at += found[0].length
    this.skipOrdinal(piece)
  }

  private takeZoneHour(index: number, piece: TimePattern): void {
    const sign = this.text[this.at]!
    if (sign === '+' || sign === '-' || sign === ' ') {
      this.fields.zoneSign = sign === '-' ? -1 : 1
      this.at++
    } else {
      // A minus that was passed over as a separator.
      const isMinus = this.extra > 0 && this.text[this.at - 1] === '-'
      this.fields.zoneSign = isMinus ? -1 : 1
    }
    this.integer(piece, index, ['zoneHour', 2])
  }
}

/** Throws 22007 and 22008. */
export function readTimeFields(text: string, pieces: readonly TimePiece[]): TimeFields {
  return new TimeReader(text, pieces).read()
}
