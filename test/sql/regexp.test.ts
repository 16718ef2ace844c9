// Regular expressions whose matches the runtime alone would get wrong, or never finish.

import { expect, test } from 'vitest'
import { matchesOf, regexpOf } from '../../sql/regexp/regexp.ts'
import { similarEscape } from '../../sql/regexp/similar.ts'

const all = (pattern: string, text: string, flags = ''): string[] =>
  Array.from(matchesOf(regexpOf(pattern, flags), text), ({ start, end, groups }) =>
    [[start, end], ...groups]
      .map((part) => (part === null ? '-' : text.slice(...(part as [number, number]))))
      .join('|'),
  )

test('the longest match wins, then the first group', () => {
  expect(all('a|ab|abc', 'xabcd')).toEqual(['abc'])
  expect(all('(a|ab)(c|bcd)(d*)', 'abcd')).toEqual(['abcd|ab|c|d'])
  expect(all('a?(ab)?', 'ab')).toEqual(['ab|ab', '|-'])
  expect(all('(a*)(ab)*(b*)', 'abb')).toEqual(['abb|a|-|bb', '||-|'])
})

test('the first quantifier says whether a match is long or short', () => {
  expect(all('XY*?Z?', 'XYYZ')).toEqual(['X'])
  expect(all('Y*([0-9]{1,3})', 'XYY12345').at(-1)).toBe('45|45')
  expect(all('Y*?([0-9]{1,3})', 'YY123')).toEqual(['YY1|1', '2|2', '3|3'])
  expect(all('(?:(.*?)([0-9]+)(.*)){1,1}', 'abc01234xyz')).toEqual(['abc01234xyz|abc|01234|xyz'])
})

test('the parts of SIMILAR match as little and as much as they should', () => {
  expect(all(similarEscape('%#"o_b#"%', '#'), 'foobar')).toEqual(['foobar|oob'])
})

test('patterns with many ways to divide a text end', () => {
  for (const pattern of ['(x+x+)+y', '(a|a)*b', '(x|xx|y)*z', '((x*)*)*y']) {
    expect(all(pattern, 'x'.repeat(400)), pattern).toEqual([])
    expect(regexpOf(pattern).test('x'.repeat(400)), pattern).toBe(false)
  }
})

test('halves of a character are no places', () => {
  expect(all('', '😀a')).toEqual(['', '', ''])
  expect(all('(?:.|.)', '😀a')).toEqual(['😀', 'a'])
  expect(regexpOf('^$').test('😀')).toBe(false)
})
