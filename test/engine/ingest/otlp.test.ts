import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../kernel.ts'
import { message, packed, type Field } from '../../protobuf.ts'
import { join } from '../../snappy.ts'
import { openIngest, refusal, runSteps, writeLines, type Ingest } from './ingest.ts'

const TIME = 1_790_000_000_000_000_001n

/** An AnyValue field by what JavaScript has. */
type Any = string | boolean | bigint | number | Uint8Array | Any[] | Map<string, Any>

function anyValue(value: Any): Uint8Array {
  if (typeof value === 'string') return message([1, value])
  if (typeof value === 'boolean') return message([2, { varint: Number(value) }])
  if (typeof value === 'bigint') return message([3, { varint: value }])
  if (typeof value === 'number') return message([4, { double: value }])
  if (value instanceof Uint8Array) return message([7, value])
  if (Array.isArray(value)) {
    return message([5, message(...value.map((one): Field => [1, anyValue(one)]))])
  }
  return message([6, message(...pairs(1, value))])
}

function pairs(field: number, values: Map<string, Any> | Record<string, Any>): Field[] {
  const entries = values instanceof Map ? [...values] : Object.entries(values)
  return entries.map(([key, value]) => [field, message([1, key], [2, anyValue(value)])])
}

/** A request of one resource and scope with these metrics. */
function request(
  metrics: readonly Uint8Array[],
  resource: Record<string, Any> = {},
  scope: readonly Field[] = [],
): Uint8Array {
  const scopeMetrics = message([1, message(...scope)], ...metrics.map((one): Field => [2, one]))
  return message([1, message([1, message(...pairs(1, resource))], [2, scopeMetrics])])
}

const GAUGE = 5
const SUM = 7
const HISTOGRAM = 9
const EXPONENTIAL = 10
const SUMMARY = 11

function metric(name: string, kind: number, ...points: readonly Uint8Array[]): Uint8Array {
  return message([1, name], [kind, message(...points.map((point): Field => [1, point]))])
}

const at = (time = TIME): Field => [3, { fixed: time }]

async function write(ingest: Ingest, body: Uint8Array) {
  const batch = ingest.batch({ partial: true })
  try {
    runSteps(batch.message('otlp', body))
    return await batch.commit()
  } finally {
    batch.discard()
  }
}

/** Rows as `table{tags} value`, in the order they were stored. */
function rows({ committed }: Ingest): string[] {
  return committed.map(({ table, tags, fields }) => {
    const text = Object.entries(tags).map(([key, value]) => `${key}=${value}`)
    const value = fields['value']!
    const shown = typeof value === 'bigint' ? `${value}i` : String(value)
    return `${table}{${text.sort().join(',')}} ${shown}`
  })
}

describe('numbers', () => {
  test('are rows of the table of their metric, float or integer', async () => {
    const ingest = await openIngest()
    const body = request([
      metric('load', GAUGE, message(at(), [4, { double: 0.5 }])),
      metric('bytes.in', SUM, message(at(), [6, { fixed: -(2n ** 63n) }])),
    ])
    expect(await write(ingest, body)).toMatchObject({ written: 2, rejected: 0 })
    expect(rows(ingest)).toEqual(['load{} 0.5', 'bytes.in{} -9223372036854775808i'])
    expect(ingest.committed[0]!.time).toBe(TIME)
  })

  test('of one metric may be both, as far as the column takes them', async () => {
    const ingest = await openIngest()
    const points = [
      message(at(), [6, { fixed: 1n }]),
      message(at(), [4, { double: 2 }]),
      message(at(), [4, { double: 2.5 }]),
    ]
    const result = await write(ingest, request([metric('m', SUM, ...points)]))
    expect(result).toMatchObject({ written: 2, rejected: 1 })
    expect(result.errors[0]).toMatchObject({ code: 'type_conflict', input: 'm' })
    expect(rows(ingest)).toEqual(['m{} 1i', 'm{} 2i'])
  })

  test('without a recorded value are dropped, without any refused', async () => {
    const ingest = await openIngest()
    const points = [
      message(at(), [4, { double: 1 }], [8, { varint: 1 }]),
      message(at(), [8, { varint: 1 }]),
      message(at()),
    ]
    const result = await write(ingest, request([metric('m', GAUGE, ...points)]))
    expect(result).toMatchObject({ written: 0, rejected: 1 })
    expect(ingest.entries).toEqual([])
  })

  test('without a time are of their arrival, beyond 2262 refused', async () => {
    const ingest = await openIngest()
    const points = [
      message([4, { double: 1 }]),
      message(at(2n ** 63n), [4, { double: 2 }]),
      message(at(2n ** 63n - 1n), [4, { double: 3 }]),
    ]
    const result = await write(ingest, request([metric('m', GAUGE, ...points)]))
    expect(result).toMatchObject({ written: 1, rejected: 2 })
    expect(ingest.committed[0]!.time).toBe(1_000_000_007n)
  })
})

describe('attributes', () => {
  test('of every kind are tags', async () => {
    const ingest = await openIngest()
    const values: Record<string, Any> = {
      text: 'é "x"',
      yes: true,
      no: false,
      int: -(2n ** 63n),
      float: 0.1,
      nan: NaN,
      inf: -Infinity,
      bytes: Uint8Array.of(255, 0, 1, 62),
      one: Uint8Array.of(255),
      list: ['a"\n', 1n, 0.5, true, [false], Uint8Array.of(1, 2), NaN],
      map: new Map<string, Any>([
        ['k', new Map<string, Any>([['n', []]])],
        ['é', 'v'],
      ]),
      empty: '',
    }
    const points = message(at(), [4, { double: 1 }], ...pairs(7, values), [
      7,
      message([1, 'no value']),
    ])
    expect(await write(ingest, request([metric('m', GAUGE, points)]))).toMatchObject({ written: 1 })
    expect(ingest.committed[0]!.tags).toEqual({
      text: 'é "x"',
      yes: 'true',
      no: 'false',
      int: '-9223372036854775808',
      float: '0.1',
      nan: 'NaN',
      inf: '-Inf',
      bytes: '/wABPg==',
      one: '/w==',
      list: '["a\\"\\u000a",1,0.5,true,[false],"AQI=","NaN"]',
      map: '{"k":{"n":[]},"é":"v"}',
    })
    const list = JSON.parse(ingest.committed[0]!.tags['list']!) as unknown[]
    expect(list[0]).toBe('a"\n')
  })

  test("of a point go over a scope's, and those over a resource's", async () => {
    const ingest = await openIngest()
    const scope: Field[] = [[1, 'meter'], [2, '1.0'], ...pairs(3, { b: 'scope', c: 'scope' })]
    const points = [
      message(at(), [4, { double: 1 }], ...pairs(7, { c: 'point' })),
      message(at(), [4, { double: 2 }], ...pairs(7, { d: 'x' }), ...pairs(7, { d: 'last' })),
    ]
    const resource = { a: 'resource', b: 'resource', c: 'resource' }
    await write(ingest, request([metric('m', GAUGE, ...points)], resource, scope))
    const common = {
      a: 'resource',
      b: 'scope',
      'otel.scope.name': 'meter',
      'otel.scope.version': '1.0',
    }
    expect(ingest.committed.map(({ tags }) => tags)).toEqual([
      { ...common, c: 'point' },
      { ...common, c: 'scope', d: 'last' },
    ])
  })

  test('of a resource or scope that comes after its metrics count too', async () => {
    const ingest = await openIngest()
    const one = metric('m', GAUGE, message(at(), [4, { double: 1 }]))
    const scopes = [
      message([2, one], [1, message([1, 'first'])]),
      message([2, one], [1, message([1, 'second'])]),
    ]
    const resource = (name: string): Uint8Array =>
      message([2, scopes[0]!], [2, scopes[1]!], [1, message(...pairs(1, { name }))])
    await write(ingest, message([1, resource('x')], [1, resource('y')]))
    expect(rows(ingest)).toEqual([
      'm{name=x,otel.scope.name=first} 1',
      'm{name=x,otel.scope.name=second} 1',
      'm{name=y,otel.scope.name=first} 1',
      'm{name=y,otel.scope.name=second} 1',
    ])
  })

  test('named time and value become exported_time and exported_value', async () => {
    const ingest = await openIngest()
    const point = message(at(), [4, { double: 1 }], ...pairs(7, { time: 'x', value: 5 }))
    await write(ingest, request([metric('m', GAUGE, point)]))
    expect(rows(ingest)).toEqual(['m{exported_time=x,exported_value=5} 1'])
  })

  const refused: [string, Record<string, Any>, RegExp][] = [
    ['without a key', { '': 'x' }, /must not be empty/],
    ['named time beside what it becomes', { time: 'x', exported_time: 'y' }, /is there twice/],
    [
      'of 257 keys',
      Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`k${i}`, 'x'])),
      /256/,
    ],
    ['of a value of 65,537 bytes', { a: 'x'.repeat(65_537) }, /65,536 bytes/],
    ['of a list of 200,000 bytes', { a: ['x'.repeat(200_000)] }, /65,536 bytes/],
  ]
  test.each(refused)('%s refuse the point, or all of the resource', async (_, values, why) => {
    const ingest = await openIngest()
    const good = metric('good', GAUGE, message(at(), [4, { double: 1 }]))
    const point = message(at(), [4, { double: 1 }], ...pairs(7, values))
    const result = await write(ingest, request([metric('m', GAUGE, point), good]))
    expect(result).toMatchObject({ written: 1, rejected: 1 })
    expect(result.errors[0]!.message).toMatch(why)
    const all = join([request([good, good], values), request([good])])
    expect(await write(ingest, all)).toMatchObject({ written: 1, rejected: 2 })
    expect(ingest.catalog.tables.count).toBe(1)
  })
})

describe('histograms', () => {
  const histogram = (...fields: Field[]): Uint8Array =>
    metric('h', HISTOGRAM, message(at(), ...fields, ...pairs(9, { p: 'x', le: 'mine' })))

  test('are cumulative buckets, count, sum, min and max', async () => {
    const ingest = await openIngest()
    const body = histogram(
      [4, { fixed: 6n }],
      [5, { double: 12.5 }],
      [6, packed('fixed', [1, 2, 3])],
      [7, packed('double', [0.005, 10])],
      [11, { double: 0.001 }],
      [12, { double: 9 }],
    )
    expect(await write(ingest, request([body]))).toMatchObject({ written: 7, rejected: 0 })
    expect(rows(ingest)).toEqual([
      'h_count{le=mine,p=x} 6i',
      'h_sum{le=mine,p=x} 12.5',
      'h_min{le=mine,p=x} 0.001',
      'h_max{le=mine,p=x} 9',
      'h_bucket{le=0.005,p=x} 1i',
      'h_bucket{le=10,p=x} 3i',
      'h_bucket{le=+Inf,p=x} 6i',
    ])
  })

  test('may be without sum and buckets, and unpacked', async () => {
    const ingest = await openIngest()
    const body = histogram([4, { fixed: 1n }])
    const unpacked = histogram(
      [4, { fixed: 2n }],
      [6, { fixed: 2n }],
      [6, { fixed: 0n }],
      [7, { double: 1 }],
    )
    expect(await write(ingest, request([body, unpacked]))).toMatchObject({ written: 4 })
    expect(rows(ingest).slice(1)).toEqual([
      'h_count{le=mine,p=x} 2i',
      'h_bucket{le=1,p=x} 2i',
      'h_bucket{le=+Inf,p=x} 2i',
    ])
  })

  test('whose counts do not fit their bounds are refused as a whole', async () => {
    const ingest = await openIngest()
    const body = histogram(
      [4, { fixed: 1n }],
      [6, packed('fixed', [1, 2])],
      [7, packed('double', [])],
    )
    expect(await write(ingest, request([body]))).toMatchObject({ written: 0, rejected: 1 })
    expect(ingest.entries).toEqual([])
  })

  test('whose last part is refused leave no row and no name', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'h_bucket value="text" 1\n')
    const body = histogram([4, { fixed: 1n }], [6, packed('fixed', [1])], [7, packed('double', [])])
    const good = metric('g', GAUGE, message(at(), [4, { double: 1 }]))
    const result = await write(ingest, request([body, good, body]))
    expect(result).toMatchObject({ written: 1, rejected: 2 })
    expect(rows(ingest).slice(1)).toEqual(['g{} 1'])
    expect(ingest.catalog.tables.count).toBe(2)
  })

  test('of more than 4,096 buckets, or counts of 2^63, are refused', async () => {
    const ingest = await openIngest()
    const counts = Array.from({ length: 4097 }, () => 0)
    const many = histogram([6, packed('fixed', counts)], [7, packed('double', counts.slice(1))])
    const large = histogram([4, { fixed: 2n ** 63n }])
    const result = await write(ingest, request([many, large]))
    expect(result).toMatchObject({ written: 0, rejected: 2 })
    expect(result.errors.map(({ message: text }) => text)).toEqual([
      expect.stringMatching(/more than 4,096 buckets/),
      expect.stringMatching(/out of range/),
    ])
  })

  test('that are exponential have the bounds of their buckets', async () => {
    const ingest = await openIngest()
    const buckets = (offset: number, counts: number[]): Uint8Array =>
      message([1, { zigzag: offset }], [2, packed('varint', counts)])
    const point = message(
      at(),
      [4, { fixed: 10n }],
      [5, { double: 1 }],
      [6, { zigzag: 1 }],
      [7, { fixed: 1n }],
      [8, buckets(-1, [2, 0, 3])],
      [9, buckets(0, [3, 1])],
    )
    await write(ingest, request([metric('e', EXPONENTIAL, point)]))
    const labels = ingest.committed
      .slice(2)
      .map(({ tags, fields }) => [
        tags['le'] === '+Inf' ? Infinity : Number(tags['le']),
        fields['value'],
      ])
    const root = Math.SQRT2
    const expected: [number, bigint][] = [
      [-root, 1n],
      [-1, 4n],
      [0, 5n],
      [1, 7n],
      [root, 7n],
      [2, 10n],
      [Infinity, 10n],
    ]
    expect(labels).toHaveLength(expected.length)
    for (const [i, [bound, count]] of expected.entries()) {
      expect([labels[i]![0], labels[i]![1]]).toEqual([bound, count])
    }
  })

  test('that are exponential have bounds near 2^(index / 2^scale) at every scale', async () => {
    for (const scale of [-10, -3, 0, 3, 8, 20]) {
      for (const offset of [-70, -1, 0, 1, 70, 1000]) {
        const ingest = await openIngest()
        const counts = message([1, { zigzag: offset }], [2, packed('varint', [1])])
        const point = message(at(), [6, { zigzag: scale }], [8, counts])
        await write(ingest, request([metric('e', EXPONENTIAL, point)]))
        const bound = Number(ingest.committed[1]!.tags['le'])
        const expected = Math.min(2 ** ((offset + 1) / 2 ** scale), Number.MAX_VALUE)
        expect(Math.abs(bound - expected)).toBeLessThanOrEqual(expected * 1e-14)
      }
    }
  })

  test('that are exponential with a scale that nobody has are refused', async () => {
    const ingest = await openIngest()
    const points = [21, -11, 2 ** 31 - 1].map((scale) => message(at(), [6, { zigzag: scale }]))
    const result = await write(ingest, request([metric('e', EXPONENTIAL, ...points)]))
    expect(result).toMatchObject({ written: 0, rejected: 3 })
  })
})

test('a summary is quantiles, count and sum', async () => {
  const ingest = await openIngest()
  const quantile = (q: number, value: number): Field => [
    6,
    message([1, { double: q }], [2, { double: value }]),
  ]
  const point = message(
    at(),
    [4, { fixed: 3n }],
    [5, { double: 7 }],
    quantile(0.5, 2),
    quantile(1, NaN),
  )
  await write(ingest, request([metric('s', SUMMARY, point)]))
  expect(rows(ingest)).toEqual([
    's_count{} 3i',
    's_sum{} 7',
    's{quantile=0.5} 2',
    's{quantile=1} NaN',
  ])
})

test('100,000 points are staged in turns, and each once', async () => {
  const ingest = await openIngest()
  const points = Array.from({ length: 50_000 }, (_, i) =>
    message(at(BigInt(i + 1)), [6, { fixed: BigInt(i) }], ...pairs(7, { host: `h${i % 100}` })),
  )
  const one = request([metric('m', GAUGE, ...points)], { 'service.name': 'x' })
  const batch = ingest.batch({ partial: true })
  const turns = runSteps(batch.message('otlp', join([one, one])))
  expect(turns).toBeGreaterThan(10)
  expect(await batch.commit()).toMatchObject({ written: 100_000 })
  const numbers = ingest.committed.map(({ fields }) => Number(fields['value']))
  expect(numbers.every((number, i) => number === i % 50_000)).toBe(true)
  expect(ingest.catalog.series.count).toBe(100)
})

describe('a body that is no message', () => {
  test.each<[string, Uint8Array]>([
    ['text', new TextEncoder().encode('{"resourceMetrics":[]}')],
    ['a resource that is cut', Uint8Array.of(0x0a, 9, 0x0a, 1)],
    [
      'packed bounds of 7 bytes',
      request([metric('h', HISTOGRAM, message([7, new Uint8Array(7)]))]),
    ],
    ['a list of 40 lists', nested(40)],
    [
      'a million fields in a point',
      request([metric('m', GAUGE, new Uint8Array(3_000_000).fill(8))]),
    ],
  ])('%s stores nothing', async (_, body) => {
    const ingest = await openIngest()
    const good = request([metric('good', GAUGE, message(at(), [4, { double: 1 }]))])
    const before = ingest.memory.used
    const error = await refusal(write(ingest, join([good, body])))
    expect(error).toMatchObject({
      code: 'bad_request',
      message: 'body: no valid ExportMetricsServiceRequest',
    })
    expect(ingest.entries).toEqual([])
    expect(ingest.memory.used).toBe(before)
  })

  test('a resource of as many fields as are read in one call does not stop the next', async () => {
    const ingest = await openIngest()
    const header = message([1, join([new Uint8Array(300_000).fill(0x18)])])
    const good = metric('good', GAUGE, message(at(), [4, { double: 1 }]))
    const scopes = message(...Array.from({ length: 50 }, (): Field => [2, message([2, good])]))
    const result = await write(ingest, message([1, join([header, scopes])]))
    expect(result).toMatchObject({ written: 50, rejected: 0 })
  })

  test('no change of a byte traps, hangs or stores half of a request', async () => {
    const random = seededRandom(7)
    const counts = message([1, { zigzag: -2 }], [2, packed('varint', [1, 2])])
    const body = request(
      [
        metric('g', GAUGE, message(at(), [4, { double: 1 }], ...pairs(7, { l: ['a', 1n] }))),
        metric(
          'h',
          HISTOGRAM,
          message(at(), [6, packed('fixed', [1, 2])], [7, packed('double', [1])]),
        ),
        metric('e', EXPONENTIAL, message(at(), [6, { zigzag: 2 }], [8, counts], [9, counts])),
        metric('s', SUMMARY, message(at(), [6, message([1, { double: 0.5 }])])),
      ],
      { 'service.name': 'x', n: 1n },
      [[1, 'meter']],
    )
    const ingest = await openIngest()
    for (let i = 0; i < 4000; i++) {
      const changed = body.slice(0, random() < 0.1 ? Math.floor(random() * body.length) : undefined)
      for (let n = Math.ceil(random() * 3); n > 0 && changed.length > 0; n--) {
        changed[Math.floor(random() * changed.length)] = Math.floor(random() * 256)
      }
      const stored = ingest.committed.length
      const batch = ingest.batch({ partial: true })
      try {
        runSteps(batch.message('otlp', changed))
        const { written } = await batch.commit()
        expect(ingest.committed.length - stored).toBe(written)
      } catch (error) {
        expect(error).toMatchObject({ code: 'bad_request' })
        expect(ingest.committed.length).toBe(stored)
      } finally {
        batch.discard()
      }
    }
    expect((await write(await openIngest(), body)).rejected).toBe(0)
  })
})

/** A point whose attribute is a list in a list, and so on. */
function nested(depth: number): Uint8Array {
  let value: Any = 'x'
  for (let i = 0; i < depth; i++) value = [value]
  const point = message(at(), [4, { double: 1 }], ...pairs(7, { deep: value }))
  return request([metric('m', GAUGE, point)])
}
