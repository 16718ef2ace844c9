// histogram(value, least, most, count): how many values lie below `least`, in each of `count` buckets of
// equal width, and from `most` on.
// Source: TimescaleDB's documentation of histogram(), and PostgreSQL 15's of width_bucket, which it is
// made of: a range that runs down counts downwards, NaN and ranges without an end are 2201G.

import type { SqlVector } from '../batch.ts'
import { vectorOf } from '../execute/vector.ts'
import type { Accumulator, AggregateFunction } from '../function.ts'
import { SqlError } from '../sql-error.ts'
import { typeOf } from '../type.ts'
import { SqlArray } from '../value.ts'
import { typesOf } from './define.ts'
import { floatBucket } from './numeric.ts'

/** All groups of a statement together; a group's counts are made at its first value. */
const BYTES_MAX = 256 * 1024 * 1024

class Histogram implements Accumulator {
  private readonly groups: (Float64Array | undefined)[] = []
  private size = 0

  get bytes(): number {
    return this.size
  }

  add(
    vectors: readonly SqlVector[],
    groups: Uint32Array,
    rowCount: number,
    wanted: Uint8Array | null,
  ): void {
    const [values, lows, highs, counts] = vectors.map((one) => one.values as Float64Array)
    for (let row = 0; row < rowCount; row++) {
      if (wanted !== null && wanted[row] === 0) continue
      if (vectors.some(({ valid }) => valid !== null && valid[row] === 0)) continue
      const count = counts![row]!
      const bucket = floatBucket(values![row]!, lows![row]!, highs![row]!, count)
      const group = this.of(groups[row]!, count)
      group[bucket]!++
    }
  }

  private of(number: number, count: number): Float64Array {
    const known = this.groups[number]
    if (known !== undefined) {
      if (known.length === count + 2) return known
      throw new SqlError('22023', 'number of buckets must not change between calls')
    }
    this.size += (count + 2) * 8
    if (this.size > BYTES_MAX) {
      throw new SqlError('53200', 'out of memory', {
        detail: `Histograms of ${count} buckets for ${number + 1} groups.`,
      })
    }
    return (this.groups[number] = new Float64Array(count + 2))
  }

  finish(count: number): SqlVector {
    return vectorOf(typeOf('_int4'), count, (group) => {
      const counts = this.groups[group]
      return counts === undefined ? null : new SqlArray(typeOf('int4'), [...counts])
    })
  }
}

/** Null for no values; rows with a null among the arguments do not count. */
export const histogram: AggregateFunction = {
  name: 'histogram',
  arguments: typesOf('float8 float8 float8 int4'),
  isVariadic: false,
  result: typeOf('_int4'),
  isOrderedSet: false,
  accumulate: () => new Histogram(),
}
