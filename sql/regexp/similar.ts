// Patterns of SIMILAR TO as regular expressions: `%` and `_` of LIKE with the marks of POSIX, and two
// escaped double quotes around the part that `substring` returns.
// Source: PostgreSQL 15, src/backend/utils/adt/regexp.c, similar_escape_internal.

import { SqlError } from '../sql-error.ts'

/** Two separators make three parts, of which the first and the last match as little as they can. */
const SEPARATORS = ['){1,1}?(', '){1,1}(?:']
const NAMES: Readonly<Record<string, string>> = { '%': '.*', _: '.', '(': '(?:', '.': '\\.' }

/** `escape` is one character, or empty: none. Throws 22025 and 2200C. */
export function similarEscape(pattern: string, escape = '\\'): string {
  const [sign = null, ...rest] = escape
  if (rest.length > 0) {
    throw new SqlError('22025', 'invalid escape string', {
      hint: 'Escape string must be empty or one character.',
    })
  }
  let [isEscaped, isClass, separators, out] = [false, false, 0, '^(?:']
  for (const letter of pattern) {
    if (isEscaped) {
      if (letter === '"' && !isClass) {
        if (separators === SEPARATORS.length) {
          const message =
            'SQL regular expression may not contain more than two escape-double-quote separators'
          throw new SqlError('2200C', message)
        }
        out += SEPARATORS[separators++]
      } else out += `\\${letter}`
      isEscaped = false
    } else if (letter === sign) isEscaped = true
    else if (isClass) {
      out += letter === '\\' ? '\\\\' : letter
      if (letter === ']') isClass = false
    } else if (letter === '[') {
      out += letter
      isClass = true
    } else out += /[\\^$]/.test(letter) ? `\\${letter}` : (NAMES[letter] ?? letter)
  }
  return `${out})$`
}
