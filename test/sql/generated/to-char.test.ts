// to_char of generated times and intervals by generated templates, as PostgreSQL 15 prints them.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { runHere, runThere, show } from './compare.ts'

const PATTERNS =
  'HH24 HH12 HH MI SS MS US FF1 FF2 FF3 FF4 FF5 FF6 SSSS SSSSS AM PM A.M. P.M. am pm a.m. p.m. Y,YYY YYYY YYY YY Y IYYY IYY IY I ' +
  'AD BC ad bc A.D. b.c. MONTH Month month MON Mon mon MM DAY Day day DY Dy dy DDD IDDD DD D ID W WW IW CC J Q RM rm TZH TZM OF ' +
  'hh24 mi ss yyyy mm dd ddd iw j q'
const LITERALS = [
  '-',
  '/',
  ' ',
  ':',
  '.',
  ',',
  'T',
  '"of the "',
  '"a\\"b"',
  '\\"',
  'x',
  '_',
  '%',
  'é',
]

function template(random: Random): string {
  const pieces = Array.from({ length: 1 + random.int(6) }, () => {
    if (random.int(3) === 0) return random.pick(LITERALS)
    const prefix = random.int(4) === 0 ? 'FM' : ''
    const suffix = random.int(8) === 0 ? random.pick(['TH', 'th', 'SP']) : ''
    return prefix + random.pick(PATTERNS.split(' ')) + suffix
  })
  return pieces.join(random.pick(['', ' ', '-']))
}

function time(random: Random): string {
  const year = random.pick([1700, 1899, 1969, 1970, 1999, 2000, 2020, 2024, 2026, 2100, 2261])
  const second = random.int(60) + random.int(1_000_000) / 1_000_000
  const parts = [1 + random.int(12), 1 + random.int(28), random.int(24), random.int(60)]
  const [month, day, hour, minute] = parts.map((one) => String(one).padStart(2, '0'))
  return `${year}-${month}-${day} ${hour}:${minute}:${second.toFixed(6).padStart(9, '0')}`
}

const SPANS = [
  ...['0', '1 day', '-1 day', '25 hours', '-25:03:04.5', '13 mons', '-13 mons 3 days', '1 year'],
  ...[
    '-24 mons',
    '100 years 40 days',
    '12:00',
    '11:59:59.999999',
    '-0.25 sec',
    '1234 years 5 mons',
  ],
  ...['-1 mon 40 days 36:00', '-7 mons', '99:59:59', '400 days', '-11:30'],
]
/** Of intervals: those of dates are an error. */
const SPAN_PATTERNS =
  'HH24 HH12 HH MI SS MS US FF1 FF2 FF3 FF4 FF5 FF6 SSSS SSSSS AM PM a.m. p.m. Y,YYY YYYY YYY YY Y IYYY IYY IY I ' +
  'MM DDD IDDD DD W WW IW CC J Q RM rm hh24 mi ss yyyy mm dd'

function spanCall(random: Random): string {
  const pieces = Array.from({ length: 1 + random.int(4) }, () => {
    const prefix = random.pick(['', '', '', 'FM', 'fm', 'FX', 'TM'])
    const patterns = random.chance(0.05) ? PATTERNS : SPAN_PATTERNS
    return prefix + random.pick(patterns.split(' ')) + random.pick(['', '', '', '', 'TH', 'th'])
  })
  return `to_char('${random.pick(SPANS)}'::interval, '${pieces.join(random.pick([' ', '-', '"x"']))}')`
}

let postgres: Postgres
beforeAll(async () => {
  if (missingPostgres === null) postgres = await startPostgres()
}, 120_000)
afterAll(() => postgres?.close())

test('templates print as PostgreSQL prints them', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const found: string[] = []
  for (const seed of seedsOf(60)) {
    const random = randomOf(seed)
    const cells = Array.from({ length: 12 }, () => {
      const type = random.pick(['timestamp', 'timestamptz', 'date'])
      return `to_char('${time(random)}'::${type}, '${template(random)}')`
    })
    const text = `SELECT ${cells.join(', ')}`
    const [here, there] = [show(await runHere(text)), show(await runThere(postgres, text))]
    if (here !== there) found.push(`${cells.join('\n')}\n${here}\n${there}`)
  }
  expect(found.slice(0, 3)).toEqual([])
}, 120_000)

test('intervals print as PostgreSQL prints them', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const found: string[] = []
  for (const seed of seedsOf(800)) {
    const text = `SELECT ${spanCall(randomOf(seed))}`
    const [here, there] = [show(await runHere(text)), show(await runThere(postgres, text))]
    if (here !== there) found.push(`${seed}: ${text}\n${here}\n${there}`)
  }
  expect(found.slice(0, 20), `${found.length} of them`).toEqual([])
}, 120_000)
