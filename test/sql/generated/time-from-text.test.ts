// to_date and to_timestamp of generated texts by generated templates, beside PostgreSQL 15: times that
// to_char has printed by the same template, with changes, and texts of any pieces.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { isEqualOutcome, runHere, runThere, show } from './compare.ts'

const PATTERNS =
  'HH24 HH12 HH MI SS MS US FF1 FF3 FF6 SSSS SSSSS AM p.m. Y,YYY YYYY YYYY YYYY YYY YY Y IYYY IY ' +
  'AD b.c. MONTH Month Mon MM MM DAY Dy DDD IDDD DD DD D ID W WW IW CC J Q RM TZH TZM OF TZ FX'
const BETWEEN = ['-', '/', ' ', ':', '.', '', '', 'T', '"at "', '  ', ',', '1']
const USUAL = [
  ...['YYYY-MM-DD', 'DD.MM.YYYY', 'YYYYMMDD', 'YYYY-MM-DD HH24:MI:SS', 'DD Mon YYYY', 'MM/DD/YY'],
  ...[
    'YYYY-MM-DD"T"HH24:MI:SS.MS',
    'HH12:MI AM',
    'IYYY-IW-ID',
    'YYYY DDD',
    'YYYY-MM-DD HH24:MI TZH',
  ],
  ...['FXYYYY-MM-DD', 'YYYY-MM-DD HH24:MI:SS.US TZH:TZM', 'FMMonth DDth, YYYY', 'CC YY MM', 'J'],
]
const TEXTS = [
  ...[
    '2026',
    '2024',
    '12',
    '02',
    '29',
    '31',
    '7',
    '0',
    '-',
    '/',
    ' ',
    ':',
    '.',
    '+05',
    '-3',
    'May',
  ],
  ...['monday', 'pm', 'AM', 'bc', 'xii', '1', '99', '  ', 'é', '123456', 'T', ',', '2,026', '60'],
]

function template(random: Random): string {
  if (random.chance(0.35)) return random.pick(USUAL)
  const pieces = Array.from({ length: 1 + random.int(5) }, () => {
    const prefix = random.chance(0.15) ? random.pick(['FM', 'TM']) : ''
    const suffix = random.chance(0.08) ? random.pick(['TH', 'th']) : ''
    return prefix + random.pick(PATTERNS.split(' ')) + suffix + random.pick(BETWEEN)
  })
  return pieces.join('')
}

const TIMES = [
  ...[
    '2026-09-05 07:08:09.123456',
    '1999-12-31 23:59:59',
    '2024-02-29 12:00:00',
    '1970-01-01 00:00',
  ],
  ...['2000-01-01 00:00:00.05', '2021-01-03 11:11:11', '1850-06-15 13:30:01.5'],
]

async function textOf(postgres: Postgres, random: Random, format: string): Promise<string> {
  if (random.chance(0.4)) {
    return Array.from({ length: 1 + random.int(6) }, () => random.pick(TEXTS)).join('')
  }
  const own = format.replaceAll(/TZ(?![HM])|OF|FX/g, '')
  const call = `SELECT to_char('${random.pick(TIMES)}'::timestamptz, '${own}')`
  const { rows } = await postgres.query(call)
  const text = rows[0]![0] ?? ''
  const at = random.int(text.length + 1)
  const added = random.chance(0.4) ? random.pick(TEXTS) : ''
  return text.slice(0, at) + added + text.slice(at + (random.chance(0.2) ? 1 : 0))
}

let postgres: Postgres
beforeAll(async () => {
  if (missingPostgres === null) postgres = await startPostgres()
}, 120_000)
afterAll(() => postgres?.close())

test('texts are read by templates as PostgreSQL reads them', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const found: string[] = []
  for (const seed of seedsOf(1_000)) {
    const random = randomOf(seed)
    const format = template(random)
    const text = (await textOf(postgres, random, format)).replaceAll("'", '')
    const name = random.pick(['to_date', 'to_timestamp'])
    const statement = `SELECT ${name}('${text}', '${format}')`
    const [here, there] = [await runHere(statement), await runThere(postgres, statement)]
    const isSame =
      isEqualOutcome(here, there) && (!('error' in there) || show(here) === show(there))
    const isBeyond = 'error' in here && here.message === 'timestamp out of range'
    if (!isSame && !isBeyond) found.push(`${seed}: ${statement}\n${show(here)}\n${show(there)}`)
  }
  expect(found.slice(0, 25), `${found.length} of them`).toEqual([])
}, 120_000)
