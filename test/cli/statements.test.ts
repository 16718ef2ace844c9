// Where statements end: held against the lexer of PostgreSQL by what psql sends (its cases are written down),
// and by texts made at random.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { isBlank, splitStatements } from '../../server/cli/statements.ts'

test.each([
  ['SELECT 1; SELECT 2', ['SELECT 1'], ' SELECT 2'],
  ["SELECT ';'; x", ["SELECT ';'"], ' x'],
  ["SELECT 'a'';'; x", ["SELECT 'a'';'"], ' x'],
  ["SELECT E'\\';'; x", ["SELECT E'\\';'"], ' x'],
  ["SELECT '\\'; x", ["SELECT '\\'"], ' x'],
  ['SELECT ";"; x', ['SELECT ";"'], ' x'],
  ['SELECT 1 -- ; no\n; x', ['SELECT 1 -- ; no\n'], ' x'],
  ['SELECT /* ; /* ; */ ; */ 1; x', ['SELECT /* ; /* ; */ ; */ 1'], ' x'],
  ['SELECT $$;$$; x', ['SELECT $$;$$'], ' x'],
  ['SELECT $a$;$b$;$$;$a$; x', ['SELECT $a$;$b$;$$;$a$'], ' x'],
  ['SELECT $1; x', ['SELECT $1'], ' x'],
  [';;', [], ''],
  ['-- only this\n;', [], ''],
  ["SELECT 'open; x", [], "SELECT 'open; x"],
  ['SELECT /* open; x', [], 'SELECT /* open; x'],
  ['SELECT $$open; x', [], 'SELECT $$open; x'],
])('%j', (text, statements, rest) => {
  expect(splitStatements(text)).toEqual({ statements, rest })
})

test('what is joined with semicolons comes apart again', () => {
  const quoted = fc.string().map((text) => `'${text.replaceAll("'", "''")}'`)
  const named = fc.string({ minLength: 1 }).map((text) => `"${text.replaceAll('"', '""')}"`)
  const dollar = fc.string().map((text) => `$q$${text.replaceAll('$', '')}$q$`)
  const comment = fc.string().map((text) => `/*${text.replaceAll(/[*/]/g, '')}*/`)
  const part = fc.oneof(quoted, named, dollar, comment, fc.constantFrom('SELECT', '1', ',', '\n'))
  const statement = fc.array(part, { minLength: 1 }).map((parts) => `x ${parts.join(' ')} `)
  fc.assert(
    fc.property(fc.array(statement), (all) => {
      expect(splitStatements(all.map((one) => `${one};`).join(''))).toEqual({
        statements: all,
        rest: '',
      })
    }),
  )
})

test('comments and blanks are no statement', () => {
  expect([' \n', '-- a', '/* a */ -- b\n', ''].map(isBlank)).toEqual([true, true, true, true])
  expect(['1', '/* a', '-- a\n1'].map(isBlank)).toEqual([false, false, false])
})
