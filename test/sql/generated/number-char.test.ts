// to_char of generated numbers and to_number of generated texts by generated templates, beside
// PostgreSQL 15.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { runHere, runThere, show } from './compare.ts'

const TYPES = ['numeric', 'int4', 'int8', 'float4', 'float8']
const NUMBERS = [
  ...['0', '1', '-1', '12', '-34', '123', '485', '-485', '1234', '99999', '-123456', '1234567890'],
  ...['0.1', '-0.1', '0.5', '1.5', '2.5', '12.45', '-12.345', '148.5', '3999', '0.00012', '9.995'],
  ...['-0', '1e10', '1e20', '123456789.123456789', '9223372036854775807', '1e-7', '4.31e5'],
  ...['NaN', 'Infinity', '-Infinity', '2147483647', '21', '111', '3.4e38', '1e300', '0.99999'],
]
const PATTERNS = '9 9 9 9 99 999 999 0 0 00 . . D , G FM S MI PL SG PR RN rn V V9 EEEE L TH th B C'
const WHOLES = ['9999', '999', '99', '0999', '9990', '000', '9,999', '9G999', '99V99', '9', '']
const FRACTIONS = ['', '', '.99', '.00', '.9', 'D999', '.90', '.09', '.', '.0000']
const BEHIND = ['', '', '', 'S', 'MI', 'PR', 'SG', 'PL', 'TH', 'th', 'EEEE', ' L', '"x"', '%', 'é']
const INPUTS = ['1', '12', '34.5', '.', ',', '-', '+', '<', '>', ' ', '0', '9', '$', 'é', 'th', 'x']

function template(random: Random): string {
  if (random.chance(0.3)) {
    const pieces = Array.from({ length: 1 + random.int(6) }, () => random.pick(PATTERNS.split(' ')))
    return pieces.join(random.pick(['', '', ' ']))
  }
  const before = random.pick(['', '', '', 'FM', 'S', 'MI', 'PL', 'SG', 'L', '"a"', 'FMS', 'fm'])
  return before + random.pick(WHOLES) + random.pick(FRACTIONS) + random.pick(BEHIND)
}

function call(random: Random): string {
  const format = `'${template(random)}'`
  if (random.chance(0.35)) {
    const input = Array.from({ length: random.int(6) }, () => random.pick(INPUTS)).join('')
    return `to_number('${input}', ${format})`
  }
  const type = random.pick(TYPES)
  const number = random.pick(NUMBERS)
  return `to_char('${number}'::${type}, ${format})`
}

let postgres: Postgres
beforeAll(async () => {
  if (missingPostgres === null) postgres = await startPostgres()
}, 120_000)
afterAll(() => postgres?.close())

test('numbers print and read by templates as in PostgreSQL', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const found: string[] = []
  for (const seed of seedsOf(1_500)) {
    const text = `SELECT ${call(randomOf(seed))}`
    const [here, there] = [show(await runHere(text)), show(await runThere(postgres, text))]
    if (here !== there) found.push(`${seed}: ${text}\n${here}\n${there}`)
  }
  expect(found.slice(0, 25), `${found.length} of them`).toEqual([])
}, 120_000)
