import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { OmenError } from '../../engine/error.ts'
import { checkShape, fillParameter, readParameters, splitList } from '../../server/parameters.ts'

function refusal(run: () => unknown): OmenError {
  try {
    run()
  } catch (error) {
    if (error instanceof OmenError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

describe('parameters of a URL', () => {
  test('are decoded once each', () => {
    expect({ ...readParameters('/x?a=1%2B1&b=a+b&c=&%64=é#e=1') }).toEqual({
      a: '1+1',
      b: 'a b',
      c: '',
      d: 'é',
    })
    expect({ ...readParameters('/x') }).toEqual({})
  })

  test('are refused by name when given twice', () => {
    expect(refusal(() => readParameters('/x?a=1&b=2&%61=1'))).toMatchObject({
      code: 'bad_request',
      message: 'parameter "a" is given twice',
    })
    expect(refusal(() => readParameters('/x?__proto__=1&__proto__=1')).code).toBe('bad_request')
  })
})

describe('bytes of a URL that are not UTF-8', () => {
  test.each(['/x?a=%ff', '/x?a=%C3', '/x?%ff=1', '/x?a=k%F6ln'])('are refused in %s', (url) => {
    expect(refusal(() => readParameters(url))).toMatchObject({ code: 'bad_request' })
  })

  test('are not taken for a replacement character that was sent', () => {
    expect({ ...readParameters('/x?a=%EF%BF%BD&b=\uFFFD') }).toEqual({ a: '\uFFFD', b: '\uFFFD' })
  })
})

describe('shapes', () => {
  const schema = z.strictObject({
    a: z.string(),
    b: z.enum(['x'], { error: 'only x' }).optional(),
    n: z.number().optional(),
  })

  test.each([
    [{ a: '', c: 1 }, 'unknown parameter "c"', '/c'],
    [{}, 'parameter "a" is missing', '/a'],
    [{ a: '', b: 'y' }, 'parameter "b": only x', '/b'],
    [{ a: '', n: '5' }, 'parameter "n": expected number, received string', '/n'],
  ])('refuse %j: %s', (value, message, pointer) => {
    const error = refusal(() => checkShape(schema, value, 'parameter'))
    expect(error.message).toBe(message)
    expect(error.details.errors).toMatchObject([{ pointer, message, line: null }])
  })
})

test.each([
  ['a,b', ['a', 'b']],
  [
    ' mean(a) , quantile(a, 0.9) AS p,"x,y", \'a,b\'',
    ['mean(a)', 'quantile(a, 0.9) AS p', '"x,y"', "'a,b'"],
  ],
  ['f(g(a,b),c),d', ['f(g(a,b),c)', 'd']],
  ['', []],
  [',a,,', ['a']],
  ["'it''s, ok',b", ["'it''s, ok'", 'b']],
])('%j is the list %j', (text, list) => {
  expect(splitList(text)).toEqual(list)
})

test.each([
  ['null', 'null'],
  ['0', 0],
  ['-1.5e3', -1500],
  ['linear', 'linear'],
  ['{"kind":"linear"}', { kind: 'linear' }],
])('fill=%s is %j', (text, value) => {
  expect(fillParameter(text)).toEqual(value)
})
