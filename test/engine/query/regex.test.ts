// Regular expressions against those of the runtime on random patterns and texts, what is refused, and
// patterns whose time is exponential elsewhere.

import { describe, expect, test } from 'vitest'
import { RegexMatcher } from '../../../engine/query/regex/matcher.ts'
import { type Random, randomOf, seedsOf } from '../../random.ts'

const LETTERS = ['a', 'b', 'c', 'A', 'é', 'É', '0', '7', '_', ' ', '\n', '-', '😀', 'ß']

function textOf(random: Random): string {
  return Array.from({ length: random.int(9) }, () => random.pick(LETTERS)).join('')
}

function classOf(random: Random): string {
  const items = Array.from({ length: 1 + random.int(3) }, () =>
    random.pick(['a', 'b-c', 'A-Z', '0-9', 'é', '\\d', '\\w', '\\s', '_', '\\-', '😀-😂', '\\D']),
  )
  return `[${random.chance(0.3) ? '^' : ''}${items.join('')}]`
}

function patternOf(random: Random, depth = 0): string {
  const pieces = Array.from({ length: random.int(4) }, (): string => {
    const choice = random.int(depth < 3 ? 10 : 7)
    if (choice < 3) return random.pick(['a', 'b', 'é', '0', ' ', '\\.', '\\u00e9', '😀', '\\x41'])
    if (choice < 4) return random.pick(['.', '\\d', '\\D', '\\w', '\\W', '\\s', '\\S'])
    if (choice < 5) return classOf(random)
    if (choice < 6) return random.pick(['^', '$', ''])
    if (choice < 7) return `${random.pick(['a', '.', '[ab]'])}${quantifierOf(random)}`
    const inner = patternOf(random, depth + 1)
    const open = random.pick(['(', '(?:'])
    if (choice < 8) return `${open}${inner})`
    if (choice < 9) return `${open}${inner}|${patternOf(random, depth + 1)})`
    return `${open}${inner})${quantifierOf(random)}`
  })
  const text = pieces.join('')
  return depth === 0 && random.chance(0.2) ? `${text}|${patternOf(random, 1)}` : text
}

function quantifierOf(random: Random): string {
  const one = random.pick(['*', '+', '?', '{2}', '{0,2}', '{1,}', '{0}', '{3,5}'])
  return random.chance(0.3) ? `${one}?` : one
}

test.each(seedsOf(60))('patterns and texts of seed %i match as in the runtime', (seed) => {
  const random = randomOf(seed)
  for (let i = 0; i < 60; i++) {
    const pattern = patternOf(random)
    const insensitive = random.chance(0.3)
    const matcher = new RegexMatcher(pattern, insensitive)
    const twin = new RegExp(pattern, insensitive ? 'sui' : 'su')
    for (let k = 0; k < 20; k++) {
      const text = textOf(random)
      const shown = `seed ${seed}: ${JSON.stringify(pattern)} ${insensitive} ${JSON.stringify(text)}`
      expect([matcher.test(text), shown]).toEqual([twin.test(text), shown])
    }
  }
})

describe('a matcher', () => {
  const has = (pattern: string, text: string): boolean =>
    new RegexMatcher(pattern, false).test(text)

  test.each([
    ['', '', true],
    ['^$', '', true],
    ['^$', 'a', false],
    ['$^', '', true],
    ['a$b', 'ab', false],
    ['(a|^)b', 'xb', false],
    ['(a|^)b', 'b', true],
    ['a{', 'a{', true],
    ['a{x}', 'a{x}', true],
    ['a}', 'a}', true],
    [']', ']', true],
    ['[]a]+$', ']a]', true],
    ['[^]a]', ']a', false],
    ['[a-]', '-', true],
    ['[[:alpha:][:digit:]]{3}', '_a1b', true],
    ['[[:punct:]]', 'a', false],
    ['\\u{1F600}', 'x😀', true],
    ['^.$', '😀', true],
    ['^..$', '😀', false],
    ['\\/\\@\\é', '/@é', true],
    ['(?i)straSSe', 'STRASSE', true],
    ['^web-(0[1-9]|1\\d)\\.eu$', 'web-12.eu', true],
    ['^web-(0[1-9]|1\\d)\\.eu$', 'web-20.eu', false],
    ['x{1000}', 'x'.repeat(999), false],
    ['x{1000}', 'x'.repeat(1_000), true],
  ])('of %j and %.20j says %s', (pattern, text, expected) => {
    expect(has(pattern, text)).toBe(expected)
  })

  test('of letters in either case knows those beyond ASCII', () => {
    const matcher = new RegexMatcher('^[é-ê]Ж$', true)
    expect(['éж', 'ÉЖ', 'Êж', 'eж'].map((text) => matcher.test(text))).toEqual([
      true,
      true,
      true,
      false,
    ])
    expect(new RegexMatcher('[^a]', true).test('aA')).toBe(false)
    expect(new RegexMatcher('k', true).test('\u212a')).toBe(true)
  })

  test.each([
    ['a\\b', 'the escape \\b', 2],
    ['(a)\\1', 'the back reference \\1', 4],
    ['x(?=a)', 'a look-ahead', 2],
    ['(?<!a)', 'a look-behind', 1],
    ['(?<n>a)', 'a named group', 1],
    ['(?P<n>a)', 'a named group', 1],
    ['(?>a)', 'an atomic group', 1],
    ['a(?i)b', '(?i) but at the start', 2],
    ['(?s)a', 'a group of the kind (?s', 1],
    ['a**', 'a quantifier of a quantifier', 3],
    ['a++', 'a quantifier of a quantifier', 3],
    ['*a', 'a quantifier of nothing', 1],
    ['(|+)', 'a quantifier of nothing', 3],
    ['{2}', 'a quantifier of nothing', 1],
    ['^*', 'a quantifier of ^', 1],
    ['(a', '( without its )', 1],
    ['a)', ') without its (', 2],
    ['[a', '[ without its ]', 1],
    ['[]', '[ without its ]', 1],
    ['[z-a]', 'a range whose end is before its start', 3],
    ['[\\d-z]', 'a range whose end is a class', 4],
    ['[[:letter:]]', 'the class [:letter:]', 2],
    ['[[=a=]]', '[= in a class', 2],
    ['a{2', '{ without its }', 2],
    ['a{3,2}', '{3,2}, which is never', 2],
    ['a{1001}', 'a repetition of more than 1000', 2],
    ['a{99999999999999999999}', 'a repetition of more than 1000', 2],
    ['\\', '\\ at the end', 1],
    ['\\p{L}', 'the escape \\p', 1],
    ['\\ud800', '\\u that is no character', 1],
    ['\\u{110000}', '\\u that is no character', 1],
    ['\\xg0', '\\x that is no character', 1],
  ])('of %j is refused for %s', (pattern, what, at) => {
    let error: unknown = null
    try {
      expect(new RegexMatcher(pattern, false, 7)).toBeNull()
    } catch (thrown) {
      error = thrown
    }
    const message = `where: ${what} in a regular expression, at character ${at} of it`
    expect(error).toMatchObject({
      ...{ code: 'bad_request', message },
      details: { sqlstate: '2201B', position: 7, pointer: '/where' },
    })
  })

  test.each([
    ['a'.repeat(8_193), 'patternLength'],
    ['((a{1000}){1000}){1000}', 'patternStates'],
    ['(abcdefghijk){1000}', 'patternStates'],
  ])('that is too large names the limit (%#)', (pattern, limit) => {
    const make = (): RegexMatcher => new RegexMatcher(pattern, false)
    expect(make).toThrow(expect.objectContaining({ code: 'limit_exceeded' }))
    expect(make).toThrow(`(limit ${limit})`)
  })

  test('nests groups as deep as it says, no stack is lost', () => {
    const nested = (depth: number): string => `${'('.repeat(depth)}a${')'.repeat(depth)}`
    expect(has(nested(250), 'xa')).toBe(true)
    expect(() => has(nested(251), 'a')).toThrow('more than 250 groups in each other')
    expect(() => has(nested(4_000), 'a')).toThrow('more than 250 groups')
    expect(has('a|'.repeat(4_000) + 'b', 'b')).toBe(true)
  })
})

describe('time is linear', () => {
  test.each([
    '(a+)+$',
    '(a|aa)+$',
    '^(([a-z])+.)+[A-Z]([a-z])+$',
    '(a*)*b',
    '(.*)*x$',
    '(a?){60}a{60}$',
  ])('of %s, which others take for ever', (pattern) => {
    const text = `${'a'.repeat(1_000_000)}!`
    expect(new RegexMatcher(pattern, false).test(text)).toBe(false)
  })

  test('also where the sets of states never repeat, up to a limit by name', () => {
    // 2^500 sets: each character costs as much as the program is long.
    const matcher = new RegexMatcher('(a|b)*a(a|b){500}c', false)
    const random = randomOf(5)
    const next = (): string => Array.from({ length: 2_000 }, () => random.pick(['a', 'b'])).join('')
    const text = next()
    expect(matcher.test(text)).toBe(false)
    expect(matcher.test(`${text}c`)).toBe(/a.{500}c$/.test(`${text}c`))
    expect(() => {
      for (let i = 0; i < 50; i++) matcher.test(next())
    }).toThrow('(limit patternSteps)')
  })

  test('a matcher that has forgotten its states begins anew with the right ones', () => {
    const matcher = new RegexMatcher('^x(a|b)*a(a|b){14}$', false)
    const random = randomOf(6)
    for (let i = 0; i < 300; i++) {
      const text = `x${Array.from({ length: 60 }, () => random.pick(['a', 'b'])).join('')}`
      expect(matcher.test(text)).toBe(text.at(-15) === 'a')
      expect(matcher.test(text.slice(1))).toBe(false)
    }
  })
})
