import { describe, expect, test } from 'vitest'
import {
  TIME_MAX,
  TIME_MIN,
  addMonths,
  civilFromDays,
  daysFromCivil,
} from '../../engine/calendar.ts'
import { numberConstant, parseInterval, timeConstant } from '../../engine/query/constant.ts'
import type { OmenError } from '../../engine/error.ts'
import { parseExpression } from '../../engine/query/expression/parse.ts'
import type { Precision, TimeInput } from '../../engine/query/query.ts'
import {
  formatTime,
  formatTimeText,
  parseDuration,
  parseFixedDuration,
  parseTime,
} from '../../engine/time.ts'
import { randomOf } from '../random.ts'
import { failure } from '../failure.ts'

const NOW = 1_790_000_000_123_456_789n
const HOUR = 3_600_000_000_000n
const DAY = 24n * HOUR

function parse(input: TimeInput, precision: Precision = 'ms'): bigint {
  return parseTime(input, precision, NOW, '/start')
}

describe('times in', () => {
  const cases: [TimeInput, bigint][] = [
    [0, 0n],
    [-0, 0n],
    [1_790_000_000_000, 1_790_000_000_000_000_000n],
    [-1, -1_000_000n],
    [5n, 5_000_000n],
    ['1790000000001', 1_790_000_000_001_000_000n],
    ['-7', -7_000_000n],
    ['+7', 7_000_000n],
    ['2026', 2_026_000_000n],
    ['1970-01-01', 0n],
    ['1969-12-31', -DAY],
    ['2026-09-21T14:13:20Z', 1_790_000_000_000_000_000n],
    ['2026-09-21t14:13:20z', 1_790_000_000_000_000_000n],
    ['2026-09-21 14:13:20Z', 1_790_000_000_000_000_000n],
    ['2026-09-21T14:13Z', 1_789_999_980_000_000_000n],
    ['2026-09-21T14:13:20.000000123Z', 1_790_000_000_000_000_123n],
    ['2026-09-21T14:13:20.5Z', 1_790_000_000_500_000_000n],
    ['2026-09-21T16:13:20+02:00', 1_790_000_000_000_000_000n],
    ['2026-09-21T16:13:20 02:00', 1_790_000_000_000_000_000n],
    ['2026-09-21T09:43:20-04:30', 1_790_000_000_000_000_000n],
    ['1969-12-31T23:59:59.999999999Z', -1n],
    ['2016-12-31T23:59:60Z', 1_483_228_800_000_000_000n],
    ['2024-02-29', 1_709_164_800_000_000_000n],
    ['2000-02-29', 951_782_400_000_000_000n],
    ['now', NOW],
    ['now-1h', NOW - HOUR],
    ['-1h', NOW - HOUR],
    ['+1h', NOW + HOUR],
    ['now+1h', NOW + HOUR],
    ['now 1h', NOW + HOUR],
    ['now-1h30m', NOW - HOUR - HOUR / 2n],
    ['-1d12h', NOW - DAY - 12n * HOUR],
    ['now-1d+6h', NOW - DAY + 6n * HOUR],
    ['now-1w', NOW - 7n * DAY],
    ['-1ns', NOW - 1n],
    ['-1us', NOW - 1_000n],
    ['-1µs', NOW - 1_000n],
    ['-1ms', NOW - 1_000_000n],
    ['-90s', NOW - 90_000_000_000n],
    ['-1mo', NOW - 31n * DAY],
    ['-1y', NOW - 365n * DAY],
    ['-0s', NOW],
  ]
  test.each(cases)('%s', (input, expected) => {
    expect(parse(input)).toBe(expected)
  })
  test('integers count in the precision, exactly', () => {
    expect(parse(7, 'ns')).toBe(7n)
    expect(parse(7, 'us')).toBe(7_000n)
    expect(parse(7, 's')).toBe(7_000_000_000n)
    expect(parse('1790000000123456789', 'ns')).toBe(NOW)
    expect(parse('9223372036854775806', 'ns')).toBe(TIME_MAX)
    expect(parse('-9223372036854775806', 'ns')).toBe(TIME_MIN)
  })
  const wrong: [unknown, string][] = [
    [2 ** 53, 'unsafe_integer'],
    [-(2 ** 60), 'unsafe_integer'],
    [1.5, 'bad_request'],
    [NaN, 'bad_request'],
    [Infinity, 'bad_request'],
    [true, 'bad_request'],
    [{}, 'bad_request'],
    ['', 'bad_request'],
    [' ', 'bad_request'],
    ['+', 'bad_request'],
    ['-', 'bad_request'],
    ['now-', 'bad_request'],
    ['now1h', 'bad_request'],
    [' 1h', 'bad_request'],
    ['1h', 'bad_request'],
    ['NOW', 'bad_request'],
    ['now-1x', 'bad_request'],
    ['now-1h5', 'bad_request'],
    ['1.5', 'bad_request'],
    ['1e3', 'bad_request'],
    ['0x10', 'bad_request'],
    ['yesterday', 'bad_request'],
    ['2026-9-21', 'bad_request'],
    ['2026-02-29', 'bad_request'],
    ['1900-02-29', 'bad_request'],
    ['2026-13-01', 'bad_request'],
    ['2026-00-01', 'bad_request'],
    ['2026-01-00', 'bad_request'],
    ['2026-04-31', 'bad_request'],
    ['2026-09-21T24:00:00Z', 'bad_request'],
    ['2026-09-21T14:60:00Z', 'bad_request'],
    ['2026-09-21T14:13:61Z', 'bad_request'],
    ['2026-09-21T14:13:20', 'bad_request'],
    ['2026-09-21T14:13:20.Z', 'bad_request'],
    ['2026-09-21T14:13:20.0000000001Z', 'bad_request'],
    ['2026-09-21T14:13:20+24:00', 'bad_request'],
    ['2026-09-21T14:13:20+02', 'bad_request'],
    ['2026-09-21T14:13:20Z ', 'bad_request'],
    ['9223372036855', 'out_of_range'],
    ['9'.repeat(100_000), 'out_of_range'],
    [9_007_199_254_740_991, 'out_of_range'],
    [10n ** 30n, 'out_of_range'],
    ['0001-01-01T00:00:00Z', 'out_of_range'],
    ['9999-12-31', 'out_of_range'],
    ['now-1000y', 'out_of_range'],
    ['now-9999999999999999999y', 'out_of_range'],
    ['now-9999999999999999999us', 'out_of_range'],
  ]
  test.each(wrong.map(([input, code]) => [String(input).slice(0, 40), input, code] as const))(
    '%s is refused',
    (_, input, code) => {
      const error = failure(() => parse(input as TimeInput))
      expect([error.code, error.details.pointer]).toEqual([code, '/start'])
      expect(error.message).toMatch(/^start: /)
    },
  )
  test('a time without an offset is told what to add', () => {
    expect(failure(() => parse('2026-09-21T14:13:20')).message).toContain('add Z')
  })
  test('a long relative time is refused or read in no time', () => {
    expect(parse(`now${'-1m'.repeat(20_000)}`)).toBe(NOW - 20_000n * 60_000_000_000n)
    expect(failure(() => parse(`now${'-1m'.repeat(20_000)}x`)).code).toBe('bad_request')
  })
})

describe('durations', () => {
  test('have a count and a unit', () => {
    expect(parseDuration('10s', '/every')).toEqual({
      count: 10n,
      unit: 's',
      width: 10_000_000_000n,
      months: 0n,
    })
    expect(parseDuration('2y', '/every')).toEqual({
      count: 2n,
      unit: 'y',
      width: null,
      months: 24n,
    })
    expect(parseDuration('3mo', '/every').months).toBe(3n)
    expect(parseDuration('1w', '/every').width).toBe(7n * DAY)
    expect(parseDuration('1µs', '/every')).toMatchObject({ unit: 'us', width: 1_000n })
    expect(parseFixedDuration('5m', '/fill/maxGap')).toBe(300_000_000_000n)
  })
  const wrong: [unknown, string][] = [
    ['0s', 'more than zero'],
    ['0mo', 'more than zero'],
    ['', 'not a duration'],
    ['s', 'not a duration'],
    ['5', 'not a duration'],
    ['-5m', 'not a duration'],
    ['1.5h', 'not a duration'],
    ['1 h', 'not a duration'],
    ['1M', 'not a duration'],
    ['1h30m', 'not a duration'],
    ['9223372036854775807ns', 'too long'],
    ['106752d', 'too long'],
    ['9999999999999999999s', 'too long'],
    ['99999999999999999999s', 'not a duration'],
    ['1001y', 'too long'],
    [5, 'not a duration'],
    [null, 'not a duration'],
    [{ count: 1 }, 'not a duration'],
  ]
  test.each(wrong)('%j is refused: %s', (text, message) => {
    const error = failure(() => parseDuration(text, '/every'))
    expect([error.code, error.details.pointer]).toEqual(['bad_request', '/every'])
    expect(error.message).toContain(message)
  })
  test('a month has no fixed length', () => {
    expect(failure(() => parseFixedDuration('1mo', '/fill/maxGap')).message).toMatch(
      /^fill\/maxGap: months/,
    )
  })
})

describe('times out', () => {
  test('coarser units round down, also before 1970', () => {
    expect(formatTime(1_999_999n, 'ms')).toBe(1)
    expect(formatTime(-1n, 'ms')).toBe(-1)
    expect(formatTime(-1_000_000n, 'ms')).toBe(-1)
    expect(formatTime(-1_000_001n, 'ms')).toBe(-2)
    expect(formatTime(-1n, 's')).toBe(-1)
    expect(formatTime(NOW, 'us')).toBe(1_790_000_000_123_456)
    expect(formatTime(0n, 's')).toBe(0)
  })
  test('ns and rfc3339 lose nothing', () => {
    expect(formatTimeText(NOW, 'ns')).toBe('1790000000123456789')
    expect(formatTimeText(NOW, 'rfc3339')).toBe('2026-09-21T14:13:20.123456789Z')
    expect(formatTimeText(0n, 'rfc3339')).toBe('1970-01-01T00:00:00Z')
    expect(formatTimeText(500_000_000n, 'rfc3339')).toBe('1970-01-01T00:00:00.5Z')
    expect(formatTimeText(-1n, 'rfc3339')).toBe('1969-12-31T23:59:59.999999999Z')
    expect(formatTimeText(TIME_MIN, 'rfc3339')).toBe('1677-09-21T00:12:43.145224194Z')
    expect(formatTimeText(TIME_MAX, 'rfc3339')).toBe('2262-04-11T23:47:16.854775806Z')
  })
  test('rfc3339 reads back as it was, and agrees with Date', () => {
    for (let seed = 0; seed < 2_000; seed++) {
      const random = randomOf(seed)
      const high = BigInt(random.int(2 ** 32)) << 32n
      const time = BigInt.asIntN(64, high | BigInt(random.int(2 ** 32)))
      if (time < TIME_MIN || time > TIME_MAX) continue
      const text = formatTimeText(time, 'rfc3339')
      expect(parse(text), `seed ${seed}`).toBe(time)
      const date = new Date(formatTime(time, 'ms')).toISOString()
      expect(text.slice(0, 19), `seed ${seed}`).toBe(date.slice(0, 19))
    }
  })
})

describe('calendar', () => {
  test('days and dates are each other’s inverse, and agree with Date', () => {
    for (let days = -110_000; days <= 110_000; days += 17) {
      const civil = civilFromDays(days)
      expect(daysFromCivil(civil)).toBe(days)
      const date = new Date(days * 86_400_000)
      expect(civil).toEqual({
        year: date.getUTCFullYear(),
        month: date.getUTCMonth() + 1,
        day: date.getUTCDate(),
      })
    }
  })
  test('months keep the day, clamped to the end of the month', () => {
    const at = (text: string): bigint => parse(text)
    expect(addMonths(at('2024-01-31T10:00Z'), 1n)).toBe(at('2024-02-29T10:00Z'))
    expect(addMonths(at('2023-01-31'), 1n)).toBe(at('2023-02-28'))
    expect(addMonths(at('2024-03-31'), -1n)).toBe(at('2024-02-29'))
    expect(addMonths(at('1970-01-01'), -1n)).toBe(at('1969-12-01'))
    expect(addMonths(at('2024-12-15'), 13n)).toBe(at('2026-01-15'))
  })
})

describe('constants', () => {
  const time = (text: string): bigint | null => timeConstant(parseExpression(text), NOW)
  test('of time', () => {
    expect(time("'2026-01-01'")).toBe(parse('2026-01-01'))
    expect(time("'2026-01-01 10:00'")).toBe(parse('2026-01-01T10:00Z'))
    expect(time("timestamptz '2026-01-01T10:00+01:00'")).toBe(parse('2026-01-01T09:00Z'))
    expect(time("'2026-01-01T10:00Z'::date")).toBe(parse('2026-01-01'))
    expect(time("'now'")).toBe(NOW)
    expect(time('now()')).toBe(NOW)
    expect(time('CURRENT_TIMESTAMP')).toBe(NOW)
    expect(time('1790000000000')).toBe(1_790_000_000_000_000_000n)
    expect(time('-5')).toBe(-5_000_000n)
    expect(time("now() - interval '1 hour'")).toBe(NOW - HOUR)
    expect(time("interval '1 day' + timestamp '2026-01-01'")).toBe(parse('2026-01-02'))
    expect(time("'2024-01-31'::timestamp + interval '1 month' - interval '1 day'")).toBe(
      parse('2024-02-28'),
    )
  })
  test('nothing else is one', () => {
    for (const text of [
      'a',
      '1.5',
      'true',
      'null',
      'now(1)',
      'f()',
      "now() - '1 h'",
      "now() * interval '1 h'",
      "interval '1 h' - now()",
      "interval '1 h'",
      "'5'::integer",
      'a = b',
    ]) {
      const found = ((): bigint | null | string => {
        try {
          return time(text)
        } catch (error) {
          return (error as OmenError).code
        }
      })()
      expect(found === null || found === 'bad_request', text).toBe(true)
    }
    expect(failure(() => time("'soon'")).details).toMatchObject({ sqlstate: '22007', position: 1 })
    expect(failure(() => time("now() - interval 'soon'")).details.sqlstate).toBe('22007')
  })
  test('intervals as PostgreSQL writes them', () => {
    const ns = (text: string): bigint | null => parseInterval(text)?.nanoseconds ?? null
    expect(ns('1 hour')).toBe(HOUR)
    expect(ns('90 minutes')).toBe(HOUR + HOUR / 2n)
    expect(ns('1h30m')).toBe(HOUR + HOUR / 2n)
    expect(ns('1 day 02:30:00.5')).toBe(26n * HOUR + HOUR / 2n + 500_000_000n)
    expect(ns('-1 day')).toBe(-DAY)
    expect(ns('2 hours ago')).toBe(-2n * HOUR)
    expect(ns('1.5 s')).toBe(1_500_000_000n)
    expect(parseInterval('1 year 2 mons')).toEqual({ months: 14n, nanoseconds: 0n })
    for (const text of ['', ' ', 'hour', '1', '1 parsec', '1.5 months', '1 hour x', 'ago']) {
      expect(parseInterval(text), text).toBeNull()
    }
  })
  test('numbers keep sign and digits', () => {
    const number = (text: string): unknown => numberConstant(parseExpression(text))
    expect(number('- 9007199254740993')).toMatchObject({ integer: -9007199254740993n })
    expect(number('- - 1.5')).toEqual({ value: 1.5, integer: null })
    expect(number('a')).toBeNull()
  })
})
