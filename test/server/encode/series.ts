// Series of random rows with a column of each type, and their rows as JavaScript has them: what columnar
// formats are tested with.

import type { AnswerColumn, AnswerSeries, Vector } from '../../../engine/query/query.ts'
import { seededRandom } from '../../kernel.ts'

export const COLUMNS: AnswerColumn[] = [
  { name: 'time', type: 'timestamp' },
  { name: 'f', type: 'float' },
  { name: 'i', type: 'integer' },
  { name: 'u', type: 'unsigned' },
  { name: 'b', type: 'boolean' },
  { name: 'größe', type: 'string' },
]

export async function* of(series: readonly AnswerSeries[]): AsyncGenerator<AnswerSeries> {
  yield* series
}

/** A vector of `count` values, null where a random number says so. */
function vector(
  random: () => number,
  count: number,
  nulls: number,
  values: Vector['values'],
): Vector {
  if (nulls === 0) return { values, valid: null }
  return { values, valid: Uint8Array.from({ length: count }, () => (random() < nulls ? 0 : 1)) }
}

const TEXTS = ['', 'a', 'größe "x"\\\n', '😀', '\u0000', 'x'.repeat(100), '\u2028']

export function seriesOf(seed: number, count: number, nulls: number): AnswerSeries {
  const random = seededRandom(seed)
  const length = { length: count }
  const big = (): bigint =>
    (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))
  const host = `h${seed % 7}`
  return {
    tags:
      seed % 3 === 0
        ? new Map([['host', host]])
        : new Map([
            ['host', host],
            ['rack', 'ü'],
          ]),
    time: BigInt64Array.from(length, (_, i) => 1_790_000_000_000_000_001n + BigInt(i)),
    fields: [
      vector(
        random,
        count,
        nulls,
        Float64Array.from(length, () => [random(), NaN, -0][Math.floor(random() * 3)]!),
      ),
      vector(
        random,
        count,
        nulls,
        BigInt64Array.from(length, () => BigInt.asIntN(64, big())),
      ),
      vector(random, count, nulls, BigUint64Array.from(length, big)),
      vector(
        random,
        count,
        nulls,
        Uint8Array.from(length, () => Math.floor(random() * 2)),
      ),
      vector(
        random,
        count,
        nulls,
        Array.from(length, () => TEXTS[Math.floor(random() * 7)]!),
      ),
    ],
  }
}

/** Cells of a row in the order of the schema, booleans as such. */
export function rowOf({ tags, time, fields }: AnswerSeries, row: number): unknown[] {
  const cells = fields.map(({ values, valid }) => {
    if (valid !== null && valid[row] === 0) return null
    return values instanceof Uint8Array ? values[row] === 1 : values[row]
  })
  return [time[row], tags.get('host') ?? null, tags.get('rack') ?? null, ...cells]
}
