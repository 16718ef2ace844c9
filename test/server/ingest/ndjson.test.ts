import { describe, expect, test } from 'vitest'
import type { ColumnPoints } from '../../../engine/ingest/batch.ts'
import { INTEGER } from '../../../server/ingest/column.ts'
import { NdjsonReader } from '../../../server/ingest/ndjson.ts'
import { Refusals } from '../../../server/ingest/refusal.ts'

const context = { precision: 'ms' as const, arrival: 5n }

function read(text: string | Uint8Array, step = Infinity) {
  const refusals = new Refusals()
  const points: ColumnPoints[] = []
  const lines: (number | null)[] = []
  const spec = {
    table: 't',
    time: 'ts',
    timeRequired: false,
    tags: ['host'],
    types: new Map([['n', INTEGER]]),
  }
  const reader = new NdjsonReader(spec, context, refusals, (one, place) => {
    points.push(one)
    lines.push(...Array.from(one.times, (_, row) => place(row, null).line))
  })
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text
  for (let i = 0; i < bytes.length; i += step) {
    const chunk = bytes.slice(i, i + step)
    reader.push(chunk)
    chunk.fill(0) // the sender's memory is not ours after the call
  }
  reader.end()
  return { points, lines, refusals }
}

const TEXT =
  '{"ts":1,"host":"a","u":0.5,"n":"9007199254740993"}\r\n\n' +
  '{"ts":"2026-09-21","host":7,"u":null,"n":1}\n' +
  '{"u":"é"}'

describe('NDJSON', () => {
  test.each([1, 2, 7, 1000])('cut every %d bytes gives the same points', (step) => {
    const { points, lines, refusals } = read(TEXT, step)
    expect(refusals.errors).toEqual([])
    expect(points.map(({ tags }) => tags.get('host'))).toEqual(['a', '7', undefined])
    expect(points.map(({ times }) => times[0])).toEqual([
      1_000_000n,
      1_789_948_800_000_000_000n,
      5n,
    ])
    expect(points[0]!.fields.map(({ name, values }) => [name, values.at(0)])).toEqual([
      ['u', 0.5],
      ['n', 9_007_199_254_740_993n],
    ])
    expect(lines).toEqual([1, 3, 4])
  })

  test('names line and member of what it refuses, and keeps the rest', () => {
    const { points, refusals } = read(
      '{"u":1}\n[1]\n{"u":\n{"ts":"x","u":1}\n{"u":{}}\n{"u":1,"u":2}\n{"n":0.5}\n{"u":2}\n',
    )
    expect(refusals.errors.map(({ line, pointer }) => [line, pointer])).toEqual([
      [2, null],
      [3, null],
      [4, '/ts'],
      [5, '/u'],
      [6, null],
      [7, '/n'],
    ])
    expect(points[0]!.times.length).toBe(2)
  })

  test('takes a time without offset as UTC, as CSV does', () => {
    const { points, refusals } = read(
      '{"ts":"2026-09-21 14:13:20","u":1}\n{"ts":"2026-09-21 14:13:20.000000001","u":1}\n{"ts":"2026-09-21 25:00:00","u":1}',
    )
    expect([...points[0]!.times]).toEqual([1_790_000_000_000_000_000n, 1_790_000_000_000_000_001n])
    expect(refusals.errors).toMatchObject([
      { line: 3, input: '{"ts":"2026-09-21 25:00:00","u":1}' },
    ])
  })

  test('refuses bytes that are not UTF-8 by line', () => {
    const { refusals } = read(Uint8Array.of(10, 0x22, 0xff, 0x22, 10))
    expect(refusals.errors).toMatchObject([{ line: 2, message: 'not valid UTF-8' }])
  })
})
