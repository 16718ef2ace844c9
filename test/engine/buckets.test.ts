import { describe, expect, test } from 'vitest'
import {
  type BucketRule,
  bucketBoundaries,
  bucketCount,
  bucketStart,
  clockKeeps,
  originOf,
} from '../../engine/buckets.ts'
import { TIME_MAX, TIME_MIN } from '../../engine/calendar.ts'
import { finish } from '../../engine/step.ts'
import { formatTimeText, parseDuration, parseTime } from '../../engine/time.ts'
import { randomOf } from '../random.ts'

const HOUR = 3_600_000_000_000n
const DAY = 24n * HOUR
/** Clocks that are turned at midnight, by half an hour, by a day, before 1900, and never. */
const ZONES = [
  ...['UTC', 'Europe/Berlin', 'America/New_York', 'America/Sao_Paulo', 'America/Havana'],
  ...['Australia/Lord_Howe', 'Pacific/Apia', 'Asia/Kathmandu', 'Africa/Casablanca', 'Asia/Tokyo'],
]

const parse = (text: string): bigint => parseTime(text, 'ns', 0n, '/start')

function utc(text: string, origin = 0n): BucketRule {
  return { every: parseDuration(text, '/every'), origin, timeZone: 'UTC' }
}

function zoned(text: string, timeZone: string): BucketRule {
  const every = parseDuration(text, '/every')
  return { every, origin: originOf(every, timeZone), timeZone }
}

/** Starts of the buckets that touch a range, then the last one's end. */
function boundsOf(rule: BucketRule, start: string, end: string): string[] {
  const found = finish(bucketBoundaries(rule, parse(start), parse(end)))
  return [...found].map((time) => formatTimeText(time, 'rfc3339'))
}

describe('buckets', () => {
  test('a bucket holds its start and not its end, whatever width and origin', () => {
    const units = ['1ns', '7s', '1h', '1d', '3d', '1w', '1mo', '5mo', '1y', '4y']
    for (let seed = 0; seed < 1_500; seed++) {
      const random = randomOf(seed)
      const every = parseDuration(random.pick(units), '/every')
      const isCalendar = every.width === null || every.width % DAY === 0n
      const timeZone = isCalendar ? random.pick(ZONES) : 'UTC'
      const origin =
        BigInt(random.int(4_000) - 2_000) * DAY + BigInt(random.int(86_400)) * 10n ** 9n
      const time = BigInt(random.int(60_000) - 30_000) * DAY + BigInt(random.int(1_000_000_000))
      const start = bucketStart({ every, origin, timeZone }, time)
      const [first, end] = finish(bucketBoundaries({ every, origin, timeZone }, time, time + 1n))
      const message = `seed ${seed}`
      expect(first, message).toBe(start)
      expect(start <= time && time < end!, message).toBe(true)
      expect(bucketStart({ every, origin, timeZone }, end! - 1n), message).toBe(start)
      expect(bucketStart({ every, origin, timeZone }, end!), message).toBe(end)
    }
  })
  test('weeks from Monday, months from the first', () => {
    const monday = parse('1970-01-05')
    const week = bucketStart(utc('1w', monday), parse('2026-11-22T12:00Z'))
    expect(formatTimeText(week, 'rfc3339')).toBe('2026-11-16T00:00:00Z')
    const months = finish(
      bucketBoundaries(utc('1mo'), parse('2024-01-15'), parse('2024-03-01T00:00:01Z')),
    )
    expect([...months].map((time) => formatTimeText(time, 'rfc3339').slice(0, 10))).toEqual([
      '2024-01-01',
      '2024-02-01',
      '2024-03-01',
      '2024-04-01',
    ])
  })
  test('an origin on the 31st keeps its day where a month has one', () => {
    const boundaries = finish(
      bucketBoundaries(utc('1mo', parse('2024-01-31')), parse('2024-01-31'), parse('2024-04-30')),
    )
    expect([...boundaries].map((time) => formatTimeText(time, 'rfc3339').slice(0, 10))).toEqual([
      '2024-01-31',
      '2024-02-29',
      '2024-03-31',
      '2024-04-30',
    ])
  })
  test('at the ends of time, boundaries stay within it', () => {
    for (const every of ['1d', '1y']) {
      for (const rule of [utc(every), zoned(every, 'Asia/Tokyo'), zoned(every, 'America/Lima')]) {
        expect(bucketStart(rule, TIME_MIN)).toBe(TIME_MIN)
        expect(finish(bucketBoundaries(rule, TIME_MAX, TIME_MAX + 1n)).at(-1)).toBe(TIME_MAX + 1n)
      }
    }
  })
  test('an empty range touches no bucket, and large counts are known before they are made', () => {
    const ns = utc('1ns')
    expect(bucketCount(ns, 5n, 5n)).toBe(0n)
    expect(finish(bucketBoundaries(ns, 6n, 5n))).toHaveLength(0)
    expect(bucketCount(ns, TIME_MIN, TIME_MAX)).toBe(TIME_MAX - TIME_MIN)
    expect(bucketCount(utc('1h'), -1n, HOUR + 1n)).toBe(3n)
  })
})

describe('by the clock of a zone', () => {
  test('days have 23 or 25 hours where the clock is turned', () => {
    const days = zoned('1d', 'Europe/Berlin')
    expect(boundsOf(days, '2026-03-28T12:00Z', '2026-03-30T12:00Z')).toEqual([
      '2026-03-27T23:00:00Z',
      '2026-03-28T23:00:00Z',
      '2026-03-29T22:00:00Z',
      '2026-03-30T22:00:00Z',
    ])
    expect(boundsOf(days, '2026-10-25T00:00Z', '2026-10-25T23:30Z')).toEqual([
      '2026-10-24T22:00:00Z',
      '2026-10-25T23:00:00Z',
      '2026-10-26T23:00:00Z',
    ])
  })

  test('weeks, months and years begin at its midnight', () => {
    const week = zoned('1w', 'America/New_York')
    expect(boundsOf(week, '2026-03-09T00:00Z', '2026-03-09T05:00Z')).toEqual([
      '2026-03-02T05:00:00Z',
      '2026-03-09T04:00:00Z',
      '2026-03-16T04:00:00Z',
    ])
    const months = zoned('1mo', 'Asia/Kathmandu')
    expect(boundsOf(months, '2026-01-31T18:14:59Z', '2026-01-31T18:15:01Z')).toEqual([
      '2025-12-31T18:15:00Z',
      '2026-01-31T18:15:00Z',
      '2026-02-28T18:15:00Z',
    ])
    expect(boundsOf(zoned('1y', 'Asia/Tokyo'), '2026-12-31T15:00Z', '2027-01-01')).toEqual([
      '2026-12-31T15:00:00Z',
      '2027-12-31T15:00:00Z',
    ])
  })

  test('a midnight that is skipped is the first moment after it', () => {
    // Brazil turned its clocks forward at midnight until 2018.
    const days = zoned('1d', 'America/Sao_Paulo')
    expect(boundsOf(days, '2018-11-03T12:00Z', '2018-11-04T12:00Z')).toEqual([
      '2018-11-03T03:00:00Z',
      '2018-11-04T03:00:00Z',
      '2018-11-05T02:00:00Z',
    ])
  })

  test('a midnight that comes twice counts the first time', () => {
    // Cuba turns its clocks back from 1:00 to midnight.
    const days = zoned('1d', 'America/Havana')
    expect(boundsOf(days, '2026-11-01T04:30Z', '2026-11-01T05:30Z')).toEqual([
      '2026-11-01T04:00:00Z',
      '2026-11-02T05:00:00Z',
    ])
  })

  test('a day that a zone left out is no bucket', () => {
    // Samoa had no 30 December 2011.
    const days = zoned('1d', 'Pacific/Apia')
    expect(boundsOf(days, '2011-12-29T12:00Z', '2011-12-31T00:00Z')).toEqual([
      '2011-12-29T10:00:00Z',
      '2011-12-30T10:00:00Z',
      '2011-12-31T10:00:00Z',
    ])
  })

  test('an origin gives the time of day', () => {
    const every = parseDuration('1d', '/every')
    const rule = { every, origin: parse('2026-01-01T05:00Z'), timeZone: 'Europe/Berlin' }
    expect(boundsOf(rule, '2026-07-01T04:00Z', '2026-07-01T04:00:01Z')).toEqual([
      '2026-07-01T04:00:00Z',
      '2026-07-02T04:00:00Z',
    ])
  })

  test('is turned by whole hours in Berlin, not in Lord Howe, and by the sun before 1900', () => {
    const [start, end] = [parse('2020-01-01'), parse('2026-01-01')]
    expect(clockKeeps(zoned('1d', 'Europe/Berlin'), HOUR, start, end)).toBe(true)
    expect(clockKeeps(zoned('1d', 'Europe/Berlin'), 24n * HOUR, start, end)).toBe(false)
    expect(clockKeeps(zoned('1d', 'Asia/Tokyo'), 24n * HOUR, start, end)).toBe(true)
    expect(clockKeeps(zoned('1d', 'Australia/Lord_Howe'), HOUR, start, end)).toBe(false)
    expect(clockKeeps(zoned('1d', 'Australia/Lord_Howe'), HOUR / 2n, start, end)).toBe(true)
    expect(clockKeeps(zoned('1d', 'Europe/Berlin'), HOUR, parse('1880-01-01'), end)).toBe(false)
  })
})
