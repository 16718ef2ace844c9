// docs/http.md beside openapi.json and the table of errors: each has what the other has.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ANSWERED } from '../../../server/problem.ts'
import { operations } from './walk.ts'

const page = readFileSync(new URL('../../../docs/http.md', import.meta.url), 'utf8')

test('the page has the routes of the document, no others, and says the same of them', () => {
  const rows = [...page.matchAll(/^\| `((?:GET|POST|PUT|DELETE) \/[^`]*)` \| (.*?) \|/gm)]
  const documented = operations.map(
    ({ method, path, summary }) => `${method.toUpperCase()} ${path}: ${summary}`,
  )
  expect(rows.map((row) => `${row[1]}: ${row[2]}`).sort()).toEqual(documented.sort())
})

test('the page has every error code with its status and title', () => {
  const rows = [...page.matchAll(/^\| (\d{3}) \| `(\w+)` \| (.*?) \|$/gm)]
  const known = new Map<string, string>()
  for (const { status, code, title } of Object.values(ANSWERED)) {
    if (!known.has(code)) known.set(code, `${status} ${code}: ${title}`)
  }
  expect(rows.map((row) => `${row[1]} ${row[2]}: ${row[3]}`)).toEqual([...known.values()])
})
