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
const RARE = [
  ...['[^a]', '(a|ab)', '(?:ab|a|bc)', '(a*)', '(?=b)', '(?!a)', '(?<=a)', '[[:alnum:]_]', '[]a]'],
  ...['[^]a]', '[a-c]', '\\D', '\\W', '\\M', '\\A', '\\Z', '(a(b)?)', '((a|b)+)', '[\\d_]'],
  ...['|', '()', '[[:<:]]', '\\u0061', '\\x62', '\\n', '{', '(?#x)', ')', '(', '[', '[z-a]', '\\q'],
  ...['a{2,1}', 'a**', '*', '[[:nope:]]', 'a{1', '(?i)', '***=', '\\141', '[a-]', '[.-]', '#', '&'],
]
const COUNTS = ['', '', '', '*', '+', '?', '{2}', '{1,}', '*?', '+?', '??', '{1,2}', '{1,1}?']
const FLAGS = ['', '', 'i', 'g', 'n', 's', 'gi', 'x!', 'p', 'w', 'q', 'x', 'in', 'ge', 'b']
const SIMILARS = ['%', '_', 'a', 'b', '(a|b)', '[ab]', 'ab', '+', '*', '1', '#%', '^', '#"', '.']

const quote = (text: string): string => `'${text.replaceAll("'", "''")}'`
const several = (random: Random, list: readonly string[], most: number): string =>
  Array.from({ length: random.int(most + 1) }, () => random.pick(list)).join('')

/** Back references, where their groups take part and nothing is to choose. */
const SAME = ['(a|b)\\1', '(\\w)\\1+', '(a*)b\\1', '(.)(.)\\2\\1', '(a)\\1', 'b\\1', '(a\\1)']

const pattern = (random: Random): string =>
  random.chance(0.03)
    ? random.pick(SAME)
    : Array.from(
        { length: 1 + random.int(3) },
        () => random.pick(random.chance(0.35) ? RARE : ATOMS) + random.pick(COUNTS),
      ).join(random.chance(0.1) ? '|' : '')

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
    `${text} ~ ${regexp}, ${text} !~* ${regexp}`,
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
    const difference = await differenceOf(postgres, `SELECT ${call(random)}`)
    if (difference !== null) found.push(`${seed}: ${difference}`)
  }
  expect(found.slice(0, 20), `${found.length} of them`).toEqual([])
}, 120_000)
