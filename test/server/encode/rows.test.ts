import { describe, expect, test } from 'vitest'
import type { AnswerColumn, AnswerSeries } from '../../../engine/query/query.ts'
import { encodeCsv, encodeNdjson } from '../../../server/encode/rows.ts'
import { openKernel } from '../../kernel.ts'
import { joinChunks } from './pieces.ts'

const instance = await openKernel()
const kernel = () => instance

const COLUMNS: AnswerColumn[] = [
  { name: 'time', type: 'timestamp' },
  { name: 'u', type: 'float' },
  { name: 'n', type: 'integer' },
  { name: 'ok', type: 'boolean' },
  { name: 'note, "x"', type: 'string' },
]

const ROWS: AnswerSeries = {
  tags: new Map([['host', 'a,b']]),
  time: BigInt64Array.of(1_790_000_000_000_000_001n, 1_790_000_001_000_000_000n),
  fields: [
    { values: Float64Array.of(0.5, Number.NaN), valid: null },
    { values: BigInt64Array.of(2n ** 60n, 7n), valid: null },
    { values: Uint8Array.of(1, 0), valid: Uint8Array.of(1, 0) },
    { values: ['', 'line\n"two"'], valid: null },
  ],
}

async function* of(...chunks: AnswerSeries[]): AsyncGenerator<AnswerSeries> {
  yield* chunks
}

const head = { columns: COLUMNS, tags: ['host', 'rack'] }

describe('CSV', () => {
  test('quotes what has to be quoted, leaves nulls empty and an empty string not', async () => {
    const text = await joinChunks(
      encodeCsv(head, of(ROWS), { time: 'rfc3339', integers: 'auto' }, kernel),
    )
    expect(text).toBe(
      'time,host,rack,u,n,ok,"note, ""x"""\n' +
        '2026-09-21T14:13:20.000000001Z,"a,b",,0.5,1152921504606846976,true,""\n' +
        '2026-09-21T14:13:21Z,"a,b",,,7,,"line\n""two"""\n',
    )
  })

  test('has its header line even without rows', async () => {
    const text = await joinChunks(encodeCsv(head, of(), { time: 'ms', integers: 'auto' }, kernel))
    expect(text).toBe('time,host,rack,u,n,ok,"note, ""x"""\n')
  })
})

describe('NDJSON', () => {
  test('is one flat object a line, with the tags that a series has', async () => {
    const text = await joinChunks(
      encodeNdjson(head, of(ROWS), { time: 'rfc3339', integers: 'auto' }, kernel),
    )
    const lines = text.trimEnd().split('\n')
    expect(lines[0]).toBe(
      '{"time":"2026-09-21T14:13:20.000000001Z","host":"a,b","u":0.5,' +
        '"n":"1152921504606846976","ok":true,"note, \\"x\\"":""}',
    )
    expect(JSON.parse(lines[1]!)).toEqual({
      time: '2026-09-21T14:13:21Z',
      host: 'a,b',
      u: null,
      n: 7,
      ok: null,
      'note, "x"': 'line\n"two"',
    })
  })

  test('has numbers for times unless they are texts', async () => {
    const text = await joinChunks(
      encodeNdjson(head, of(ROWS), { time: 's', integers: 'string' }, kernel),
    )
    expect(text.split('\n')[1]).toContain('{"time":1790000001,"host":"a,b","u":null,"n":"7"')
  })
})
