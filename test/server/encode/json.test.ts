import { describe, expect, test } from 'vitest'
import type { Answer, Vector } from '../../../engine/query/query.ts'
import { encodeAnswer } from '../../../server/encode/json.ts'
import { openKernel } from '../../kernel.ts'
import { EMPTY_ANSWER } from '../fake.ts'
import { joinPieces } from './pieces.ts'

const instance = await openKernel()

type Type = Answer['columns'][number]['type']

function answerOf(name: string, type: Type, ...vectors: Vector[]): Answer {
  const series = vectors.map((vector, i) => ({
    tags: new Map([['host', String(i)]]),
    time: BigInt64Array.from(
      { length: vector.values.length },
      (_, row) => BigInt(row) * 1_000_000n,
    ),
    fields: [vector],
  }))
  const columns = [...EMPTY_ANSWER.columns, { name, type }]
  return { ...EMPTY_ANSWER, columns, series, rowCount: series.length }
}

function encode(answer: Answer, integers: 'auto' | 'string' = 'auto'): string {
  return joinPieces(encodeAnswer(answer, { time: 'ms', integers }, () => instance))
}

/** The text of the first field of series `i`. */
function cells(text: string, i = 0): string {
  return text.split('"fields":{"x":')[i + 1]!.split('}')[0]!
}

const all = (values: Vector['values']): Vector => ({ values, valid: null })

describe('an answer as JSON', () => {
  test('has the members, names and order of the contract', () => {
    const answer: Answer = {
      ...EMPTY_ANSWER,
      columns: [...EMPTY_ANSWER.columns, { name: 'u', type: 'float' }],
      series: [
        {
          tags: new Map([['host', 'a']]),
          time: BigInt64Array.of(1_790_000_000_000_000_000n, 1_790_000_060_000_000_000n),
          fields: [{ values: Float64Array.of(0.52, 0), valid: Uint8Array.of(1, 0) }],
        },
      ],
      rowCount: 2,
      stats: { ...EMPTY_ANSWER.stats, series: 1, index: { pieces: 3, maxError: 7 } },
    }
    expect(encode(answer)).toBe(
      '{"table":"cpu","columns":[{"name":"time","type":"timestamp","unit":"ms"},' +
        '{"name":"u","type":"float"}],"series":[{"tags":{"host":"a"},' +
        '"time":[1790000000000,1790000060000],"fields":{"u":[0.52,null]}}],"rowCount":2,' +
        '"cursor":null,"stats":{"elapsedMs":1.235,"series":1,"blocks":0,"blocksSkipped":0,' +
        '"blocksFromSummary":0,"blocksDecoded":0,"bytesRead":0,' +
        '"rollup":null,"index":{"pieces":3,"maxError":7}}}\n',
    )
  })

  test('prints floats as JSON.stringify does, but keeps -0', () => {
    const values = [0.1, -0, 0, 5e-324, 1.7976931348623157e308, 1e21, 123456789.123, -1e-7]
    const text = cells(encode(answerOf('x', 'float', all(Float64Array.from(values)))))
    expect(text).toBe(
      `[${values.map((v) => (Object.is(v, -0) ? '-0' : JSON.stringify(v))).join(',')}]`,
    )
    expect(Object.is((JSON.parse(text) as number[])[1], -0)).toBe(true)
  })

  test('prints NaN, the infinities and nulls as null', () => {
    const values = Float64Array.of(NaN, Infinity, -Infinity, 1, 2)
    const vector = { values, valid: Uint8Array.of(1, 1, 1, 0, 1) }
    expect(cells(encode(answerOf('x', 'float', vector)))).toBe('[null,null,null,null,2]')
  })

  test('prints safe integers as numbers, whatever lies under a null', () => {
    const values = BigInt64Array.of(-(2n ** 53n) + 1n, 2n ** 53n - 1n, 2n ** 62n, 0n, -1n)
    const vector = { values, valid: Uint8Array.of(1, 1, 0, 1, 1) }
    const text = encode(answerOf('x', 'integer', vector))
    expect(cells(text)).toBe('[-9007199254740991,9007199254740991,null,0,-1]')
    expect(text).not.toContain('encoding')
  })

  test.each([2n ** 53n, -(2n ** 53n), 2n ** 63n - 1n, -(2n ** 63n)])(
    'prints a column of integers as strings in every series if one has %d',
    (value) => {
      const vectors = [all(BigInt64Array.of(1n)), all(BigInt64Array.of(value))]
      const text = encode(answerOf('x', 'integer', ...vectors))
      expect(text).toContain('{"name":"x","type":"integer","encoding":"string"}')
      expect([cells(text, 0), cells(text, 1)]).toEqual(['["1"]', `["${value}"]`])
    },
  )

  test('prints unsigned integers over their whole range', () => {
    const values = BigUint64Array.of(0n, 2n ** 63n, 2n ** 64n - 1n, 2n ** 53n - 1n)
    const text = cells(encode(answerOf('x', 'unsigned', all(values))))
    expect(JSON.parse(text)).toEqual([...values].map(String))
  })

  test('prints integers as strings when that is asked for', () => {
    const text = encode(answerOf('x', 'integer', all(BigInt64Array.of(7n))), 'string')
    expect(text).toContain('"encoding":"string"')
    expect(cells(text)).toBe('["7"]')
  })

  test('prints booleans and strings, control characters and lone surrogates escaped', () => {
    const booleans = encode(answerOf('x', 'boolean', all(Uint8Array.of(1, 0))))
    expect(cells(booleans)).toBe('[true,false]')
    const values = ['', 'a"b\\c', '\u0000\n', 'é😀', '\ud800']
    const strings = encode(answerOf('x', 'string', all(values)))
    expect(JSON.parse(cells(strings))).toEqual(values)
  })

  test('keeps names that JavaScript objects would move or lose', () => {
    const answer = answerOf('__proto__', 'float', all(Float64Array.of(1)))
    const tags = new Map([
      ['b', 'x'],
      ['1', null],
      ['__proto__', 'y'],
    ])
    const text = encode({ ...answer, series: [{ ...answer.series[0]!, tags }] })
    expect(text).toContain('"tags":{"b":"x","1":null,"__proto__":"y"}')
    expect(text).toContain('"fields":{"__proto__":[1]}')
  })

  test('comes in pieces that parse together, of bounded length', () => {
    const values = Float64Array.from({ length: 100_000 }, (_, i) => i / 7)
    const answer = answerOf('x', 'float', all(values), all(values))
    const format = { time: 'rfc3339', integers: 'auto' } as const
    const pieces = [...encodeAnswer(answer, format, () => instance)]
    const parsed = JSON.parse(joinPieces(pieces)) as { series: { fields: { x: number[] } }[] }
    expect(parsed.series[1]!.fields.x).toEqual([...values])
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(150_000)
    expect(pieces.length).toBeGreaterThan(20)
  })
})
