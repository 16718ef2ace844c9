import { describe, expect, test } from 'vitest'
import { randomOf } from '../random.ts'
import {
  type Block,
  CORRUPT,
  check,
  decodeColumn,
  encodeStrings,
  fill,
  kernel,
  placed,
  readEntry,
} from './block.ts'

const encoder = new TextEncoder()
const dice = randomOf(5)
const DICTIONARY = 4
const PLAIN = 5
const IS_DENSE = 128

const texts = (values: (string | null)[]): (Uint8Array | null)[] =>
  values.map((value) => (value === null ? null : encoder.encode(value)))
const strings: [string, (Uint8Array | null)[]][] = [
  ['one empty string', texts([''])],
  ['one string', texts(['a'])],
  ['NUL and prefixes', texts(['\0', '', '\0\0', 'a', 'a\0', 'ab', 'a\0b', '', '\0'])],
  ['no UTF-8 at all', [Uint8Array.of(255, 254), Uint8Array.of(128), Uint8Array.of(255)]],
  ['few values', texts(fill(1024, (i) => ['on', 'off', 'idle', 'ключ', '🎈'][i % 5]!))],
  ['1,024 distinct ones', texts(fill(1024, (i) => `value-${(i * 7919) % 1024}`))],
  ['long common prefixes', texts(fill(300, (i) => `${'x'.repeat(500)}${i % 37}`))],
  ['some nulls', texts(fill(1024, (i) => (i % 3 === 0 ? null : `v${i % 11}`)))],
  ['nulls first and last', texts([null, null, 'a', null, 'b', null])],
  [
    'a megabyte',
    [encoder.encode('y'.repeat(1 << 20)), encoder.encode('z'), new Uint8Array(1 << 20)],
  ],
  [
    '70,000 bytes of dictionary',
    texts(fill(100, (i) => String.fromCharCode(97 + (i % 26)).repeat(700 + i))),
  ],
]

function isEqual(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : Buffer.compare(a, b) === 0
}

describe.each(strings)('a string block of %s', (_name, values) => {
  const block = encodeStrings(values)

  test('comes back byte for byte, whole and row by row', () => {
    expect(check(block)).toBe(0)
    const { texts: found } = decodeColumn(block)
    expect(found.length).toBe(values.length)
    for (const [row, text] of found.entries())
      expect(isEqual(text, values[row]!), `${row}`).toBe(true)
    for (const row of [0, values.length >> 1, values.length - 1]) {
      expect(isEqual(decodeColumn(block, row, 1).texts[0]!, values[row]!)).toBe(true)
    }
  })

  test('has a count and no other summary', () => {
    const count = values.filter((value) => value !== null).length
    const distinct = new Set(
      values.filter((v) => v !== null).map((v) => Buffer.from(v!).toString('latin1')),
    ).size
    const { encoding } = readEntry(block.entry)
    expect([DICTIONARY, PLAIN]).toContain(encoding)
    const exceptions = encoding === DICTIONARY ? distinct : 0
    expect(readEntry(block.entry)).toMatchObject({ count, exceptions })
    expect(readEntry(block.entry).flags & 8).toBe(0)
  })
})

describe('strings that hardly repeat', () => {
  const idOf = (i: number): string => `${(i * 7919) % 65_536}`.padStart(16, '0')

  test('take their own bytes where all are as long as each other', () => {
    const block = encodeStrings(texts(fill(1024, idOf)))
    expect(readEntry(block.entry)).toMatchObject({
      encoding: PLAIN,
      size: 1024 * 16,
      exceptions: 0,
    })
    expect(check(block)).toBe(0)
  })

  test('come back from any row, with nulls and empty ones in between', () => {
    const values = texts(
      fill(1000, (i) => (i % 7 === 3 ? null : i % 11 === 0 ? '' : 'x'.repeat(i % 40) + i)),
    )
    const block = encodeStrings(values)
    expect(readEntry(block.entry).encoding).toBe(PLAIN)
    expect(check(block)).toBe(0)
    for (let k = 0; k < 200; k++) {
      const from = dice.int(1000)
      const { texts: found } = decodeColumn(block, from, dice.int(1001 - from))
      for (const [i, text] of found.entries()) expect(isEqual(text, values[from + i]!)).toBe(true)
    }
  })

  test('whose ends fall, or leave text over, are damaged; none leads outside', () => {
    const block = encodeStrings(texts(fill(64, (i) => 'y'.repeat(i % 5) + idOf(i))))
    expect(readEntry(block.entry).encoding).toBe(PLAIN)
    const seal = (bytes: Uint8Array): Block => {
      const entry = block.entry.slice()
      const sum = placed({ ...block, bytes }, (at) => kernel.crc32c(at, bytes.length, 0) >>> 0)
      new DataView(entry.buffer).setUint32(4, bytes.length, true)
      new DataView(entry.buffer).setUint32(8, sum, true)
      return { ...block, bytes, entry }
    }
    expect(check(seal(block.bytes))).toBe(0)
    expect(check(seal(block.bytes.slice(0, -1)))).toBe(CORRUPT)
    let damaged = 0
    for (let at = 0; at < 128; at++) {
      const bytes = block.bytes.slice()
      bytes[at]! ^= 0xff
      if (check(seal(bytes)) === CORRUPT) damaged++
      decodeColumn(seal(bytes))
    }
    expect(damaged).toBeGreaterThan(30)
  })
})

test('a dictionary is sorted by bytes, so that codes order like strings', () => {
  const words = fill(200, () =>
    fill(dice.int(4), () => String.fromCharCode(97 + dice.int(2))).join(''),
  )
  const block = encodeStrings(texts(words))
  expect(readEntry(block.entry).encoding).toBe(DICTIONARY)
  const sorted = [...new Set(words)].sort()
  const text = new TextDecoder().decode(block.bytes)
  expect(text.endsWith(sorted.join(''))).toBe(true)
})

test('strings of few rows are kept, of a dictionary and plain', () => {
  for (const distinct of [3, 5000]) {
    const values = texts(fill(1024, (i) => (i % 9 < 6 ? null : `s${(i * 7) % distinct}`)))
    const block = encodeStrings(values)
    expect(readEntry(block.entry).flags & IS_DENSE).toBe(IS_DENSE)
    expect(check(block)).toBe(0)
    for (let k = 0; k < 60; k++) {
      const from = dice.int(1024)
      const { texts: found } = decodeColumn(block, from, dice.int(1025 - from))
      for (const [i, text] of found.entries()) expect(isEqual(text, values[from + i]!)).toBe(true)
    }
  }
})
