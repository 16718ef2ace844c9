// docs/sql.md beside the function table: each has what the other has.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { aggregateFunctions, scalarFunctions, tableFunctions } from '../../sql/functions/table.ts'

const page = readFileSync(new URL('../../docs/sql.md', import.meta.url), 'utf8')

/** Names that only the binder calls. */
const HIDDEN = new Set([
  ...['array_slice', 'array_subscript', 'like_escape', 'similar_to_escape', 'timezone'],
])

const named = (kind: string): string[] => {
  const row = new RegExp(`^\\| ${kind} \\| (.*) \\|$`, 'm').exec(page)![1]!
  return [...row.matchAll(/`(\w+)`/g)].map((found) => found[1]!)
}

const namesOf = (list: readonly { readonly name: string }[]): string[] =>
  [...new Set(list.map(({ name }) => name))].filter((name) => !HIDDEN.has(name)).sort()

test.each([
  ['aggregates', aggregateFunctions],
  ['rows', tableFunctions],
  ['values', scalarFunctions],
] as const)('the page has all %s and no others', (kind, list) => {
  expect(named(kind)).toEqual(namesOf(list))
})
