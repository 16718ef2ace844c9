// Many expressions in one statement; where that has errors or differs, each by itself, and then each row
// by itself: which row fails first is open.

import type { Postgres } from '../postgres.ts'
import { differenceOf, isEqualOutcome, runHere, runThere, show } from './compare.ts'
import { relationOf } from './values.ts'

const select = (list: readonly string[], rows: readonly string[]): string =>
  `SELECT ${list.join(', ')} FROM ${relationOf(rows)} ORDER BY id`

/** Differences of these expressions over these rows. */
export async function differencesOf(
  postgres: Postgres,
  expressions: readonly string[],
  rows: readonly string[],
): Promise<string[]> {
  const all = select(expressions, rows)
  const [here, there] = [await runHere(all), await runThere(postgres, all)]
  if (!('error' in here) && isEqualOutcome(here, there)) return []
  const found: string[] = []
  for (const expression of expressions) {
    const difference = await differenceOfOne(postgres, expression, rows)
    if (difference !== null) found.push(difference)
  }
  return found
}

async function differenceOfOne(
  postgres: Postgres,
  expression: string,
  rows: readonly string[],
): Promise<string | null> {
  const text = select([expression], rows)
  const [here, there] = [await runHere(text), await runThere(postgres, text)]
  if (isEqualOutcome(here, there)) return null
  for (const row of rows) {
    const one = select([expression], [row])
    const difference = await differenceOf(postgres, one)
    if (difference !== null) return `${expression}${difference.slice(one.length)}\n  row   ${row}`
  }
  // Each row alone agrees: only where several fail is it open which does first.
  if ('error' in here && 'error' in there) return null
  return `${expression}\n  here  ${show(here)}\n  there ${show(there)}`
}
