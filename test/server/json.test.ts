import { describe, expect, test } from 'vitest'
import { OmenError } from '../../engine/error.ts'
import { parseJson, pointerOf } from '../../server/json.ts'
import { JSON_CONTAINERS_MAX, JSON_DEPTH_MAX } from '../../server/limits.ts'

function refusal(text: string): OmenError {
  try {
    parseJson(text, 'body')
  } catch (error) {
    if (error instanceof OmenError) return error
    throw error
  }
  throw new Error(`accepted ${text.slice(0, 80)}`)
}

describe('JSON of a request', () => {
  test.each(['{}', '[]', 'null', '{"a":{"a":1},"b":[{"a":1},{"a":2}]}', '{"a":"\\"a\\":","b":1}'])(
    'accepts %s',
    (text) => {
      expect(parseJson(text, 'body')).toEqual(JSON.parse(text))
    },
  )

  test.each([
    ['{"a":1,"a":2}', 'a'],
    ['{"x":[{"b":1,"c":{"b":2},"b":3}]}', 'b'],
    ['{"a":1, "\\u0061" :2}', 'a'],
    ['{"a\\"":1,"a\\"":1}', 'a"'],
    ['{"a\\\\":1,"a\\\\":1}', 'a\\'],
    ['{"":1,"":1}', ''],
  ])('names the member that %s has twice', (text, name) => {
    expect(refusal(text)).toMatchObject({
      code: 'bad_request',
      message: `body: member "${name}" is given twice`,
    })
  })

  test('points to a repeated member of the outermost object, and nowhere false for deeper ones', () => {
    expect(refusal('{"a/b":1,"a/b":2}').details.pointer).toBe('/a~1b')
    expect(refusal('{"fields":{"f":1,"f":2}}').details.pointer).toBe(undefined)
  })

  test.each([
    '',
    ' ',
    '{',
    '{"a":1',
    '{"a"',
    '"',
    '"\\',
    '{"a":01}',
    "{'a':1}",
    '{"a":1}}',
    '[1,]',
  ])('refuses %j as not JSON', (text) => {
    expect(refusal(text).message).toMatch(/^body: not valid JSON: /)
  })

  test.each([
    '"\\ud800"',
    '["\\uDFFFx"]',
    '{"\\ud83d":1}',
    '{"a":{"b":["\\ud83d\\ud83d\\ude00"]}}',
  ])('refuses %s, which has half of a surrogate pair', (text) => {
    expect(refusal(text)).toMatchObject({
      code: 'bad_request',
      message: 'body: half of a surrogate pair is no text',
    })
  })

  test.each(['"\\ud83d\\ude00"', '"\\\\ud800"', '{"😀":"\\u00e4"}'])(
    'accepts the text %s',
    (text) => {
      expect(parseJson(text, 'body')).toEqual(JSON.parse(text))
    },
  )

  test('refuses what is nested too deep without overflowing anything', () => {
    expect(refusal('['.repeat(1_000_000)).message).toBe(
      `body: nested deeper than ${JSON_DEPTH_MAX}`,
    )
  })

  test('refuses more objects than a body may have', () => {
    const text = `[${'{},'.repeat(JSON_CONTAINERS_MAX)}{}]`
    expect(refusal(text).code).toBe('too_large')
  })

  test('reads a string of megabytes', () => {
    const text = JSON.stringify({ a: '\\"'.repeat(1_000_000) })
    expect(parseJson(text, 'body')).toEqual({ a: '\\"'.repeat(1_000_000) })
  })
})

test('a pointer escapes tildes and slashes', () => {
  expect(pointerOf(['a/b', '~', 0])).toBe('/a~1b/~0/0')
})
