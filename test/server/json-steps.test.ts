// A large JSON text parsed in steps is what JSON.parse says of it, wherever it is cut; and what is no
// JSON is refused, wherever it is broken.

import { describe, expect, test } from 'vitest'
import { parseJson, type Json } from '../../server/json.ts'
import { parseJsonSteps } from '../../server/json-steps.ts'
import { JSON_CONTAINERS_MAX, JSON_DEPTH_MAX, JSON_STEP_LENGTH } from '../../server/limits.ts'
import { seededRandom } from '../random.ts'

function parse(text: string, stepLength?: number): { value: Json; steps: number } {
  const parsing = parseJsonSteps(text, 'body', stepLength)
  for (let steps = 0; ; steps++) {
    const step = parsing.next()
    if (step.done) return { value: step.value, steps }
  }
}

/** What an attempt gives: a value, or the code of its error. */
function attempt(task: () => Json): unknown {
  try {
    return { value: task() }
  } catch (error) {
    return (error as { code?: string }).code
  }
}

const random = seededRandom(7)
const STRINGS = ['', 'a', ',', '"', '\\', '[,]', '{"x":1},', 'ü🌡', '__proto__', '1', ' , ', '\n']
const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)]!

function randomJson(depth: number): Json {
  const kind = Math.floor(random() * (depth > 4 ? 4 : 7))
  if (kind === 0) return pick([0, -1.5, 1e300, 12345])
  if (kind === 1) return pick([true, false, null])
  if (kind < 4) return pick(STRINGS)
  const count = Math.floor(random() * 6)
  if (kind < 6) return Array.from({ length: count }, () => randomJson(depth + 1))
  return Object.fromEntries(
    Array.from({ length: count }, (_, i) => [`${pick(STRINGS)}${i}`, randomJson(depth + 1)]),
  )
}

describe('JSON in steps', () => {
  test('is what JSON.parse says, wherever it is cut', () => {
    for (let round = 0; round < 400; round++) {
      const value = randomJson(0)
      const text = JSON.stringify(value, null, pick([0, 1, '\t']))
      for (const stepLength of [1, 2, 3, 7, 20, 100]) {
        expect(parse(text, stepLength).value, `${stepLength}: ${text}`).toEqual(value)
      }
    }
  })

  test('refuses what JSON.parse refuses, wherever it is broken', () => {
    const marks = [',', ':', '[', ']', '{', '}', '"', ' ', '1', '\\', 'x', '']
    for (let round = 0; round < 3_000; round++) {
      const text = JSON.stringify([randomJson(1), { a: randomJson(1), b: [randomJson(2)] }])
      const at = Math.floor(random() * text.length)
      const broken = text.slice(0, at) + pick(marks) + text.slice(at + Math.floor(random() * 2))
      const whole = attempt(() => parseJson(broken, 'body'))
      for (const stepLength of [1, 4, 30]) {
        const stepped = attempt(() => parse(broken, stepLength).value)
        expect(stepped, `${stepLength}: ${broken}`).toEqual(whole)
      }
    }
  })

  test.each([
    '[1,2,]',
    '[1,,2]',
    '[,1]',
    '[[1],[2],]',
    '[[1][2],3]',
    '[[1] 5,[2]]',
    '{"a":[1,2],}',
    '{"a":[1,2] "b":[3]}',
    '{"a" [1,2],"b":1}',
    '{"a":1 [1,2],"b":1}',
    '{"a":[1,2]],"b":1}',
    '{"a":[1,2},"b":1]',
    '[1,2] [3,4]',
    '[1,2],[3,4]',
    'x[1,2,3,4]',
    '[1,2,3,4]x',
    '[1,2,3,4',
    '[1,2,[3,4]',
    '\u00a0[1,2,3,4]',
    '{"\\x":[1,2],"b":[1,2]}',
    '}'.repeat(50),
    '{}'.repeat(50),
  ])('refuses %s', (text) => {
    expect(attempt(() => parse(text, 1).value)).toBe('bad_request')
  })

  test('refuses members that are given twice in different stretches', () => {
    const text = `{"a":[${'1,'.repeat(50)}1],"b":2,"a":3}`
    expect(() => parse(text, 10)).toThrow('member "a" is given twice')
  })

  test('refuses half of a surrogate pair in a name and in a text', () => {
    for (const text of ['{"\\ud800":[1,2,3,4],"b":1}', '[1,2,3,4,"\\udc00",5]']) {
      expect(() => parse(text, 2)).toThrow('half of a surrogate pair')
    }
    expect(parse('{"\\ud83c\\udf21":[1,2,3,4],"b":"\\ud83c\\udf21"}', 2).value).toEqual({
      '🌡': [1, 2, 3, 4],
      b: '🌡',
    })
  })

  test('keeps a member named __proto__ a member', () => {
    const { value } = parse('{"__proto__":[1,2,3,4],"b":{"__proto__":1,"c":2}}', 2)
    expect(JSON.stringify(value)).toBe('{"__proto__":[1,2,3,4],"b":{"__proto__":1,"c":2}}')
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  })

  test('keeps its limits', () => {
    expect(attempt(() => parse(`[${'{},'.repeat(JSON_CONTAINERS_MAX)}{}]`).value)).toBe('too_large')
    const deep = '['.repeat(JSON_DEPTH_MAX + 1) + '1,2' + ']'.repeat(JSON_DEPTH_MAX + 1)
    expect(attempt(() => parse(deep, 1).value)).toBe('bad_request')
  })

  const ROWS = Array.from({ length: 30_000 }, (_, i) => ({
    tags: { host: `h${i % 100}` },
    time: 1_700_000_000_000 + i,
    fields: { usage: i / 7, text: 'a, [b] "c"' },
  }))
  test.each<[string, Json]>([
    ['rows', { table: 'cpu', rows: ROWS }],
    ['entries', ROWS],
    ['a column', { fields: { a: Array.from({ length: 300_000 }, (_, i) => i / 3) } }],
    ['texts', Array.from({ length: 100_000 }, (_, i) => `text, ${i}`)],
    ['members', Object.fromEntries(Array.from({ length: 50_000 }, (_, i) => [`m${i}`, i]))],
  ])('takes a step for each stretch of %s', (_name, value) => {
    const text = JSON.stringify(value)
    const { value: parsed, steps } = parse(text)
    expect(JSON.stringify(parsed)).toBe(text)
    expect(steps).toBeGreaterThan(text.length / JSON_STEP_LENGTH / 3)
  })

  test('looks at no stretch again and again when it cannot be cut', () => {
    const text = `["${'a'.repeat(200_000)}"${'{}'.repeat(400_000)}`
    expect(attempt(() => parse(text).value)).toBe('bad_request')
  })
})
