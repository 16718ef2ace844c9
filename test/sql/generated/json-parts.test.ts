// JSON taken apart and put together, names and escapes, beside PostgreSQL 15: generated texts as people
// write them, with spaces, keys that come twice, and nothing that fits.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { isEqualOutcome, runHere, runThere, show } from './compare.ts'

const KEYS = ['a', 'b', 'aa', '', 'é', '1', 'a b', '\\u0041', 'q\\"x', '😀']
const SCALARS = [
  ...['1', '-2.50', '1e3', 'true', 'false', 'null', '"x"', '""', '"a\\nb"', '"\\u00e9"', '0.10'],
  ...['"null"', '"]"', '"{,"', '"a\\\\"', '12345678901234567890.5'],
]
const SPACES = ['', '', '', ' ', '  ', '\n']

function json(random: Random, depth: number): string {
  const gap = (): string => random.pick(SPACES)
  if (depth === 0 || random.chance(0.25)) return gap() + random.pick(SCALARS) + gap()
  const count = random.int(4)
  if (random.chance(0.5)) {
    const list = Array.from({ length: count }, () => json(random, depth - 1))
    return `${gap()}[${list.length === 0 ? gap() : list.join(',')}]${gap()}`
  }
  const members = Array.from(
    { length: count },
    () => `${gap()}"${random.pick(KEYS)}"${gap()}:${json(random, depth - 1)}`,
  )
  return `${gap()}{${members.length === 0 ? gap() : members.join(',')}}${gap()}`
}

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`
const STEPS = ['a', 'b', 'aa', '', 'é', '0', '1', '-1', '2', 'A', '99999999999', ' 1', '+0', '1x']
const ARRAYS = [
  ...['{}', '{a,1}', '{a,1,b}', '{{a,1},{b,NULL}}', '{{a,b,c}}', '{NULL,1}', '{a,NULL,b,"x y"}'],
  ...['{{{a,b}}}', '{é,😀}', '{a,b,a,c}', '{{a},{b}}'],
]
const NAMES = [
  ...['a', 'A.b', '"A b".c', 'public.Cpu', 'a.', '.a', '1a', 'a b', '"a', '""', 'a..b', ' a . b '],
  ...['a$1._x', '"x""y".é', 'select', 'Order', 'a b', '', 'a-b', 'É', 'x.y.z.w', 'foo.bar[1]'],
]
const ESCAPES = [
  ...[
    '\\0061x',
    '\\+000061',
    '\\u00e9',
    '\\U0001F600',
    '\\\\',
    '\\',
    '\\x',
    '\\d83d\\de00',
    '\\d83d',
  ],
  ...[
    '\\d83dx',
    '\\de00',
    '\\U00110000',
    '\\0000',
    'plain',
    '\\006',
    '\\d83d\\\\',
    '\\ud83d\\+00de00',
  ],
]

function jsonCall(random: Random): string {
  const kind = random.pick(['json', 'jsonb'])
  const text = `${quote(json(random, 3))}::${kind}`
  const step = (): string => quote(random.pick(STEPS))
  const steps = Array.from({ length: 1 + random.int(3) }, step).join(', ')
  const more = random.pick(['', '_text'])
  const arrow = random.pick(['->', '->>'])
  return random.pick([
    `SELECT * FROM ${kind}_each${more}(${text})`,
    `SELECT * FROM ${kind}_array_elements${more}(${text}) WITH ORDINALITY`,
    `SELECT ${kind}_array_elements${more}(${text})`,
    `SELECT ${kind}_each${more}(${text})`,
    `SELECT ${kind}_object_keys(${text})`,
    `SELECT ${kind}_extract_path${more}(${text}, ${steps})`,
    `SELECT ${text} ${arrow} ${step()}, ${text} ${arrow} ${random.int(3) - 1}`,
    `SELECT ${text} #> ARRAY[${steps}], ${text} #>> ARRAY[${steps}], ${text} #>> '{}', ${text} #> '{}'`,
    `SELECT x.value FROM ${kind}_array_elements(${text}) x`,
    `SELECT ${kind}_object_agg(k, v) FROM (VALUES ('b', 1.50), ('a', NULL), ('b', 3)) r(k, v)`,
    `SELECT ${kind}_object_agg(k, ${text}) FROM generate_series(1, ${random.int(3)}) k`,
    `SELECT ${kind}_object_agg(${random.pick(['NULL::text', text, 'ARRAY[1]', "'k'::text", 'true'])}, 1)`,
    `SELECT ${kind}_build_object(${random.pick([text, '1', "'k'", 'ARRAY[1]'])}, ${text})`,
  ])
}

function textCall(random: Random): string {
  const kind = random.pick(['json', 'jsonb'])
  const [one, two] = [quote(random.pick(ARRAYS)), quote(random.pick(ARRAYS))]
  const form = random.pick(['', ', NFC', ', NFD', ', NFKC', ', NFKD'])
  return random.pick([
    `SELECT ${kind}_object(${one}::text[])`,
    `SELECT ${kind}_object(${one}::text[], ${two}::text[])`,
    `SELECT parse_ident(${quote(random.pick(NAMES))})`,
    `SELECT parse_ident(${quote(random.pick(NAMES))}, false)`,
    `SELECT quote_ident(${quote(random.pick(NAMES))})`,
    `SELECT unistr(${quote(random.pick(ESCAPES) + random.pick(['', 'z', random.pick(ESCAPES)]))})`,
    `SELECT normalize(${quote('a' + random.pick(['e\u0301', 'ﬁ', '①', 'é']))}${form})`,
    `SELECT U&'\\0061\\0308' IS${random.pick(['', ' NOT'])} ${form.slice(2)} NORMALIZED`,
    `SELECT num_nulls(1, NULL, ${one}, NULL), num_nonnulls(NULL::int, 2, NULL), num_nulls(NULL)`,
    `SELECT string_to_table(${quote(random.pick(['a,b,,c', '', 'xx', 'éa']))}, ${random.pick(["','", "''", 'NULL'])})`,
    `SELECT * FROM string_to_table('a,,b', ',', ${random.pick(["''", "'a'", 'NULL'])})`,
    `SELECT 'x' || ROW(1, 'a b', NULL), ROW(true) || 'y'::text`,
  ])
}

let postgres: Postgres
beforeAll(async () => {
  if (missingPostgres === null) postgres = await startPostgres()
}, 120_000)
afterAll(() => postgres?.close())

test.each([
  ['parts of JSON', jsonCall],
  ['objects, names and escapes', textCall],
] as const)('%s are those of PostgreSQL', { timeout: 120_000 }, async (_, call) => {
  const found: string[] = []
  if (missingPostgres !== null) return
  for (const seed of seedsOf(500)) {
    const text = call(randomOf(seed))
    const [here, there] = [await runHere(text), await runThere(postgres, text)]
    const isSame =
      isEqualOutcome(here, there) && (!('error' in there) || show(here) === show(there))
    if (!isSame) found.push(`${seed}: ${text}\n  here  ${show(here)}\n  there ${show(there)}`)
  }
  expect(found.slice(0, 12), `${found.length} of them`).toEqual([])
})
