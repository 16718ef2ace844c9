import { describe, expect, test } from 'vitest'
import { likeTest, likeTokens } from '../../engine/query/pattern.ts'
import { openKernel, seededRandom } from '../kernel.ts'

const { kernel, memory } = await openKernel()
const [LESS, EQUAL, GREATER] = [1, 2, 4]
const [FALSE, UNKNOWN, TRUE] = [0, 1, 2]
const [FLOAT, INTEGER, UNSIGNED, BOOLEAN, STRING] = [0, 1, 2, 3, 4]
const SETS = [0, 1, 2, 3, 4, 5, 6, 7]
const MIN = -(2n ** 63n)
const MAX = 2n ** 63n - 1n

/** The meaning of a LIKE pattern, spelled as a regular expression; null if it ends in its escape. */
function likeRegExp(pattern: string, insensitive: boolean): RegExp | null {
  let source = ''
  const characters = [...pattern]
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!
    if (character === '%') source += '[^]*'
    else if (character === '_') source += '[^]'
    else {
      const literal = character === '\\' ? characters[++i] : character
      if (literal === undefined) return null
      source += literal.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
    }
  }
  return new RegExp(`^${source}$`, insensitive ? 'iu' : 'u')
}

/** Copies bytes into kernel memory, 8-byte aligned. */
function place(bytes: ArrayBufferView): number {
  const region = memory.allocate(Math.max(8, bytes.byteLength))
  memory.u8.set(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), region.offset)
  return region.offset
}

function readMask(pointer: number, count: number): number[] {
  return [...memory.u8.slice(pointer, pointer + count)]
}

function placeStrings(texts: readonly string[]): number {
  const slots = new Uint32Array(texts.length * 2)
  texts.forEach((text, i) => {
    const bytes = new TextEncoder().encode(text)
    slots[i * 2] = place(bytes)
    slots[i * 2 + 1] = bytes.length
  })
  return place(slots)
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(new Float64Array([value]).buffer)[0]!
}

/** PostgreSQL's order of floats as LESS, EQUAL, GREATER. */
function orderFloats(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b)) {
    if (Number.isNaN(a) && Number.isNaN(b)) return EQUAL
    return Number.isNaN(a) ? GREATER : LESS
  }
  return a < b ? LESS : a > b ? GREATER : EQUAL
}

function orderOf<T>(a: T, b: T): number {
  return a < b ? LESS : a > b ? GREATER : EQUAL
}

const target = memory.allocate(4096).offset

test('selected rows are counted, and written as ones, for any number of rows', () => {
  const masks = Uint8Array.from({ length: 90 }, (_, i) => (i * 7 + (i >> 3)) % 3)
  for (let count = 0; count <= masks.length; count++) {
    const expected = [...masks.subarray(0, count)].map((outcome) => (outcome === TRUE ? 1 : 0))
    const ones = expected.filter((bit) => bit === 1).length
    const mask = place(masks)
    memory.u8[mask + count] = 99
    expect(kernel.maskSelect(mask, count, mask)).toBe(ones)
    expect([...memory.u8.subarray(mask, mask + count)]).toEqual(expected)
    expect(memory.u8[mask + count]).toBe(99)
    expect(kernel.scanCount(mask, count)).toBe(ones)
  }
})

describe('comparing a column with a constant', () => {
  const some = [0, -0, 1.5, -1.5, NaN, -NaN, Infinity, -Infinity, 5e-324, 2 ** 53, 1e308]
  // Each of them in a group of eight, which is compared at once, and behind the last one.
  const floats = [...some, ...some.toReversed(), ...some]
  const numbers = [MIN, MIN + 1n, -1n, 0n, 1n, 2n ** 53n, 2n ** 53n + 1n, MAX]
  const integers = [...numbers, ...numbers.slice(0, 7)]

  test('orders floats as PostgreSQL does, for every set of outcomes', () => {
    const values = place(Float64Array.from(floats))
    for (const constant of floats) {
      for (const set of SETS) {
        kernel.filterConstant(FLOAT, set, values, 0, floats.length, bitsOf(constant), target)
        const expected = floats.map((value) => (orderFloats(value, constant) & set ? TRUE : FALSE))
        expect(readMask(target, floats.length), `${constant} ${set}`).toEqual(expected)
      }
    }
  })

  test('orders integers signed, unsigned and booleans unsigned', () => {
    const signed = place(BigInt64Array.from(integers))
    for (const constant of integers) {
      for (const set of SETS) {
        kernel.filterConstant(INTEGER, set, signed, 0, integers.length, constant, target)
        const expected = integers.map((value) => (orderOf(value, constant) & set ? TRUE : FALSE))
        expect(readMask(target, integers.length)).toEqual(expected)
        for (const type of [UNSIGNED, BOOLEAN]) {
          kernel.filterConstant(type, set, signed, 0, integers.length, constant, target)
          const wanted = integers.map((value) => {
            const order = orderOf(BigInt.asUintN(64, value), BigInt.asUintN(64, constant))
            return order & set ? TRUE : FALSE
          })
          expect(readMask(target, integers.length)).toEqual(wanted)
        }
      }
    }
  })

  test('is unknown where the row has no value', () => {
    const values = place(Float64Array.from([1, 1, 2, 2]))
    const valid = place(Uint8Array.from([1, 0, 0, 1]))
    kernel.filterConstant(FLOAT, EQUAL, values, valid, 4, bitsOf(1), target)
    expect(readMask(target, 4)).toEqual([TRUE, UNKNOWN, UNKNOWN, FALSE])
    kernel.filterConstant(FLOAT, 7, values, valid, 4, bitsOf(1), target)
    expect(readMask(target, 4)).toEqual([TRUE, UNKNOWN, UNKNOWN, TRUE])
  })

  test('of no rows touches nothing', () => {
    memory.u8[target] = 77
    kernel.filterConstant(FLOAT, EQUAL, 0, 0, 0, 0n, target)
    kernel.filterString(EQUAL, 0, 0, 0, 0, 0, target)
    expect(memory.u8[target]).toBe(77)
  })
})

describe('strings', () => {
  const texts = ['', 'a', 'aa', 'ab', 'b', 'é', 'z', '\u{ffff}', '\u{10000}', 'x'.repeat(40)]
  const more = [...texts, 'abcdefgh', 'abcdefgi', 'abcdefghi', `${'x'.repeat(39)}y`]

  test('are ordered by their UTF-8 bytes at every length around the 8-byte steps', () => {
    const values = placeStrings(more)
    for (const constant of more) {
      const bytes = new TextEncoder().encode(constant)
      const pointer = place(bytes)
      for (const set of SETS) {
        kernel.filterString(set, values, 0, more.length, pointer, bytes.length, target)
        const expected = more.map((text) => {
          const order = Buffer.compare(Buffer.from(text), Buffer.from(constant))
          return (order < 0 ? LESS : order > 0 ? GREATER : EQUAL) & set ? TRUE : FALSE
        })
        expect(readMask(target, more.length), constant).toEqual(expected)
      }
    }
  })

  test('of two columns compare row by row, unknown where either is null', () => {
    const left = placeStrings(['a', 'b', 'c', 'd'])
    const right = placeStrings(['b', 'b', 'b', 'd'])
    const valid = place(Uint8Array.from([1, 1, 1, 0]))
    kernel.filterColumns(LESS | EQUAL, STRING, left, 0, STRING, right, valid, 4, target)
    expect(readMask(target, 4)).toEqual([TRUE, TRUE, FALSE, UNKNOWN])
  })

  test('match LIKE patterns as the same regular expression does', () => {
    const random = seededRandom(3)
    const letters = ['a', 'b', 'é', '%', '_', '\\', 'A', '\u{1f600}']
    const word = (length: number): string => {
      return Array.from({ length }, () => letters[Math.floor(random() * letters.length)]).join('')
    }
    for (let i = 0; i < 3000; i++) {
      const insensitive = random() < 0.3
      let pattern = word(Math.floor(random() * 7))
      if (insensitive) pattern = pattern.replaceAll('é', 'b')
      const text = random() < 0.3 ? pattern.replaceAll('%', 'ab') : word(Math.floor(random() * 9))
      const expression = likeRegExp(pattern, insensitive)
      if (expression === null) {
        expect(() => likeTokens(pattern, '\\', insensitive)).toThrow(/escape/)
        expect(() => likeTest(pattern, '\\', insensitive)).toThrow(/escape/)
        continue
      }
      const tokens = likeTokens(pattern, '\\', insensitive)
      const values = placeStrings([text])
      kernel.filterLike(values, 0, 1, place(tokens), tokens.length, insensitive ? 1 : 0, target)
      const expected = expression.test(text) ? TRUE : FALSE
      const where = `seed 3 ${JSON.stringify([text, pattern])}`
      expect(memory.u8[target], where).toBe(expected)
      expect(likeTest(pattern, '\\', insensitive)(text), where).toBe(expected === TRUE)
    }
  })

  test('a LIKE of many wildcards over a long text ends at once', () => {
    const tokens = likeTokens('%a%a%a%a%a%a%a%b', '\\', false)
    const values = placeStrings(['a'.repeat(20_000)])
    kernel.filterLike(values, 0, 1, place(tokens), tokens.length, 0, target)
    expect(memory.u8[target]).toBe(FALSE)
  })
})

describe('comparing two columns', () => {
  test('is exact between integers and unsigned, and as floats beside a float', () => {
    const cases: [number, bigint, number, bigint, number][] = [
      [INTEGER, -1n, UNSIGNED, 2n ** 64n - 1n, LESS],
      [UNSIGNED, 2n ** 63n, INTEGER, MIN, GREATER],
      [UNSIGNED, 5n, INTEGER, 5n, EQUAL],
      [INTEGER, MAX, UNSIGNED, 2n ** 63n, LESS],
      [INTEGER, 2n ** 53n + 1n, FLOAT, bitsOf(2 ** 53), EQUAL],
      [FLOAT, bitsOf(NaN), UNSIGNED, 2n ** 64n - 1n, GREATER],
      [BOOLEAN, 0n, BOOLEAN, 1n, LESS],
      [FLOAT, bitsOf(-0), FLOAT, bitsOf(0), EQUAL],
    ]
    for (const [leftType, left, rightType, right, outcome] of cases) {
      const a = place(BigUint64Array.from([BigInt.asUintN(64, left)]))
      const b = place(BigUint64Array.from([BigInt.asUintN(64, right)]))
      for (const set of SETS) {
        kernel.filterColumns(set, leftType, a, 0, rightType, b, 0, 1, target)
        expect(memory.u8[target], `${left} ${right}`).toBe(outcome & set ? TRUE : FALSE)
      }
    }
  })
})

describe('masks', () => {
  const pairs = [FALSE, UNKNOWN, TRUE].flatMap((a) => [FALSE, UNKNOWN, TRUE].map((b) => [a, b]))
  /** Longer than two vectors, so both loops run. */
  const a = Array.from({ length: 5 }, () => pairs.map(([left]) => left!)).flat()
  const b = Array.from({ length: 5 }, () => pairs.map(([, right]) => right!)).flat()

  test('combine as three-valued logic says, at every length', () => {
    for (let count = 0; count <= a.length; count++) {
      const left = place(Uint8Array.from(a))
      const right = place(Uint8Array.from(b))
      kernel.maskAnd(left, right, count)
      const and = a.map((x, i) => (i < count ? Math.min(x, b[i]!) : x))
      expect(readMask(left, a.length)).toEqual(and)
      kernel.maskOr(left, right, count)
      expect(readMask(left, a.length)).toEqual(
        and.map((x, i) => (i < count ? Math.max(x, b[i]!) : x)),
      )
    }
  })

  test('NOT keeps unknown, IS TRUE and IS FALSE do not', () => {
    const mask = place(Uint8Array.from([FALSE, UNKNOWN, TRUE]))
    kernel.maskNot(mask, 3)
    expect(readMask(mask, 3)).toEqual([TRUE, UNKNOWN, FALSE])
    kernel.maskIs(mask, 3, FALSE)
    expect(readMask(mask, 3)).toEqual([FALSE, FALSE, TRUE])
    kernel.maskFill(mask, 3, UNKNOWN)
    kernel.maskIs(mask, 3, TRUE)
    expect(readMask(mask, 3)).toEqual([FALSE, FALSE, FALSE])
  })

  test('select the rows that are true, and only those', () => {
    const mask = place(Uint8Array.from([FALSE, UNKNOWN, TRUE, TRUE]))
    expect(kernel.maskSelect(mask, 4, target)).toBe(2)
    expect(readMask(target, 4)).toEqual([0, 0, 1, 1])
  })

  test('of IS NULL are true where there is no value', () => {
    kernel.maskNull(place(Uint8Array.from([1, 0])), 2, target)
    expect(readMask(target, 2)).toEqual([FALSE, TRUE])
    kernel.maskNull(0, 2, target)
    expect(readMask(target, 2)).toEqual([FALSE, FALSE])
  })
})

describe('selections of rows', () => {
  test('become an index that columns follow', () => {
    const selection = place(Uint8Array.from([0, 1, 1, 0, 1]))
    const index = memory.allocate(64).offset
    expect(kernel.scanCount(selection, 5)).toBe(3)
    expect(kernel.scanIndex(selection, 5, index)).toBe(3)
    const values = place(Float64Array.from([1, 2, 3, 4, 5]))
    const out = memory.allocate(64).offset
    kernel.scanSlots(values, index, 3, out)
    expect([...memory.f64.slice(out / 8, out / 8 + 3)]).toEqual([2, 3, 5])
    expect(kernel.scanValid(place(Uint8Array.from([1, 0, 1, 1, 1])), index, 3, out)).toBe(1)
    expect(readMask(out, 3)).toEqual([0, 1, 1])
  })

  test('join columns: a row is present if any has a value', () => {
    const n = 40
    const bits = (step: number): Uint8Array =>
      Uint8Array.from({ length: n }, (_, i) => Number(i % step === 0))
    const present = place(new Uint8Array(n))
    kernel.scanPresent(present, place(bits(3)), n)
    kernel.scanPresent(present, place(bits(5)), n)
    const either = Array.from({ length: n }, (_, i) => Number(i % 3 === 0 || i % 5 === 0))
    expect(readMask(present, n)).toEqual(either)
    kernel.scanBoth(present, place(bits(2)), n)
    expect(readMask(present, n)).toEqual(either.map((bit, i) => bit & Number(i % 2 === 0)))
    kernel.scanPresent(present, 0, n)
    expect(kernel.scanCount(present, n)).toBe(n)
  })
})

test('a LIKE pattern of many wildcards answers at once', () => {
  const isLike = likeTest(`${'%a'.repeat(200)}b`, '', false)
  expect(isLike('a'.repeat(5000))).toBe(false)
  expect(isLike(`${'a'.repeat(5000)}b`)).toBe(true)
})
