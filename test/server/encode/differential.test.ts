// Encoded rows and columns beside what plain JavaScript makes of the same values: random types, nulls,
// lengths and formats.

import { describe, expect, test } from 'vitest'
import { formatTimeText } from '../../../engine/time.ts'
import type { AnswerColumn, AnswerSeries, Vector } from '../../../engine/query/query.ts'
import { encodeAnswer, type JsonFormat } from '../../../server/encode/json.ts'
import { csvText, encodeCsv, encodeNdjson } from '../../../server/encode/rows.ts'
import { TIME_FORMATS } from '../../../server/encode/time.ts'
import { openKernel, seededRandom } from '../../kernel.ts'
import { FLOAT_SHAPES } from '../../assembly/floats.ts'
import { EMPTY_ANSWER } from '../fake.ts'
import { joinChunks, joinPieces } from './pieces.ts'

const instance = await openKernel()
const kernel = () => instance

const TYPES = ['float', 'integer', 'unsigned', 'boolean', 'string'] as const
const SPACES = ['', ' ', '\t', '\u000b', '\u00a0', '\u1680', '\u2000', '\u200a', '\u2028', '\u2029']
const PARTS = ['a', '"', ',', '\\', '\n', '\r', '\u0001', 'é', '€', '😀', '\u200b', 'u0041', '/']
  .concat(SPACES)
  .concat(['\u202f', '\u205f', '\u3000', '\ufeff', '\u00ff', '\u0080', 'x'.repeat(17), '\b\f'])

type Random = () => number
const below = (random: Random, limit: number): number => Math.floor(random() * limit)
const pick = <T>(random: Random, of: readonly T[]): T => of[below(random, of.length)]!

const bigOf = (random: Random): bigint =>
  (BigInt(below(random, 2 ** 32)) << 32n) | BigInt(below(random, 2 ** 32))

function vectorOf(random: Random, type: (typeof TYPES)[number], count: number): Vector {
  const valid =
    random() < 0.4 ? null : Uint8Array.from({ length: count }, () => (random() < 0.7 ? 1 : 0))
  const length = { length: count }
  const bits = [0n, 11n, 30n, 63n][below(random, 4)]!
  switch (type) {
    case 'float': {
      const make = pick(random, Object.values(FLOAT_SHAPES))
      return { values: Float64Array.from(length, () => make(random)), valid }
    }
    case 'integer':
      return {
        values: BigInt64Array.from(length, () => BigInt.asIntN(64, bigOf(random)) >> bits),
        valid,
      }
    case 'unsigned':
      return { values: BigUint64Array.from(length, () => bigOf(random) >> bits), valid }
    case 'boolean':
      return { values: Uint8Array.from(length, () => below(random, 2)), valid }
    default: {
      const text = (): string =>
        Array.from({ length: below(random, 6) }, () => pick(random, PARTS)).join('')
      return { values: Array.from(length, text), valid }
    }
  }
}

interface Made {
  columns: AnswerColumn[]
  series: AnswerSeries
}

function make(random: Random, count: number): Made {
  const types = Array.from({ length: below(random, 6) }, () => pick(random, TYPES))
  const names = types.map((type, i) => ({ name: `${pick(random, PARTS)}${i}`, type }))
  const step = pick(random, [1n, 1_000_000n, 1_000_000_000n, 59_999_999_999n])
  const start = pick(random, [0n, -5_000_000_000n, 1_790_000_000_000_000_000n])
  const time = BigInt64Array.from({ length: count }, (_, i) => start + BigInt(i) * step)
  const tags = new Map([
    ['host', pick(random, PARTS.slice(0, 10))],
    ['rack', 'r'],
  ])
  return {
    columns: [{ name: 'time', type: 'timestamp' }, ...names],
    series: { tags, time, fields: types.map((type) => vectorOf(random, type, count)) },
  }
}

// --- what JavaScript makes of it

function timeOf(time: bigint, format: JsonFormat['time']): string {
  if (format === 'ns' || format === 'rfc3339') return formatTimeText(time, format)
  const unit = { s: 1_000_000_000n, ms: 1_000_000n, us: 1_000n }[format]
  return String((time - (((time % unit) + unit) % unit)) / unit)
}

const isSafe = (value: bigint): boolean => Number.isSafeInteger(Number(value))

/** A cell as JSON; `integer` prints a 64-bit one. */
function jsonOf(
  { values, valid }: Vector,
  row: number,
  integer: (value: bigint) => string,
): string {
  if (valid !== null && valid[row] === 0) return 'null'
  const value = values[row]!
  if (typeof value === 'bigint') return integer(value)
  if (values instanceof Uint8Array) return value === 1 ? 'true' : 'false'
  return Object.is(value, -0) ? '-0' : JSON.stringify(value)
}

function csvOf({ values, valid }: Vector, row: number): string {
  const value = values[row]!
  if (valid !== null && valid[row] === 0) return ''
  if (typeof value === 'string') return csvText(value)
  if (values instanceof Uint8Array) return value === 1 ? 'true' : 'false'
  if (typeof value === 'number' && !Number.isFinite(value)) return ''
  return Object.is(value, -0) ? '-0' : String(value)
}

const quotedTime = (time: bigint, format: JsonFormat['time']): string =>
  format === 'ns' || format === 'rfc3339' ? `"${timeOf(time, format)}"` : timeOf(time, format)

function expectedNdjson({ columns, series }: Made, format: JsonFormat): string {
  const integer = (value: bigint): string =>
    format.integers === 'string' || !isSafe(value) ? `"${value}"` : String(value)
  const tags = [...series.tags].map(([k, v]) => `,${JSON.stringify(k)}:${JSON.stringify(v)}`)
  return Array.from(series.time, (time, row) => {
    const cells = series.fields.map(
      (field, i) => `,${JSON.stringify(columns[i + 1]!.name)}:${jsonOf(field, row, integer)}`,
    )
    return `{"time":${quotedTime(time, format.time)}${tags.join('')}${cells.join('')}}\n`
  }).join('')
}

function expectedCsv({ columns, series }: Made, format: JsonFormat): string {
  const head = ['time', 'host', 'rack', ...columns.slice(1).map(({ name }) => name)]
  const tags = [...series.tags.values()].map((tag) => (tag ? csvText(tag) : ''))
  const lines = Array.from(series.time, (time, row) =>
    [timeOf(time, format.time), ...tags, ...series.fields.map((field) => csvOf(field, row))].join(),
  )
  return [head.map(csvText).join(), ...lines].map((line) => `${line}\n`).join('')
}

function expectedColumns({ columns, series }: Made, format: JsonFormat): string {
  const { time, fields, tags } = series
  const times = Array.from(time, (one) => quotedTime(one, format.time))
  const texts = fields.map((field, i) => {
    const values = field.values
    const isUnsafe =
      typeof values[0] === 'bigint' &&
      Array.from(values as BigInt64Array).some(
        (value, row) => field.valid?.[row] !== 0 && !isSafe(value),
      )
    const isText = format.integers === 'string' || isUnsafe
    const integer = (value: bigint): string => (isText ? `"${value}"` : String(value))
    const cells = Array.from(values as unknown[], (_, row) => jsonOf(field, row, integer))
    return `${JSON.stringify(columns[i + 1]!.name)}:[${cells.join()}]`
  })
  const tagText = [...tags].map(([k, v]) => `${JSON.stringify(k)}:${JSON.stringify(v)}`)
  return `{"tags":{${tagText.join()}},"time":[${times.join()}],"fields":{${texts.join()}}}`
}

async function* inChunks({ time, fields, tags }: AnswerSeries): AsyncGenerator<AnswerSeries> {
  const cut = Math.floor(time.length / 3)
  for (const [from, to] of [
    [0, cut],
    [cut, time.length],
  ]) {
    const rows = fields.map(({ values, valid }) => {
      return {
        values: values.slice(from, to) as Vector['values'],
        valid: valid?.slice(from, to) ?? null,
      }
    })
    yield { tags, time: time.slice(from, to), fields: rows }
  }
}

describe.each(TIME_FORMATS)('with times as %s', (time) => {
  test.each([1, 2, 3, 4])('rows and columns are those of JavaScript, seed %i', async (seed) => {
    const random = seededRandom(seed)
    for (const count of [0, 1, 2, 17, 300, 5_000]) {
      const made = make(random, count)
      const format = { time, integers: pick(random, ['auto', 'string'] as const) }
      const head = { columns: made.columns, tags: ['host', 'rack'] }
      const ndjson = await joinChunks(encodeNdjson(head, inChunks(made.series), format, kernel))
      expect(ndjson).toBe(expectedNdjson(made, format))
      const csv = await joinChunks(encodeCsv(head, inChunks(made.series), format, kernel))
      expect(csv).toBe(expectedCsv(made, format))
      const answer = { ...EMPTY_ANSWER, columns: made.columns, series: [made.series, made.series] }
      const text = joinPieces(encodeAnswer(answer, format, kernel))
      const one = expectedColumns(made, format)
      expect(text).toContain(`"series":[${one},${one}],"rowCount"`)
    }
  })
})

test('strings of any length come in pieces of bounded length', async () => {
  const values = [
    '',
    'x'.repeat(1_000_000),
    ...Array.from({ length: 300 }, () => 'é'.repeat(9_999)),
  ]
  const time = BigInt64Array.from(values, (_, i) => BigInt(i))
  const series = { tags: new Map(), time, fields: [{ values, valid: null }] }
  const columns: AnswerColumn[] = [
    { name: 'time', type: 'timestamp' },
    { name: 's', type: 'string' },
  ]
  const answer = { ...EMPTY_ANSWER, columns, series: [series] }
  const pieces = [...encodeAnswer(answer, { time: 'ms', integers: 'auto' }, kernel)]
  const parsed = JSON.parse(joinPieces(pieces)) as { series: { fields: { s: string[] } }[] }
  expect(parsed.series[0]!.fields.s).toEqual(values)
  expect(pieces.length).toBeGreaterThan(30)
  expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThan(1_200_000)
})
