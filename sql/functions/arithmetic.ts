// Arithmetic with PostgreSQL's overflow (22003) and division by zero (22012): integers of each width,
// floats, numeric, and the functions of mathematics.
// Source: PostgreSQL 15, src/backend/utils/adt/{int,int8,float,numeric}.c.

import { Decimal } from '../decimal.ts'
import type { ScalarFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf } from '../type.ts'
import { floatLoop, scalar } from './define.ts'

const TITLES: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int8: 'bigint',
}

export const outOfRange = (type: string): SqlError =>
  new SqlError('22003', `${TITLES[type] ?? typeOf(type).title} out of range`)
const zeroDivision = (): SqlError => new SqlError('22012', 'division by zero')

/** Checks the value of an int2 or int4. Throws 22003. */
export function checkNumber(value: number, type: 'int2' | 'int4'): number {
  const limit = type === 'int2' ? 2 ** 15 : 2 ** 31
  if (value >= limit || value < -limit) throw outOfRange(type)
  // No integer is -0.
  return value + 0
}

/** Throws 22003. */
export function checkBigint(value: bigint): bigint {
  if (BigInt.asIntN(64, value) !== value) throw outOfRange('int8')
  return value
}

function divideBigint(a: bigint, b: bigint): bigint {
  if (b === 0n) throw zeroDivision()
  return checkBigint(a / b)
}

function smallIntegers(type: 'int2' | 'int4'): ScalarFunction[] {
  const both = `${type} ${type}`
  const entry = (name: string, compute: (a: number, b: number) => number): ScalarFunction =>
    scalar(name, both, type, (a: number, b: number) => checkNumber(compute(a, b), type))
  return [
    entry('+', (a, b) => a + b),
    entry('-', (a, b) => a - b),
    entry('*', (a, b) => a * b),
    entry('/', (a, b) => (b === 0 ? raise(zeroDivision()) : Math.trunc(a / b))),
    entry('%', (a, b) => (b === 0 ? raise(zeroDivision()) : a % b)),
    entry('&', (a, b) => a & b),
    entry('|', (a, b) => a | b),
    entry('#', (a, b) => a ^ b),
    scalar('<<', `${type} int4`, type, (a: number, b: number) => wrap(a << b, type)),
    scalar('>>', `${type} int4`, type, (a: number, b: number) => a >> b),
    scalar('~', type, type, (a: number) => ~a),
    scalar('-', type, type, (a: number) => checkNumber(-a, type)),
    scalar('+', type, type, (a: number) => a),
    scalar('@', type, type, (a: number) => checkNumber(Math.abs(a), type)),
  ]
}

const wrap = (value: number, type: string): number =>
  type === 'int2' ? (value << 16) >> 16 : value

function raise(error: Error): never {
  throw error
}

const bigints: readonly ScalarFunction[] = [
  scalar('+', 'int8 int8', 'int8', (a: bigint, b: bigint) => checkBigint(a + b)),
  scalar('-', 'int8 int8', 'int8', (a: bigint, b: bigint) => checkBigint(a - b)),
  scalar('*', 'int8 int8', 'int8', (a: bigint, b: bigint) => checkBigint(a * b)),
  scalar('/', 'int8 int8', 'int8', divideBigint),
  scalar('%', 'int8 int8', 'int8', (a: bigint, b: bigint) =>
    b === 0n ? raise(zeroDivision()) : a % b,
  ),
  scalar('&', 'int8 int8', 'int8', (a: bigint, b: bigint) => a & b),
  scalar('|', 'int8 int8', 'int8', (a: bigint, b: bigint) => a | b),
  scalar('#', 'int8 int8', 'int8', (a: bigint, b: bigint) => a ^ b),
  scalar('<<', 'int8 int4', 'int8', (a: bigint, b: number) =>
    BigInt.asIntN(64, a << BigInt(b & 63)),
  ),
  scalar('>>', 'int8 int4', 'int8', (a: bigint, b: number) => a >> BigInt(b & 63)),
  scalar('~', 'int8', 'int8', (a: bigint) => ~a),
  scalar('-', 'int8', 'int8', (a: bigint) => checkBigint(-a)),
  scalar('+', 'int8', 'int8', (a: bigint) => a),
  scalar('@', 'int8', 'int8', (a: bigint) => checkBigint(a < 0n ? -a : a)),
]

function checkFloat(a: number, b: number, result: number): void {
  if (Number.isFinite(a) && Number.isFinite(b) && !Number.isFinite(result)) {
    throw new SqlError('22003', 'value out of range: overflow')
  }
}

function checkProduct(a: number, b: number, result: number): void {
  checkFloat(a, b, result)
  if (result === 0 && a !== 0 && b !== 0) throw underflow()
}

const underflow = (): SqlError => new SqlError('22003', 'value out of range: underflow')

function checkQuotient(a: number, b: number, result: number): void {
  if (b === 0 && !Number.isNaN(a)) throw zeroDivision()
  checkFloat(a, b, result)
  if (result === 0 && a !== 0 && Number.isFinite(b)) throw underflow()
}

function floats(types: string, result: string): ScalarFunction[] {
  const loops = [
    floatLoop(
      '+',
      types,
      result,
      (a, b, out, ia, ib) => {
        for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! + b[i * ib]!
      },
      checkFloat,
    ),
    floatLoop(
      '-',
      types,
      result,
      (a, b, out, ia, ib) => {
        for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! - b[i * ib]!
      },
      checkFloat,
    ),
    floatLoop(
      '*',
      types,
      result,
      (a, b, out, ia, ib) => {
        for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! * b[i * ib]!
      },
      checkProduct,
    ),
    floatLoop(
      '/',
      types,
      result,
      (a, b, out, ia, ib) => {
        for (let i = 0; i < out.length; i++) out[i] = a[i * ia]! / b[i * ib]!
      },
      checkQuotient,
    ),
  ]
  return result === 'float8' ? loops : loops.map(single)
}

/** Results as float4 has them. */
function single(overload: ScalarFunction): ScalarFunction {
  return {
    ...overload,
    evaluate: (...given) => {
      const [[a, b], rowCount, counted] = given
      const { values, valid } = overload.evaluate(...given)
      const singles = (values as Float64Array).map(Math.fround)
      const [one, two] = [a!.values as Float64Array, b!.values as Float64Array]
      for (let i = 0; i < rowCount; i++) {
        const isLost = singles[i] === 0 ? values[i] !== 0 : !Number.isFinite(singles[i])
        if (!isLost || (counted !== null && counted[i] === 0)) continue
        if (singles[i] === 0) throw underflow()
        checkFloat(one[one.length === 1 ? 0 : i]!, two[two.length === 1 ? 0 : i]!, singles[i]!)
      }
      return { values: singles, valid }
    },
  }
}

const numerics: readonly ScalarFunction[] = [
  scalar('+', 'numeric numeric', 'numeric', (a: Decimal, b: Decimal) => a.add(b)),
  scalar('-', 'numeric numeric', 'numeric', (a: Decimal, b: Decimal) => a.subtract(b)),
  scalar('*', 'numeric numeric', 'numeric', (a: Decimal, b: Decimal) => a.multiply(b)),
  scalar('/', 'numeric numeric', 'numeric', (a: Decimal, b: Decimal) => a.divide(b)),
  scalar('%', 'numeric numeric', 'numeric', (a: Decimal, b: Decimal) => a.modulo(b)),
  scalar('-', 'numeric', 'numeric', (a: Decimal) => a.negate()),
  scalar('+', 'numeric', 'numeric', (a: Decimal) => a),
  scalar('@', 'numeric', 'numeric', magnitude),
]

function magnitude(a: Decimal): Decimal {
  return a.compare(new Decimal(0n, 0)) < 0 ? a.negate() : a
}

function power(a: number, b: number): number {
  if (a === 0 && b < 0) {
    throw new SqlError('2201F', 'zero raised to a negative power is undefined')
  }
  if (a < 0 && Number.isFinite(b) && !Number.isInteger(b)) {
    const message = 'a negative number raised to a non-integer power yields a complex result'
    throw new SqlError('2201F', message)
  }
  if (a === 1 || b === 0) return 1
  const result = a ** b
  if (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) return 1
  checkFloat(a, b, result)
  if (result === 0 && a !== 0 && Number.isFinite(a) && Number.isFinite(b)) throw underflow()
  return result
}

function root(value: number): number {
  if (value < 0) throw new SqlError('2201F', 'cannot take square root of a negative number')
  return Math.sqrt(value)
}

function logarithm(value: number, log: (value: number) => number): number {
  if (value === 0) throw new SqlError('2201E', 'cannot take logarithm of zero')
  if (value < 0) throw new SqlError('2201E', 'cannot take logarithm of a negative number')
  return log(value)
}

/** To the even one of two neighbours that are as near. */
export function roundEven(value: number): number {
  const rounded = Math.round(value)
  return Math.abs(value % 1) === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function exponential(value: number): number {
  const result = Math.exp(value)
  checkFloat(value, 0, result)
  if (result === 0 && Number.isFinite(value)) throw underflow()
  return result
}

function domain(value: number, isIn: boolean, compute: (value: number) => number): number {
  if (!isIn && !Number.isNaN(value)) throw new SqlError('22003', 'input is out of range')
  return compute(value)
}

const DEGREE = Math.PI / 180
const SIMPLE: Readonly<Record<string, (value: number) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  ceiling: Math.ceil,
  floor: Math.floor,
  round: roundEven,
  trunc: Math.trunc,
  sign: (value) => (Number.isNaN(value) ? NaN : Math.sign(value) + 0),
  sqrt: root,
  cbrt: Math.cbrt,
  exp: exponential,
  ln: (value) => logarithm(value, Math.log),
  log: (value) => logarithm(value, Math.log10),
  log10: (value) => logarithm(value, Math.log10),
  sin: (value) => domain(value, Number.isFinite(value), Math.sin),
  cos: (value) => domain(value, Number.isFinite(value), Math.cos),
  tan: (value) => domain(value, Number.isFinite(value), Math.tan),
  asin: (value) => domain(value, Math.abs(value) <= 1, Math.asin),
  acos: (value) => domain(value, Math.abs(value) <= 1, Math.acos),
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  degrees: (value) => value / DEGREE,
  radians: (value) => value * DEGREE,
}

const ZERO = new Decimal(0n, 0)

const functions: readonly ScalarFunction[] = [
  ...Object.entries(SIMPLE).map(([name, compute]) => scalar(name, 'float8', 'float8', compute)),
  ...['power', 'pow'].map((name) => scalar(name, 'float8 float8', 'float8', power)),
  scalar('^', 'float8 float8', 'float8', power),
  scalar('|/', 'float8', 'float8', root),
  scalar('||/', 'float8', 'float8', Math.cbrt),
  scalar('@', 'float8', 'float8', Math.abs),
  scalar('-', 'float8', 'float8', (a: number) => -a),
  scalar('+', 'float8', 'float8', (a: number) => a),
  scalar('-', 'float4', 'float4', (a: number) => -a),
  scalar('+', 'float4', 'float4', (a: number) => a),
  scalar('@', 'float4', 'float4', Math.abs),
  scalar('abs', 'float4', 'float4', Math.abs),
  scalar('abs', 'int2', 'int2', (a: number) => checkNumber(Math.abs(a), 'int2')),
  scalar('mod', 'int2 int2', 'int2', (a: number, b: number) =>
    b === 0 ? raise(zeroDivision()) : (a % b) + 0,
  ),
  scalar('atan2', 'float8 float8', 'float8', Math.atan2),
  scalar('pi', '', 'float8', () => Math.PI),
  scalar('random', '', 'float8', () => Math.random(), { volatility: 'volatile' }),
  scalar('abs', 'int4', 'int4', (a: number) => checkNumber(Math.abs(a), 'int4')),
  scalar('abs', 'int8', 'int8', (a: bigint) => checkBigint(a < 0n ? -a : a)),
  scalar('abs', 'numeric', 'numeric', magnitude),
  scalar('mod', 'int4 int4', 'int4', (a: number, b: number) =>
    b === 0 ? raise(zeroDivision()) : (a % b) + 0,
  ),
  scalar('mod', 'int8 int8', 'int8', (a: bigint, b: bigint) =>
    b === 0n ? raise(zeroDivision()) : a % b,
  ),
  scalar('mod', 'numeric numeric', 'numeric', (a: Decimal, b: Decimal) => a.modulo(b)),
  scalar('div', 'numeric numeric', 'numeric', (a: Decimal, b: Decimal) => a.quotient(b)),
  scalar('round', 'numeric', 'numeric', (a: Decimal) => a.round(0)),
  scalar('round', 'numeric int4', 'numeric', (a: Decimal, scale: number) => a.round(scale)),
  scalar('trunc', 'numeric', 'numeric', (a: Decimal) => a.trunc(0)),
  scalar('trunc', 'numeric int4', 'numeric', (a: Decimal, scale: number) => a.trunc(scale)),
  ...['ceil', 'ceiling'].map((name) =>
    scalar(name, 'numeric', 'numeric', (a: Decimal) => a.ceil()),
  ),
  scalar('floor', 'numeric', 'numeric', (a: Decimal) => a.floor()),
  scalar('sqrt', 'numeric', 'numeric', (a: Decimal) => a.sqrt()),
  scalar('sign', 'numeric', 'numeric', (a: Decimal) => Decimal.of(Math.sign(a.compare(ZERO)))),
  scalar('scale', 'numeric', 'int4', (a: Decimal) => (a.special === null ? a.scale : null)),
]

/** Operators and functions of numbers. */
export const arithmetic: readonly ScalarFunction[] = [
  ...smallIntegers('int2'),
  ...smallIntegers('int4'),
  ...bigints,
  ...floats('float8 float8', 'float8'),
  ...floats('float4 float8', 'float8'),
  ...floats('float8 float4', 'float8'),
  ...floats('float4 float4', 'float4'),
  ...numerics,
  ...functions,
]
