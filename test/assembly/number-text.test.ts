import { describe, expect, test } from 'vitest'
import { openKernel, seededRandom } from '../kernel.ts'

const { kernel, memory } = await openKernel()
const [FLOAT, INTEGER, UNSIGNED] = [0, 1, 2]
const CORRUPT = kernel.CORRUPT.value
const OVERFLOW = kernel.OVERFLOW.value
const encoder = new TextEncoder()
const text = memory.allocate(8192)
const target = memory.allocate(8)

function parse(literal: string, type: number): number {
  const bytes = encoder.encode(literal)
  memory.u8.set(bytes, text.offset)
  // What follows must not matter.
  memory.u8.fill(57, text.offset + bytes.length, text.offset + bytes.length + 32)
  return kernel.numberText(text.offset, bytes.length, type, target.offset)
}

function floatBits(literal: string): bigint | number {
  const status = parse(literal, FLOAT)
  return status === 0 ? memory.u64[target.offset / 8]! : status
}

function bitsOf(value: number): bigint {
  return new BigUint64Array(new Float64Array([value]).buffer)[0]!
}

/** Equal to Number() bit for bit, or refused where that is infinite. */
function expectExact(literal: string): void {
  const value = Number(literal)
  const expected = Number.isFinite(value) ? bitsOf(value) : OVERFLOW
  const found = floatBits(literal)
  if (found !== expected) expect({ literal, found }).toEqual({ literal, found: expected })
}

describe('a float literal is read as Number() reads it', () => {
  test('in every form of the grammar', () => {
    for (const literal of [
      ...['0', '-0', '1', '-1', '1.0', '1.', '.5', '-.5', '00', '007', '0.0', '-0.0', '1e3', '1E3'],
      ...[
        '1e+3',
        '1e-3',
        '1.e5',
        '.5e1',
        '0e999999999999',
        '-0e5',
        '0.1',
        '0.2',
        '0.3',
        '1e22',
        '1e23',
      ],
      ...['9007199254740992', '9007199254740993', '9007199254740994', '9007199254740995'],
    ]) {
      expectExact(literal)
    }
  })

  test('at the known hard cases', () => {
    for (const literal of HARD) {
      expectExact(literal)
      expectExact(`-${literal}`)
    }
  })

  test('for 30,000 shortest round-trip doubles of random bits (seed 11)', () => {
    const random = seededRandom(11)
    const words = new Uint32Array(2)
    const double = new Float64Array(words.buffer)
    for (let i = 0; i < 30_000; i++) {
      words[0] = random() * 2 ** 32
      words[1] = random() * 2 ** 32
      if (!Number.isFinite(double[0]!)) continue
      expectExact(String(double[0]))
      if (i % 4 === 0) expectExact(double[0]!.toExponential(20))
    }
  })

  test('for 30,000 random digits with points and exponents (seed 12)', () => {
    const random = seededRandom(12)
    for (let i = 0; i < 30_000; i++) {
      const count = 1 + Math.floor(random() * (i % 10 === 0 ? 60 : 22))
      let digits = ''
      for (let d = 0; d < count; d++) digits += Math.floor(random() * 10)
      const point = Math.floor(random() * (count + 1))
      const mantissa = random() < 0.5 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`
      expectExact(random() < 0.4 ? mantissa : `${mantissa}e${Math.floor(random() * 700) - 360}`)
    }
  })

  test('exactly between two floats, one digit below and one above (seed 13)', () => {
    const random = seededRandom(13)
    for (let i = 0; i < 1500; i++) {
      const exponent = Math.floor(random() * 2045) - 1074
      const isSubnormal = exponent === -1074 && random() < 0.5
      let m = BigInt(Math.floor(random() * 2 ** 52))
      if (!isSubnormal) m += 1n << 52n
      const middle = exactDecimal(2n * m + 1n, exponent - 1)
      expectExact(middle)
      expectExact(`${middle}${middle.includes('.') ? '' : '.'}0000001`)
      expectExact(below(middle))
    }
  })

  test('around the smallest and the largest float, with up to 5,000 digits', () => {
    const tiny = exactDecimal(1n, -1075)
    for (const literal of [tiny, `${tiny}1`, `${tiny}${'0'.repeat(3000)}1`, below(tiny)]) {
      expectExact(literal)
    }
    const large = exactDecimal((1n << 54n) - 1n, 970)
    for (const literal of [large, `${large}.${'0'.repeat(4000)}1`, below(large), `${large}0`]) {
      expectExact(literal)
    }
    expectExact(`0.${'0'.repeat(400)}${'1'.repeat(20)}e400`)
    expectExact(`${'1'.repeat(400)}e-300`)
    expectExact(`1${'0'.repeat(4000)}e-4000`)
    expectExact(`0.${'0'.repeat(4000)}1e4001`)
  })

  test('and text that is no number is refused', () => {
    for (const literal of [
      ...[
        '',
        '-',
        '+',
        '.',
        '-.',
        'e',
        'e5',
        '1e',
        '1e+',
        '1e-',
        '1.2.3',
        '--1',
        '+1',
        '1-',
        '0x10',
      ],
      ...['NaN', 'nan', 'Infinity', '-inf', '1_000', '1,5', ' 1', '1 ', '1i', '1f', '1e5.5', '１'],
    ]) {
      expect(floatBits(literal), literal).toBe(CORRUPT)
    }
  })
})

describe('an integer literal', () => {
  test.each([
    [INTEGER, '0', 0n],
    [INTEGER, '-0', 0n],
    [INTEGER, '0000000000000000000000000000042', 42n],
    [INTEGER, '9223372036854775807', 9223372036854775807n],
    [INTEGER, '-9223372036854775808', -9223372036854775808n],
    [INTEGER, '9007199254740993', 9007199254740993n],
    [UNSIGNED, '0', 0n],
    [UNSIGNED, '9999999999999999999', 9999999999999999999n],
    [UNSIGNED, '18446744073709551615', 18446744073709551615n],
  ])('of type %i: %s is exact', (type, literal, expected) => {
    expect(parse(literal, type)).toBe(0)
    const view = type === INTEGER ? memory.i64 : memory.u64
    expect(view[target.offset / 8]).toBe(expected)
  })

  test.each([
    [INTEGER, '9223372036854775808'],
    [INTEGER, '-9223372036854775809'],
    [INTEGER, '99999999999999999999999'],
    [UNSIGNED, '18446744073709551616'],
    [UNSIGNED, '18446744073709551620'],
    [UNSIGNED, '99999999999999999999'],
    [UNSIGNED, '100000000000000000000'],
    [UNSIGNED, '-1'],
  ])('of type %i: %s is out of range', (type, literal) => {
    expect(parse(literal, type)).toBe(OVERFLOW)
  })

  test.each([
    [INTEGER, '1.0'],
    [INTEGER, '1e3'],
    [UNSIGNED, '1.'],
    [INTEGER, ''],
    [INTEGER, '-'],
    [UNSIGNED, '1u'],
  ])('of type %i is not %s', (type, literal) => {
    expect(parse(literal, type)).toBe(CORRUPT)
  })

  test('at random lengths agrees with BigInt (seed 14)', () => {
    const random = seededRandom(14)
    for (let i = 0; i < 5000; i++) {
      let literal = random() < 0.5 ? '-' : ''
      const count = 1 + Math.floor(random() * 21)
      for (let d = 0; d < count; d++) literal += Math.floor(random() * 10)
      const value = BigInt(literal)
      const inRange = BigInt.asIntN(64, value) === value
      expect(parse(literal, INTEGER), literal).toBe(inRange ? 0 : OVERFLOW)
      if (inRange) expect(memory.i64[target.offset / 8]).toBe(value)
    }
  })
})

/** All decimal digits of m × 2^e. */
function exactDecimal(m: bigint, e: number): string {
  if (e >= 0) return String(m << BigInt(e))
  const digits = String(m * 5n ** BigInt(-e)).padStart(-e + 1, '0')
  return `${digits.slice(0, e)}.${digits.slice(e)}`
}

/** A literal a little smaller: the last digit that is not 0 lowered by one, then many nines. */
function below(literal: string): string {
  const at = literal.search(/[1-9][0.]*$/)
  const head = literal.slice(0, at) + String(Number(literal[at]) - 1)
  const tail = literal.slice(at + 1).replace(/0/g, '9')
  return `${head}${tail}${literal.includes('.') ? '' : '.'}99999`
}

// From the tests of fast_float, Go's strconv and David Gay's notes.
const HARD = [
  '2.2250738585072011e-308',
  '2.2250738585072012e-308',
  '2.2250738585072014e-308',
  '4.9e-324',
  '5e-324',
  '2.4703282292062327208e-324',
  '2.4703282292062328e-324',
  '1e-323',
  '1.7976931348623157e308',
  '1.7976931348623158e308',
  '1.7976931348623159e308',
  '1e308',
  '1e309',
  '1e400',
  '1e-400',
  '123456789e999999999999999999999',
  '1e-999999999999999999999',
  '6.9294956446009195e15',
  '9214843084008499',
  '0.500000000000000166533453693773481063544750213623046875',
  '3.518437208883201171875e13',
  '62.5364939768271845828',
  '8.10109172351e-10',
  '1.50000000000000011102230246251565',
  '9007199254740991.4999999999999999999999999999999995',
  '8.442911973260991817129021e-309',
  '7.3177701707893310e+15',
  '1.0000000596046448e0',
  '89255e-22',
  '104308485241983990666713401708072175773165034278682682111762292935883201e-71',
  '1.8446744073709551616e19',
  '1.8446744073709552e19',
  '18446744073709551615',
  '10000000000000000000',
  '9999999999999999999',
  '99999999999999999999',
  '1.0000000000000002220446049250313080847263336181640625',
  '1.00000000000000011102230246251565404236316680908203125',
  '1.00000000000000011102230246251565404236316680908203124',
  '1.00000000000000011102230246251565404236316680908203126',
  '1090544144181609348671888949248',
  '2.0000000000000002e0',
  '0.000000000000000000000000000000000000000000000000000000000000123456',
]
