// Functions and operators of arrays of any element.
// Source: PostgreSQL 15, its manual, section 9.19; src/backend/utils/adt/array_userfuncs.c.

import { comparatorOf } from '../compare.ts'
import type { ScalarFunction, TableFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { type DataType, typeOf } from '../type.ts'
import { SqlArray } from '../value.ts'
import { printerOf } from '../value-text.ts'
import { type Typed, type TypedCall, typed, typesOf } from './define.ts'

const ELEMENT = (given: readonly DataType[]): DataType => given[0]!.element!
const SAME = (given: readonly DataType[]): DataType => given[0]!

const dimension = ({ dimensions }: SqlArray, number: number): number | null =>
  number >= 1 && number <= dimensions.length ? dimensions[number - 1]! : null

const lower = ({ lowerBounds }: SqlArray, number: number): number | null =>
  number >= 1 && number <= lowerBounds.length ? lowerBounds[number - 1]! : null

function upper(array: SqlArray, number: number): number | null {
  const length = dimension(array, number)
  return length === null ? null : lower(array, number)! + length - 1
}

/** Out of bounds, or of another number of dimensions: null. */
function subscript(array: SqlArray, index: number): unknown {
  if (array.dimensions.length !== 1) return null
  return array.values[index - array.lowerBounds[0]!] ?? null
}

function sliceOf(array: SqlArray, from: number | null, to: number | null): SqlArray {
  const { element, values, lowerBounds, dimensions } = array
  if (dimensions.length === 0) return array
  const first = lowerBounds[0]!
  // Of more dimensions, a slice is of the first one.
  const width = values.length / dimensions[0]!
  const start = Math.max((from ?? first) - first, 0)
  const end = Math.min((to ?? first + dimensions[0]! - 1) - first + 1, dimensions[0]!)
  if (end <= start) return new SqlArray(element, [])
  const cut = values.slice(start * width, end * width)
  return new SqlArray(element, cut, [end - start, ...dimensions.slice(1)])
}

function join(left: SqlArray | null, right: SqlArray | null): SqlArray | null {
  if (left === null || right === null) return left ?? right
  if (left.dimensions.length === 0) return right
  if (right.dimensions.length === 0) return left
  const values = [...left.values, ...right.values]
  const [a, b] = [left.dimensions, right.dimensions]
  const [inner, other] = [a.slice(1).join(), b.slice(1).join()]
  if (a.length === b.length && inner === other) {
    return new SqlArray(left.element, values, [a[0]! + b[0]!, ...a.slice(1)], left.lowerBounds)
  }
  if (b.length === a.length - 1 && inner === b.join()) {
    return new SqlArray(left.element, values, [a[0]! + 1, ...a.slice(1)], left.lowerBounds)
  }
  if (a.length === b.length - 1 && other === a.join()) {
    return new SqlArray(left.element, values, [b[0]! + 1, ...b.slice(1)])
  }
  throw new SqlError('2202E', 'cannot concatenate incompatible arrays')
}

function requireFlat({ dimensions }: SqlArray): void {
  if (dimensions.length <= 1) return
  throw new SqlError('22000', 'argument must be empty or one-dimensional array')
}

function append(array: SqlArray | null, value: unknown, { result }: TypedCall): SqlArray {
  if (array === null || array.dimensions.length === 0) return new SqlArray(result.element!, [value])
  requireFlat(array)
  const length = array.values.length + 1
  return new SqlArray(array.element, [...array.values, value], [length], array.lowerBounds)
}

function prepend(value: unknown, array: SqlArray | null, { result }: TypedCall): SqlArray {
  if (array === null || array.dimensions.length === 0) return new SqlArray(result.element!, [value])
  requireFlat(array)
  return new SqlArray(array.element, [value, ...array.values])
}

/** Nulls are equal here, as in IS NOT DISTINCT FROM. */
function equalTo(element: DataType, wanted: unknown): (value: unknown) => boolean {
  const compare = comparatorOf(element)
  return (value) =>
    value === null || wanted === null ? value === wanted : compare(value, wanted) === 0
}

function remove(array: SqlArray, wanted: unknown): SqlArray {
  if (array.dimensions.length > 1) {
    const message = 'removing elements from multidimensional arrays is not supported'
    throw new SqlError('0A000', message)
  }
  const isWanted = equalTo(array.element, wanted)
  return new SqlArray(
    array.element,
    array.values.filter((value) => !isWanted(value)),
  )
}

/** How many thresholds are not above the value; they are in order. */
function bucketOf(value: unknown, { element, values, dimensions }: SqlArray): number {
  if (dimensions.length > 1) throw new SqlError('2202E', 'thresholds must be one-dimensional array')
  if (values.includes(null)) {
    throw new SqlError('22004', 'thresholds array must not contain NULLs')
  }
  const compare = comparatorOf(element)
  let [low, high] = [0, values.length]
  while (low < high) {
    const middle = (low + high) >> 1
    if (compare(value, values[middle]) < 0) high = middle
    else low = middle + 1
  }
  return low
}

function positions(array: SqlArray, wanted: unknown): number[] {
  if (array.dimensions.length > 1) {
    throw new SqlError(
      '0A000',
      'searching for elements in multidimensional arrays is not supported',
    )
  }
  const isWanted = equalTo(array.element, wanted)
  const first = array.lowerBounds[0] ?? 1
  return array.values.flatMap((value, index) => (isWanted(value) ? [first + index] : []))
}

/** Nulls are contained in nothing. */
function contains(outer: SqlArray, inner: SqlArray): boolean {
  return inner.values.every(
    (wanted) => wanted !== null && outer.values.some(equalTo(outer.element, wanted)),
  )
}

const overlaps = (left: SqlArray, right: SqlArray): boolean =>
  right.values.some((value) => value !== null && left.values.some(equalTo(left.element, value)))

function joinText(
  array: SqlArray,
  separator: string,
  nullText: string | null,
  call: TypedCall,
): string {
  const print = printerOf(array.element, call.surroundings)
  return array.values
    .flatMap((value) => (value === null ? (nullText === null ? [] : [nullText]) : [print(value)]))
    .join(separator)
}

function splitText(text: string, separator: string | null, nullText: string | null): SqlArray {
  const parts =
    text === ''
      ? []
      : separator === null
        ? [...text]
        : separator === ''
          ? [text]
          : text.split(separator)
  return new SqlArray(
    typeOf('text'),
    parts.map((part) => (part === nullText ? null : part)),
  )
}

/** `[value, lengths, lower bounds]`. Throws 22004 for nulls, 2202E for bounds of another number. */
const fill: Typed = ([value, lengths, bounds], { result }) => {
  const given = [lengths, bounds].filter((one) => one !== undefined) as unknown as SqlArray[]
  if (given.includes(null as never)) {
    throw new SqlError('22004', 'dimension array or low bound array cannot be null')
  }
  if (given.some((one) => one.values.includes(null))) {
    throw new SqlError('22004', 'dimension values cannot be null')
  }
  if (given.some((one) => one.dimensions.length > 1)) {
    throw new SqlError('2202E', 'wrong number of array subscripts')
  }
  const dimensions = given[0]!.values as number[]
  if (given[1] !== undefined && given[1].values.length !== dimensions.length) {
    throw new SqlError('2202E', 'wrong number of array subscripts')
  }
  if (dimensions.length > DIMENSIONS_MAX || dimensions.some((length) => length < 0)) {
    throw new SqlError('54000', 'array size exceeds the maximum allowed')
  }
  const size = dimensions.reduce((product, length) => product * length, 1)
  if (size > FILL_MAX) {
    throw new SqlError('54000', `array size exceeds the maximum allowed (${FILL_MAX})`)
  }
  return new SqlArray(
    result.element!,
    Array.from({ length: size }, () => value),
    size === 0 ? [] : dimensions,
    size === 0 ? [] : (given[1]?.values as number[] | undefined),
  )
}

const FILL_MAX = 1_000_000
const DIMENSIONS_MAX = 6

export const arrays: readonly ScalarFunction[] = [
  typed('array_length', 'anyarray int4', 'int4', ([array, number]) => dimension(array!, number!)),
  typed('array_lower', 'anyarray int4', 'int4', ([array, number]) => lower(array!, number!)),
  typed('array_upper', 'anyarray int4', 'int4', ([array, number]) => upper(array!, number!)),
  typed('array_ndims', 'anyarray', 'int4', ([array]) => {
    return (array as unknown as SqlArray).dimensions.length || null
  }),
  typed('array_dims', 'anyarray', 'text', ([array]) => {
    const { dimensions, lowerBounds } = array as unknown as SqlArray
    const parts = dimensions.map(
      (length, i) => `[${lowerBounds[i]}:${lowerBounds[i]! + length - 1}]`,
    )
    return parts.length === 0 ? null : parts.join('')
  }),
  typed(
    'cardinality',
    'anyarray',
    'int4',
    ([array]) => (array as unknown as SqlArray).values.length,
  ),
  typed('array_subscript', 'anyarray int4', ELEMENT, ([array, index]) => subscript(array!, index!)),
  typed(
    'array_slice',
    'anyarray int4 int4',
    SAME,
    ([array, from, to]) => (array === null ? null : sliceOf(array!, from!, to!)),
    { isStrict: false },
  ),
  typed('array_cat', 'anycompatiblearray anycompatiblearray', SAME, ([a, b]) => join(a!, b!), {
    isStrict: false,
  }),
  typed('||', 'anycompatiblearray anycompatiblearray', SAME, ([a, b]) => join(a!, b!), {
    isStrict: false,
  }),
  ...['array_append', '||'].map((name) =>
    typed(name, 'anycompatiblearray anycompatible', SAME, ([a, b], call) => append(a!, b, call), {
      isStrict: false,
    }),
  ),
  ...['array_prepend', '||'].map((name) =>
    typed(
      name,
      'anycompatible anycompatiblearray',
      (given) => given[1]!,
      ([a, b], call) => prepend(a, b!, call),
      { isStrict: false },
    ),
  ),
  typed(
    'array_remove',
    'anycompatiblearray anycompatible',
    SAME,
    ([array, value]) => (array === null ? null : remove(array!, value)),
    { isStrict: false },
  ),
  typed('width_bucket', 'anycompatible anycompatiblearray', 'int4', ([value, thresholds]) =>
    bucketOf(value, thresholds!),
  ),
  typed(
    'array_replace',
    'anycompatiblearray anycompatible anycompatible',
    SAME,
    ([array, from, to]) => {
      if (array === null) return null
      const { element, values, dimensions, lowerBounds } = array as unknown as SqlArray
      const isWanted = equalTo(element, from)
      const replaced = values.map((value) => (isWanted(value) ? to : value))
      return new SqlArray(element, replaced, dimensions, lowerBounds)
    },
    { isStrict: false },
  ),
  typed(
    'array_position',
    'anycompatiblearray anycompatible',
    'int4',
    ([array, value]) => (array === null ? null : (positions(array!, value)[0] ?? null)),
    { isStrict: false },
  ),
  typed(
    'array_position',
    'anycompatiblearray anycompatible int4',
    'int4',
    ([array, value, from]) => {
      if (array === null) return null
      if (from === null) throw new SqlError('22004', 'initial position must not be null')
      return positions(array!, value).find((place) => place >= from!) ?? null
    },
    { isStrict: false },
  ),
  typed(
    'array_positions',
    'anycompatiblearray anycompatible',
    '_int4',
    ([array, value]) =>
      array === null ? null : new SqlArray(typeOf('int4'), positions(array!, value)),
    { isStrict: false },
  ),
  ...['anyelement _int4', 'anyelement _int4 _int4'].map((types) =>
    typed('array_fill', types, (given) => arrayTypeOf(given[0]!), fill, { isStrict: false }),
  ),
  typed('trim_array', 'anyarray int4', SAME, ([array, count]) => {
    const { dimensions, lowerBounds } = array as unknown as SqlArray
    const length = dimensions[0] ?? 0
    if (count! < 0 || count! > length) {
      throw new SqlError('2202E', `number of elements to trim must be between 0 and ${length}`)
    }
    return sliceOf(array!, null, (lowerBounds[0] ?? 1) + length - 1 - count!)
  }),
  typed('@>', 'anyarray anyarray', 'bool', ([a, b]) => contains(a!, b!)),
  typed('<@', 'anyarray anyarray', 'bool', ([a, b]) => contains(b!, a!)),
  typed('&&', 'anyarray anyarray', 'bool', ([a, b]) => overlaps(a!, b!)),
  typed('array_to_string', 'anyarray text', 'text', ([array, separator], call) =>
    joinText(array!, separator!, null, call),
  ),
  typed(
    'array_to_string',
    'anyarray text text',
    'text',
    ([array, separator, nullText], call) =>
      array === null || separator === null ? null : joinText(array!, separator!, nullText!, call),
    { isStrict: false },
  ),
  typed(
    'string_to_array',
    'text text',
    '_text',
    ([text, separator]) => (text === null ? null : splitText(text!, separator!, null)),
    { isStrict: false },
  ),
  typed(
    'string_to_array',
    'text text text',
    '_text',
    ([text, separator, nullText]) =>
      text === null ? null : splitText(text!, separator!, nullText!),
    { isStrict: false },
  ),
]

function arrayTypeOf(element: DataType): DataType {
  return typeOf(`_${element.name}`)
}

/** The indexes of one dimension of an array. */
export const subscripts: TableFunction = {
  name: 'generate_subscripts',
  arguments: typesOf('anyarray int4'),
  isVariadic: false,
  columns: () => [{ name: 'generate_subscripts', type: typeOf('int4') }],
  *rows([array, number]) {
    if (array === null || number === null) return
    const first = lower(array as SqlArray, number as number)
    const last = upper(array as SqlArray, number as number)
    for (let index = first ?? 1; index <= (last ?? 0); index++) yield [index]
  },
}

const splitRows = (types: string): TableFunction => ({
  name: 'string_to_table',
  arguments: typesOf(types),
  isVariadic: false,
  columns: () => [{ name: 'string_to_table', type: typeOf('text') }],
  *rows([text, separator, nullText = null]) {
    if (text === null) return
    const [whole, by, empty] = [text, separator, nullText] as [string, string | null, string | null]
    for (const part of splitText(whole, by, empty).values) yield [part]
  },
})

/** Rows of a text's parts. */
export const textParts: readonly TableFunction[] = ['text text', 'text text text'].map(splitRows)
