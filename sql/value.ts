// Values that no number or string of JavaScript holds: intervals, arrays, bytes. All are immutable.
// Sources: PostgreSQL 15, src/include/datatype/timestamp.h and src/include/utils/array.h.

import type { DataType } from './type.ts'

const NS_PER_DAY = 86_400_000_000_000n

/** Months, days and nanoseconds, which do not turn into each other: months and days vary in length. */
export class Interval {
  readonly months: number
  readonly days: number
  readonly nanoseconds: bigint

  constructor(months: number, days: number, nanoseconds: bigint) {
    this.months = months
    this.days = days
    this.nanoseconds = nanoseconds
  }

  /** What comparisons go by: nanoseconds, with months of 30 days of 24 hours. */
  get span(): bigint {
    return BigInt(this.months * 30 + this.days) * NS_PER_DAY + this.nanoseconds
  }
}

/** A row as a value. */
export class SqlRecord {
  /** A record with its fields. */
  readonly type: DataType
  readonly values: readonly unknown[]

  constructor(type: DataType, values: readonly unknown[]) {
    this.type = type
    this.values = values
  }
}

/** An array; elements lie as values of their type do, booleans as booleans, null as null. */
export class SqlArray {
  /** Type of the elements. */
  readonly element: DataType
  /** In row-major order. */
  readonly values: readonly unknown[]
  /** Length of each dimension; none: the array is empty. */
  readonly dimensions: readonly number[]
  /** First index of each dimension. */
  readonly lowerBounds: readonly number[]

  constructor(
    element: DataType,
    values: readonly unknown[],
    dimensions: readonly number[] = values.length === 0 ? [] : [values.length],
    lowerBounds: readonly number[] = dimensions.map(() => 1),
  ) {
    this.element = element
    this.values = values
    this.dimensions = dimensions
    this.lowerBounds = lowerBounds
  }
}

/** A value of bytea. The bytes are not copied and must not change. */
export class Bytes {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}
