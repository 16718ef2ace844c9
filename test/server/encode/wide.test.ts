// Rows of a thousand fields in every format: whatever comes in one chunk, what leaves is small pieces, and
// kernel memory does not keep what one of them took.

import { expect, test } from 'vitest'
import type { AnswerColumn, AnswerSeries } from '../../../engine/query/query.ts'
import { encodeArrow } from '../../../server/encode/arrow.ts'
import { encodeLines } from '../../../server/encode/lines.ts'
import { encodeParquet } from '../../../server/encode/parquet.ts'
import { encodeCsv, encodeNdjson } from '../../../server/encode/rows.ts'
import { openKernel } from '../../kernel.ts'
import { of } from './series.ts'

const FIELDS = 1_000
const ROWS = 2_048
const MEBIBYTE = 1 << 20

const instance = await openKernel()
const values = Float64Array.from({ length: ROWS }, (_, i) => i / 3)
// All fields have the same array, so that what is large here is only what is made of them.
const series: AnswerSeries = {
  tags: new Map([['host', 'a']]),
  time: BigInt64Array.from({ length: ROWS }, (_, i) => BigInt(i)),
  fields: Array.from({ length: FIELDS }, () => ({ values, valid: null })),
}
const columns: AnswerColumn[] = [
  { name: 'time', type: 'timestamp' },
  ...series.fields.map((_, k): AnswerColumn => ({ name: `f${k}`, type: 'float' })),
]

test.each([
  // A piece of text has 16 rows of so many fields; a batch has its cells, and a page its column.
  ['csv', encodeCsv, MEBIBYTE],
  ['ndjson', encodeNdjson, MEBIBYTE],
  ['lp', encodeLines, MEBIBYTE],
  ['arrow', encodeArrow, 9 * MEBIBYTE],
  ['parquet', encodeParquet, MEBIBYTE],
] as const)('%s leaves in small pieces', async (_name, encode, bytesMax) => {
  const head = { table: 'wide', columns, tags: ['host'] }
  const format = { time: 'ns', integers: 'auto' } as const
  let largest = 0
  let total = 0
  for await (const piece of encode(head, of([series]), format, () => instance)) {
    largest = Math.max(largest, piece.length)
    total += piece.length
  }
  expect(total).toBeGreaterThan(8 * ROWS * FIELDS)
  expect(largest).toBeLessThan(bytesMax)
  // What one call takes is given back: pages of 64 KiB are never, so this is the most there ever was.
  expect(instance.memory.u8.length).toBeLessThan(24 * MEBIBYTE)
})
