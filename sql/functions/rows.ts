// Functions that return rows: generate_series over numbers and times, unnest.
// Source: PostgreSQL 15, src/backend/utils/adt/{int,int8,numeric,timestamp}.c.

import { NS_PER_DAY, addMonths } from '../calendar.ts'
import { Decimal } from '../decimal.ts'
import type { Surroundings, TableFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { type DataType, typeOf } from '../type.ts'
import type { Interval, SqlArray, SqlRecord } from '../value.ts'
import { type Zone, UTC, clockOf, instantOf, zoneOf } from '../zone.ts'
import { subscripts, textParts } from './array.ts'
import { typesOf } from './define.ts'

const zeroStep = (): SqlError => new SqlError('22023', 'step size cannot equal zero')

function* count(start: bigint, stop: bigint, step: bigint): Iterable<bigint> {
  if (step === 0n) throw zeroStep()
  for (let value = start; step > 0n ? value <= stop : value >= stop; value += step) yield value
}

function* decimals(start: Decimal, stop: Decimal, step: Decimal): Iterable<Decimal> {
  const sign = step.compare(Decimal.of(0))
  if (sign === 0) throw zeroStep()
  for (let value = start; value.compare(stop) * sign <= 0; value = value.add(step)) yield value
}

function* times(start: bigint, stop: bigint, step: Interval, zone: Zone): Iterable<bigint> {
  const { months, days, nanoseconds, span } = step
  if (span === 0n) throw zeroStep()
  for (let time = start; span > 0n ? time <= stop : time >= stop;) {
    yield time
    let next = time
    if (months !== 0 || days !== 0) {
      next = instantOf(zone, addMonths(clockOf(zone, time), months) + BigInt(days) * NS_PER_DAY)
    }
    time = next + nanoseconds
  }
}

type Generate = (values: readonly never[], surroundings: Surroundings) => Iterable<unknown>

function series(types: string, generate: Generate): TableFunction {
  const given = typesOf(types)
  return {
    name: 'generate_series',
    arguments: given,
    isVariadic: false,
    columns: () => [{ name: 'generate_series', type: given[0]! }],
    *rows(values, surroundings) {
      // A null anywhere: no rows.
      if (values.includes(null)) return
      for (const value of generate(values as never[], surroundings)) yield [value]
    },
  }
}

const whole: Generate = ([start, stop, step]: readonly never[]) =>
  count(BigInt(start!), BigInt(stop!), BigInt(step ?? 1))

function* small(...given: Parameters<Generate>): Iterable<number> {
  for (const value of whole(...given)) yield Number(value as bigint)
}

const unnest: TableFunction = {
  name: 'unnest',
  arguments: [typeOf('anyarray')],
  isVariadic: false,
  // An array of rows gives their columns.
  columns: ([type]: readonly DataType[]) =>
    type!.element?.fields ?? [{ name: 'unnest', type: type!.element! }],
  *rows([array]) {
    if (array === null) return
    const { element, values } = array as SqlArray
    const nulls = element.fields?.map(() => null)
    for (const value of values) {
      yield nulls === undefined ? [value] : value === null ? nulls : (value as SqlRecord).values
    }
  },
}

/** All functions that return rows. */
export const rowFunctions: readonly TableFunction[] = [
  series('int4 int4', small),
  series('int4 int4 int4', small),
  series('int8 int8', whole),
  series('int8 int8 int8', whole),
  series('numeric numeric', ([start, stop]) => decimals(start!, stop!, Decimal.of(1))),
  series('numeric numeric numeric', ([start, stop, step]) => decimals(start!, stop!, step!)),
  series('timestamp timestamp interval', ([start, stop, step]) => times(start!, stop!, step!, UTC)),
  series('timestamptz timestamptz interval', ([start, stop, step], { timeZone }) =>
    times(start!, stop!, step!, zoneOf(timeZone)),
  ),
  unnest,
  subscripts,
  ...textParts,
]
