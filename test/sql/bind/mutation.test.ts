// Statements with words left out, doubled, swapped and taken from others: whatever comes of it is
// bound or is an SqlError whose place lies in the text, and nothing else is ever thrown.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { SqlError } from '../../../sql/sql-error.ts'
import { bindText } from '../bind-setup.ts'

const MUTANTS = 1_500

/** Numbers from 0 to 1 by a seed: xorshift. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

const statements = ['right', 'wrong'].flatMap((name) =>
  readFileSync(new URL(`../statements/${name}.sql`, import.meta.url), 'utf8')
    .trim()
    .split('\n'),
)
const tokensOf = (text: string): string[] => text.match(/'[^']*'|\w+|\s+|[^]/gu) ?? []

function mutate(text: string, random: () => number): string {
  const tokens = tokensOf(text)
  const other = tokensOf(statements[Math.floor(random() * statements.length)]!)
  const place = (list: readonly string[]): number => Math.floor(random() * list.length)
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes -= 1) {
    const index = place(tokens)
    const choice = random()
    if (choice < 0.3) tokens.splice(index, 1)
    else if (choice < 0.5) tokens.splice(index, 0, tokens[place(tokens)] ?? '')
    else if (choice < 0.8) tokens.splice(index, 1, other[place(other)] ?? '')
    else tokens.splice(index, 0, ...other.slice(place(other)))
  }
  return tokens.join('')
}

test(`${MUTANTS} mutated statements are bound or refused, and nothing else`, async () => {
  const random = randomFrom(20_261_123)
  const strange: string[] = []
  let boundCount = 0
  for (let count = 0; count < MUTANTS; count += 1) {
    const text = mutate(statements[Math.floor(random() * statements.length)]!, random)
    try {
      await bindText(text)
      boundCount += 1
    } catch (error) {
      const isOurs = error instanceof SqlError && /^[0-9A-Z]{5}$/.test(error.sqlstate)
      const position = isOurs ? (error.position ?? 1) : 0
      if (position < 1 || position > [...text].length + 1) {
        strange.push(`${text}\n  ${error instanceof Error ? error.stack : String(error)}`)
      }
    }
  }
  expect(strange).toEqual([])
  expect(boundCount).toBeGreaterThan(50)
}, 120_000)
