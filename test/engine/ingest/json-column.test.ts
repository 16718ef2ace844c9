// Columns that the kernel parses out of JSON are what JSON.parse says, wherever the text is cut into
// stretches; and what is no such array, or might be read in another way, is left to JSON.parse.

import { describe, expect, test } from 'vitest'
import { type JsonColumn, readJsonColumn } from '../../../engine/ingest/json-column.ts'
import { TextColumn } from '../../../engine/ingest/text-column.ts'
import { openKernel } from '../../kernel.ts'
import { randomOf, type Random } from '../../random.ts'

const kernel = await openKernel()

function read(text: string | Uint8Array, stretchBytes?: number): JsonColumn | null {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  const reading = readJsonColumn(() => kernel, bytes, 1, stretchBytes, stretchBytes)
  for (;;) {
    const step = reading.next()
    if (step.done) return step.value
  }
}

/** Its cells as JSON.parse has them. */
function cellsOf({ type, values, valid }: JsonColumn): unknown[] {
  return Array.from({ length: values.length }, (_, row) => {
    if (valid?.[row] === 0) return null
    if (values instanceof TextColumn) return values.at(row)
    return type === 3 ? values[row] === 1 : values[row]
  })
}

const NUMBERS = [
  '0', '-0', '-0.0', '1', '-1', '10', '0.5', '1e5', '1E+5', '1e-5', '0e0', '1.5e308', '5e-324',
  '2.2250738585072011e-308', '1.7976931348623157e308', '9007199254740993', '1e-400', '123.456',
  '0.1', '18446744073709551616', '12345678901234567890123', '9007199254740992.5', '1e0000000001',
  '0.000000000000000000000000000000000000000000000000000001', '-12.75', '1790000000000',
] // prettier-ignore
const STRINGS = [
  '""', '"a"', '"\\""', '"\\\\"', '"\\/"', '"\\b\\f\\n\\r\\t"', '"ü🌡"', '"\\u00fc"', '"\\ud83c\\udf21"',
  '"\\u0000"', '"\\uFFFF\\u07ff\\u0800\\u007f\\u0080"', '"[1,2]"', '",\\",]"', '"\\ufeffx"', '"\u007f"',
] // prettier-ignore

function randomNumber(random: Random): string {
  if (random.chance(0.5)) return random.pick(NUMBERS)
  const digits = Array.from({ length: 1 + random.int(24) }, () => random.int(10)).join('')
  const point = random.int(digits.length)
  const whole = digits.slice(0, point).replace(/^0+/, '') || '0'
  const exponent = random.chance(0.3) ? `e${random.int(600) - 330}` : ''
  const text = `${random.chance(0.3) ? '-' : ''}${whole}.${digits.slice(point)}${exponent}`
  return Number.isFinite(Number(text)) ? text : '1'
}

function randomCells(random: Random): string[] {
  const kind = random.int(3)
  const nulls = random.pick([0, 0.1, 0.9])
  return Array.from({ length: 1 + random.int(40) }, () => {
    if (random.chance(nulls)) return 'null'
    if (kind === 0) return randomNumber(random)
    return random.pick(kind === 1 ? ['true', 'false'] : STRINGS)
  })
}

describe('a column of JSON', () => {
  test('is what JSON.parse says, wherever the text is cut', () => {
    for (let seed = 1; seed <= 400; seed++) {
      const random = randomOf(seed)
      const space = random.pick(['', '', ' ', '\n\t \r'])
      const text = `[${space}${randomCells(random).join(`${space},${space}`)}${space}]`
      const expected = JSON.parse(text) as unknown[]
      const size = new TextEncoder().encode(text).length
      for (const stretch of [80 + random.int(80), 400 + random.int(400), undefined]) {
        const column = read(text, stretch)
        expect(column, `${seed}: ${text}`).not.toBeNull()
        const cells = cellsOf(column!)
        expect(cells.length).toBe(expected.length)
        for (const [i, cell] of cells.entries()) {
          if (!Object.is(cell, expected[i])) expect([seed, text, i, cell]).toEqual(expected[i])
        }
        expect(column!.end).toBe(size)
      }
    }
  })

  test('may be cut at each of its bytes', () => {
    for (const cell of [...NUMBERS, ...STRINGS, 'null', 'true', 'false']) {
      const other = cell.startsWith('"') ? '"z"' : /^[tf]/.test(cell) ? 'true' : '-0.25'
      const expected = JSON.parse(`[null,${cell},${other}]`) as unknown[]
      for (let stretch = 70; stretch < 150; stretch++) {
        const text = `[${' '.repeat(60)}null,${cell},${other}]`
        expect(cellsOf(read(text, stretch)!), `${stretch}: ${text}`).toEqual(expected)
      }
    }
  })

  test('grows over many stretches', () => {
    const texts = Array.from({ length: 60_000 }, (_, i) => (i % 7 === 0 ? null : `t${i}ü`))
    expect(cellsOf(read(JSON.stringify(texts))!)).toEqual(texts)
    const numbers = Array.from({ length: 100_000 }, (_, i) => (i < 20_000 ? null : i / 8))
    expect(cellsOf(read(JSON.stringify(numbers))!)).toEqual(numbers)
  })

  test.each([
    '[01]', '[-]', '[+1]', '[.5]', '[5.]', '[5.e1]', '[1e]', '[1e+]', '[0x1]', '[1_0]', '[NaN]', '[Infinity]',
    '[--1]', '[-01]', '[1 2]', '[1,]', '[,1]', '[1,,2]', '[1', '[1,', '[', '[1}', '[nul]', '[nulll]', '[True]',
    '[truefalse]', '[1e999]', '[-1e400]', '[1,"a"]', '["a",1]', '[true,1]', '[1,true]', '[[1]]', '[{}]',
    '["a]', '["\\x"]', '["\\u12"]', '["\\u12g4"]', '["\\ud800"]', '["\\udc00"]', '["\\ud800\\u0041"]',
    '["\\ud800x"]', '["\\ud83c\\ud83c"]', '["\n"]', '["\u0000"]', '["a\\"]', "['a']", '[1\u000b]', '[\u00a01]',
    '[1.2.3]', '[1e5e5]', '["a""b"]', '[null null]', '[1/**/]',
  ])('%j is left to JSON.parse', (text) => {
    expect(read(text)).toBeNull()
  }) // prettier-ignore

  test.each([
    ['an overlong form', [0xc0, 0x80]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a sequence cut short', [0xe2, 0x82]],
    ['a lone continuation', [0x80]],
    ['a character beyond U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ])('with %s in a string is no text', (_name, bytes) => {
    expect(read(Uint8Array.from([91, 34, ...bytes, 34, 93]))).toBeNull()
    // Halves of a character in two strings are none either.
    const first = bytes.slice(0, 1)
    expect(read(Uint8Array.from([91, 34, ...first, 34, 44, 34, 0xa9, 34, 93]))).toBeNull()
  })
})
