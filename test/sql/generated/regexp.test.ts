// Functions of regular expressions and SIMILAR TO, over generated texts, patterns and flags, beside
// PostgreSQL 15: rows too.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Random, randomOf, seedsOf } from '../../random.ts'
import { type Postgres, missingPostgres, startPostgres } from '../postgres.ts'
import { differenceOf } from './compare.ts'

const LETTERS = ['a', 'b', 'c', 'ab', 'A', '1', '22', ' ', '-', 'é', '😀', '_', '.', '\n']
const ATOMS = [
  ...['a', 'b', 'c', '.', '\\d', '\\w', '\\s', '[ab]', '[0-9]', '(a)', '(b)', '(?:ab)'],
  ...['(\\w)', '([[:alpha:]])', '[[:digit:]]', '\\y', '^', '$', ' ', 'é', '😀', '\\.', '\\m'],
]
const COUNTS = ['', '', '', '*', '+', '?', '{2}', '{1,}']
const FLAGS = ['', 'i', 'g', 'n', 's', 'gi', 'x!']
const SIMILARS = ['%', '_', 'a', 'b', '(a|b)', '[ab]', 'ab', '+', '*', '1', '#%', '^', '#"', '.']

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`
const several = (random: Random, list: readonly string[], most: number): string =>
  Array.from({ length: random.int(most + 1) }, () => random.pick(list)).join('')

const pattern = (random: Random): string =>
  Array.from({ length: 1 + random.int(3) }, () => random.pick(ATOMS) + random.pick(COUNTS)).join('')

function call(random: Random): string {
  const [text, regexp] = [quote(several(random, LETTERS, 7)), quote(pattern(random))]
  const flags = quote(random.pick(FLAGS))
  const number = (): number => random.pick([0, 1, 1, 2, 2, 3, 9])
  const similar = quote(several(random, SIMILARS, 5))
  return random.pick([
    `regexp_matches(${text}, ${regexp}, ${flags})`,
    `regexp_split_to_table(${text}, ${regexp}, ${flags})`,
    `regexp_split_to_array(${text}, ${regexp}, ${flags})`,
    `regexp_count(${text}, ${regexp}, ${number()}, ${flags})`,
    `regexp_instr(${text}, ${regexp}, ${number()}, ${number()}, ${random.int(3)}, ${flags}, ${number()})`,
    `regexp_substr(${text}, ${regexp}, ${number()}, ${number()}, ${flags}, ${number()})`,
    `regexp_like(${text}, ${regexp}, ${flags})`,
    `regexp_match(${text}, ${regexp}, ${flags})`,
    `regexp_replace(${text}, ${regexp}, '<\\&\\1>', ${flags})`,
    `regexp_replace(${text}, ${regexp}, '<\\&\\1>', ${number()}, ${number()}, ${flags})`,
    `substring(${text}, ${regexp})`,
    `substring(${text} SIMILAR ${similar} ESCAPE '#')`,
    `${text} SIMILAR TO ${similar}`,
    `${text} NOT SIMILAR TO ${similar} ESCAPE '#'`,
    `similar_to_escape(${similar}, '#')`,
  ])
}

let postgres: Postgres
beforeAll(async () => {
  if (missingPostgres === null) postgres = await startPostgres()
}, 120_000)
afterAll(() => postgres?.close())

test('functions of regular expressions give what PostgreSQL gives', async (context) => {
  if (missingPostgres !== null) context.skip(missingPostgres)
  const found: string[] = []
  for (const seed of seedsOf(400)) {
    const random = randomOf(seed)
    const difference = await differenceOf(postgres, `SELECT ${call(random)} AS x`)
    if (difference !== null) found.push(`${seed}: ${difference}`)
  }
  expect(found.slice(0, 20), `${found.length} of them`).toEqual([])
}, 120_000)
