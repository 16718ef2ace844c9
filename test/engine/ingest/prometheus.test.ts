import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../kernel.ts'
import { STALE, message, timeSeries, writeRequest, type Sample } from '../../protobuf.ts'
import { block, compress, join, literal } from '../../snappy.ts'
import { openIngest, refusal, runSteps, writeLines, type Ingest } from './ingest.ts'

const MS = 1_000_000n
const CPU = [
  ['__name__', 'cpu'],
  ['host', 'a'],
] as const

/** Writes a message; `options.snappy`: bytes that a block of Snappy may inflate to. */
async function write(
  ingest: Ingest,
  body: Uint8Array,
  options: { partial?: boolean; snappy?: number } = {},
) {
  const batch = ingest.batch({ partial: options.partial ?? true })
  try {
    runSteps(batch.message('prometheus', body, options.snappy))
    return await batch.commit()
  } finally {
    batch.discard()
  }
}

const usedAfter = ({ memory }: Ingest): number => memory.used

function counts({ catalog }: Ingest): number[] {
  const { tables, columns, shapes, series } = catalog
  return [tables, columns, shapes, series].map((table) => table.count)
}

describe('remote write', () => {
  test('makes a table of __name__, tags of labels and a field of samples', async () => {
    const ingest = await openIngest()
    const body = writeRequest(
      timeSeries(
        [...CPU, ['empty', '']],
        [
          [0.5, 1000],
          [-0, -1],
        ],
      ),
      timeSeries([['__name__', 'up']], [[1, 0]]),
    )
    expect(await write(ingest, body)).toMatchObject({ written: 3, rejected: 0 })
    expect(ingest.committed).toEqual([
      { table: 'cpu', tags: { host: 'a' }, time: 1000n * MS, fields: { value: 0.5 } },
      { table: 'cpu', tags: { host: 'a' }, time: -1n * MS, fields: { value: -0 } },
      { table: 'up', tags: {}, time: 0n, fields: { value: 1 } },
    ])
  })

  test('calls labels exported_time and exported_value whose names are taken', async () => {
    const ingest = await openIngest()
    const labels: [string, string][] = [
      ['__name__', 'backup'],
      ['time', 'night'],
      ['tim', 'x'],
      ['timer', 'y'],
      ['value', 'full'],
      ['Value', 'z'],
      ['valud', 'w'],
    ]
    // The second time they are found by their bytes.
    for (const time of [1, 2]) {
      const body = writeRequest(timeSeries(labels, [[time, time]]))
      expect(await write(ingest, body)).toMatchObject({ written: 1, rejected: 0 })
    }
    const tags = {
      ...{ exported_time: 'night', exported_value: 'full' },
      ...{ Value: 'z', tim: 'x', timer: 'y', valud: 'w' },
    }
    expect(ingest.committed).toEqual([
      { table: 'backup', tags, time: MS, fields: { value: 1 } },
      { table: 'backup', tags, time: 2n * MS, fields: { value: 2 } },
    ])
    expect(ingest.catalog.series.count).toBe(1)
  })

  test('inflates a block of Snappy', async () => {
    const ingest = await openIngest()
    const samples = Array.from({ length: 5000 }, (_, i): Sample => [i, i])
    const body = compress(writeRequest(timeSeries([...CPU], samples)))
    expect(await write(ingest, body, { snappy: 1 << 20 })).toMatchObject({ written: 5000 })
    expect(ingest.committed.at(-1)).toMatchObject({ time: 4999n * MS, fields: { value: 4999 } })
  })

  test('drops stale markers and keeps other NaN and infinities', async () => {
    const ingest = await openIngest()
    const ordinary = 0x7ff8000000000001n
    const samples: Sample[] = [
      [STALE, 1],
      [ordinary, 2],
      [Infinity, 3],
      [STALE, 4],
    ]
    const result = await write(ingest, writeRequest(timeSeries([...CPU], samples)))
    expect(result).toMatchObject({ written: 2, rejected: 0 })
    expect(ingest.committed.map(({ fields }) => fields['value'])).toEqual([NaN, Infinity])
    const gone = timeSeries([['__name__', 'gone']], [[STALE, 1]])
    expect(await write(ingest, writeRequest(gone))).toMatchObject({ written: 0, rejected: 0 })
    expect(ingest.catalog.databases.get('default')!.tables.has('gone')).toBe(false)
  })

  test('ignores metadata, exemplars and fields of later versions', async () => {
    const ingest = await openIngest()
    const series = join([
      timeSeries([...CPU], [[1, 1]]),
      message([3, message([2, { double: 9 }])], [99, { varint: 1 }]),
    ])
    const body = join([message([3, message([2, 'cpu'])]), writeRequest(series)])
    expect(await write(ingest, body)).toMatchObject({ written: 1, rejected: 0 })
  })

  test('takes samples that come before labels, and labels apart', async () => {
    const ingest = await openIngest()
    const parts = [
      timeSeries([], [[1, 1]]),
      timeSeries([['host', 'a']], [[2, 2]]),
      timeSeries([['__name__', 'cpu']], []),
    ]
    expect(await write(ingest, writeRequest(join(parts)))).toMatchObject({ written: 2 })
    expect(ingest.committed.map(({ table, tags }) => [table, tags])).toEqual([
      ['cpu', { host: 'a' }],
      ['cpu', { host: 'a' }],
    ])
  })

  test('finds a series that was written before, by this and by line protocol', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'cpu,host=a value=1 1\n')
    for (const time of [1, 2, 3]) {
      await write(ingest, writeRequest(timeSeries([...CPU], [[0.5, time]])))
      await write(ingest, writeRequest(timeSeries([CPU[1], CPU[0]], [[0.5, time]])))
    }
    expect(counts(ingest)).toEqual([1, 2, 1, 1])
    expect(ingest.committed).toHaveLength(7)
  })

  test('stages a series of 200,000 samples in turns', async () => {
    const ingest = await openIngest()
    const part = (from: number, labels: Parameters<typeof timeSeries>[0]): Uint8Array =>
      timeSeries(
        labels,
        Array.from({ length: 50_000 }, (_, i): Sample => [(from + i) / 2, from + i]),
      )
    const long = join([part(0, CPU), part(50_000, []), part(100_000, []), part(150_000, [])])
    const body = writeRequest(long, timeSeries([['__name__', 'b']], [[1, 1]]))
    const batch = ingest.batch({ partial: true })
    const turns = runSteps(batch.message('prometheus', body))
    expect(turns).toBeGreaterThan(5)
    expect(await batch.commit()).toMatchObject({ written: 200_001 })
    expect(ingest.committed[123_456]).toMatchObject({ fields: { value: 61_728 } })
  })

  test('makes whole numbers integers in a column that is one', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'cpu,host=a value=1i 1\n')
    const samples: Sample[] = [
      [7, 1],
      [0.5, 2],
    ]
    const result = await write(ingest, writeRequest(timeSeries([...CPU], samples)))
    expect(result).toMatchObject({ written: 1, rejected: 1 })
    expect(result.errors[0]).toMatchObject({
      code: 'type_conflict',
      input: 'cpu',
      pointer: '/timeseries/0',
    })
    expect(ingest.committed.at(-1)!.fields).toEqual({ value: 7n })
  })
})

describe('a series that cannot be stored is refused alone', () => {
  const bad: [
    why: string,
    labels: [string | Uint8Array, string | Uint8Array][],
    message: RegExp,
  ][] = [
    ['no labels', [], /missing table name/],
    ['no name', [['host', 'a']], /missing table name/],
    ['an empty name', [['__name__', '']], /missing table name/],
    [
      'two names',
      [
        ['__name__', 'a'],
        ['__name__', 'b'],
      ],
      /is there twice/,
    ],
    [
      'an empty label name',
      [
        ['__name__', 'a'],
        ['', 'x'],
      ],
      /must not be empty/,
    ],
    [
      'a label twice',
      [
        ['__name__', 'a'],
        ['x', '1'],
        ['x', '2'],
      ],
      /'x' is there twice/,
    ],
    [
      'a label named value beside what it becomes',
      [
        ['__name__', 'a'],
        ['value', '1'],
        ['exported_value', '2'],
      ],
      /'exported_value' is there twice/,
    ],
    [
      'bad UTF-8 in a value',
      [
        ['__name__', 'a'],
        ['x', Uint8Array.of(0xff)],
      ],
      /UTF-8/,
    ],
    [
      'bad UTF-8 in a label',
      [
        ['__name__', 'a'],
        [Uint8Array.of(0xc0), 'x'],
      ],
      /UTF-8/,
    ],
    ['bad UTF-8 in the name', [['__name__', Uint8Array.of(0xed, 0xa0, 0x80)]], /UTF-8/],
    ['a control character', [['__name__', 'a\n']], /control characters/],
    ['a long name', [['__name__', 'a'.repeat(1025)]], /longer than 1,024/],
    [
      '257 labels',
      [
        ['__name__', 'a'],
        ...Array.from({ length: 257 }, (_, i) => [`l${i}`, 'x'] as [string, string]),
      ],
      /more than 256 tags/,
    ],
  ]
  test.each(bad)('%s', async (_, labels, expected) => {
    const ingest = await openIngest()
    const body = writeRequest(
      timeSeries([...CPU], [[1, 1]]),
      timeSeries(labels, [
        [2, 2],
        [3, 3],
      ]),
      timeSeries([...CPU], [[4, 4]]),
    )
    const result = await write(ingest, body)
    expect(result).toMatchObject({ written: 2, rejected: 2 })
    expect(result.errors[0]!.message).toMatch(expected)
    expect(result.errors[0]!.pointer).toBe('/timeseries/1')
    // Nothing of it is left, also not in the catalog.
    expect(counts(ingest)).toEqual([1, 2, 1, 1])
  })

  test('a time beyond what is stored, and the next sample is taken', async () => {
    const ingest = await openIngest()
    const samples: Sample[] = [
      [1, 9_223_372_036_854n],
      [2, 9_223_372_036_855n],
      [3, -9_223_372_036_855n],
      [4, 1],
    ]
    const result = await write(ingest, writeRequest(timeSeries([...CPU], samples)))
    expect(result).toMatchObject({ written: 2, rejected: 2 })
    expect(ingest.committed.map(({ time }) => time)).toEqual([9_223_372_036_854n * MS, MS])
  })

  test('native histograms, while the samples beside them are stored', async () => {
    const ingest = await openIngest()
    const series = join([timeSeries([...CPU], [[1, 1]]), message([4, message([1, { varint: 3 }])])])
    const result = await write(ingest, writeRequest(series, series))
    expect(result).toMatchObject({ written: 2, rejected: 2 })
    expect(result.errors[0]).toMatchObject({ code: 'unsupported', input: 'cpu' })
  })

  test('150 of them: all are counted, 100 listed', async () => {
    const ingest = await openIngest()
    const series = Array.from({ length: 150 }, () => timeSeries([], [[1, 1]]))
    const result = await write(ingest, writeRequest(...series))
    expect(result).toMatchObject({ written: 0, rejected: 150 })
    expect(result.errors).toHaveLength(100)
    expect(ingest.entries).toEqual([])
  })
})

describe('a body that is no message', () => {
  const good = writeRequest(timeSeries([...CPU], [[1, 1]]), timeSeries([...CPU], [[2, 2]]))

  test.each<[string, Uint8Array]>([
    ['text', new TextEncoder().encode('cpu,host=a value=1')],
    ['a group', Uint8Array.of(0x0b)],
    ['field 0', Uint8Array.of(0x02, 0)],
    ['a length beyond the end', join([good, Uint8Array.of(0x0a, 5, 1)])],
    ['a varint of 11 bytes', Uint8Array.from([...Array.from({ length: 11 }, () => 0x80), 1])],
    ['a length of 2^63', Uint8Array.of(0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 127)],
  ])('%s stores nothing', async (_, body) => {
    const ingest = await openIngest()
    const before = usedAfter(ingest)
    const error = await refusal(write(ingest, body))
    expect([error.code, error.message]).toEqual(['bad_request', 'body: no valid WriteRequest'])
    expect(ingest.entries).toEqual([])
    expect(usedAfter(ingest)).toBe(before)
  })

  test('damaged Snappy stores nothing', async () => {
    const ingest = await openIngest()
    const body = block(good.length + 1, literal(good))
    const error = await refusal(write(ingest, body, { snappy: 1000 }))
    expect(error.code).toBe('bad_request')
  })

  test('a block over the limit is refused before it is inflated', async () => {
    const ingest = await openIngest(8 << 20)
    const bomb = compress(new Uint8Array(3 << 20))
    const error = await refusal(write(ingest, bomb, { snappy: 2 << 20 }))
    expect(error.code).toBe('too_large')
    const liar = block(2 ** 31 - 1, literal('x'.repeat(1000)))
    expect((await refusal(write(ingest, liar, { snappy: 2 ** 31 }))).code).toBe('bad_request')
  })

  test('a message that is given up leaves no memory behind', async () => {
    const ingest = await openIngest()
    const before = usedAfter(ingest)
    const samples = Array.from({ length: 100_000 }, (_, i): Sample => [i, i])
    const batch = ingest.batch({ partial: true })
    batch.message('prometheus', writeRequest(timeSeries([...CPU], samples))).next()
    batch.discard()
    expect(usedAfter(ingest)).toBe(before)
  })

  test('no change of a byte traps, hangs or stores half of a request', async () => {
    const random = seededRandom(3)
    const body = writeRequest(
      timeSeries(
        [...CPU, ['rack', 'r1']],
        [
          [1, 1],
          [2, 2],
        ],
      ),
      timeSeries(
        [['__name__', 'up']],
        [
          [1, 3],
          [STALE, 4],
        ],
      ),
      join([timeSeries([...CPU], [[5, 5]]), message([4, message([1, { varint: 1 }])])]),
    )
    const ingest = await openIngest()
    for (let i = 0; i < 3000; i++) {
      const changed = body.slice(0, random() < 0.2 ? Math.floor(random() * body.length) : undefined)
      for (let n = Math.ceil(random() * 3); n > 0 && changed.length > 0; n--) {
        changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256)
      }
      const stored = ingest.committed.length
      const batch = ingest.batch({ partial: true })
      try {
        runSteps(batch.message('prometheus', changed))
        const { written, rejected } = await batch.commit()
        expect(ingest.committed.length - stored).toBe(written)
        expect(written + rejected).toBeLessThan(20)
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad_request' })
        expect(ingest.committed.length).toBe(stored)
      } finally {
        batch.discard()
      }
    }
    expect(await write(ingest, body)).toMatchObject({ written: 4, rejected: 1 })
  })
})
