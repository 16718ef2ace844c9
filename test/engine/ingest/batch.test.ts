import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ColumnPoints } from '../../../engine/ingest/batch.ts'
import { decodeEntries } from '../../../engine/catalog/catalog-entry.ts'
import { replayEntries } from '../../../engine/ingest/staging.ts'
import { openIngest, refusal, utf8, writeLines, type Ingest } from './ingest.ts'

type Field = ColumnPoints['fields'][number]

function numbers(name: string, values: (number | null)[], declared = false): Field {
  return {
    name,
    type: 0,
    values: Float64Array.from(values, (v) => v ?? NaN),
    valid: values.includes(null) ? Uint8Array.from(values, (v) => (v === null ? 0 : 1)) : null,
    declared,
  }
}

function columns(fields: Field[], tags: Record<string, string> = {}, table = 'm'): ColumnPoints {
  const count = fields[0]?.values.length ?? 0
  const times = BigInt64Array.from({ length: count }, (_, i) => BigInt(i))
  return { table, tags: new Map(Object.entries(tags)), times, fields }
}

async function writePoints(ingest: Ingest, points: ColumnPoints[], options = {}) {
  const batch = ingest.batch(options)
  try {
    for (const each of points) batch.points(each)
    return await batch.commit()
  } finally {
    batch.discard()
  }
}

function counts({ catalog }: Ingest): number[] {
  const { tables, columns: fields, shapes, series } = catalog
  return [catalog.databases.size, ...[tables, fields, shapes, series].map((t) => t.count)]
}

describe('partial', () => {
  const text = 'm v=1 1\nm v=bad 2\nm v="x" 3\nm v=2 4\n'

  test('false stores nothing and throws the first refusal with all of them', async () => {
    const ingest = await openIngest()
    const { code, message, errors } = await refusal(writeLines(ingest, text))
    expect(code).toBe('line_protocol')
    expect(message).toBe("line 2, column 5: 'bad' is not a value")
    expect(errors.map((e) => [e.line, e.code, e.input])).toEqual([
      [2, 'line_protocol', 'm v=bad 2'],
      [3, 'type_conflict', 'm v="x" 3'],
    ])
    expect(counts(ingest)).toEqual([0, 0, 0, 0, 0])
  })

  test('true stores the good lines and lists the others', async () => {
    const ingest = await openIngest()
    const result = await writeLines(ingest, text, { partial: true })
    expect(result).toMatchObject({ written: 2, rejected: 2, ack: 'fsync' })
    expect(ingest.committed.map((p) => p.time)).toEqual([1n, 4n])
  })

  test("'types' refuses all for a malformed line, found behind 150 conflicts too", async () => {
    const ingest = await openIngest()
    const conflicts = `m v=1 1\n${'m v="x" 2\n'.repeat(150)}`
    const { code, message } = await refusal(
      writeLines(ingest, `${conflicts}m v=\n`, { partial: 'types' }, 50),
    )
    expect([code, message]).toEqual([
      'line_protocol',
      "line 152, column 5: missing value of field 'v'",
    ])
    expect(ingest.committed).toEqual([])
    const result = await writeLines(ingest, conflicts, { partial: 'types' })
    expect(result).toMatchObject({ written: 1, rejected: 150 })
  })

  test('with nothing good commits nothing', async () => {
    const ingest = await openIngest()
    const result = await writeLines(ingest, 'm v=bad\n', { partial: true })
    expect(result).toMatchObject({ written: 0, rejected: 1 })
    expect(ingest.entries).toEqual([])
  })
})

describe('points in columns', () => {
  test('have every type, tags, nulls and a shape per pattern of nulls', async () => {
    const ingest = await openIngest()
    const fields: Field[] = [
      numbers('f', [0.5, null, -0]),
      {
        name: 'i',
        type: 1,
        values: new BigInt64Array([-1n, 2n ** 63n - 1n, 0n]),
        valid: null,
        declared: true,
      },
      {
        name: 'u',
        type: 2,
        values: new BigUint64Array([0n, 2n ** 64n - 1n, 5n]),
        valid: Uint8Array.of(0, 1, 0),
        declared: true,
      },
      { name: 'b', type: 3, values: Uint8Array.of(1, 0, 1), valid: null, declared: true },
      { name: 's', type: 4, values: ['', 'é😀\n"', 'x'], valid: null, declared: true },
      numbers('none', [null, null, null]),
    ]
    const result = await writePoints(ingest, [columns(fields, { t: '2', a: 'é', empty: '' })])
    expect(result).toEqual({ written: 3, rejected: 0, ack: 'fsync', errors: [] })
    const tags = { a: 'é', t: '2' }
    expect(ingest.committed).toEqual([
      { table: 'm', tags, time: 0n, fields: { f: 0.5, i: -1n, b: true, s: '' } },
      {
        table: 'm',
        tags,
        time: 1n,
        fields: { i: 2n ** 63n - 1n, u: 2n ** 64n - 1n, b: false, s: 'é😀\n"' },
      },
      { table: 'm', tags, time: 2n, fields: { f: -0, i: 0n, b: true, s: 'x' } },
    ])
    expect(ingest.catalog.databases.get('default')!.tables.get('m')!.columns.has('none')).toBe(
      false,
    )
  })

  test('are the points that line protocol gives', async () => {
    const [one, two] = [await openIngest(), await openIngest()]
    const count = 70_000
    const values = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? null : i / 4))
    const lines = values.map((v, i) => `m,t=a g=${i}${v === null ? '' : `,f=${v}`} ${i}`)
    await writeLines(one, lines.join('\n'))
    await writePoints(two, [
      columns([numbers('g', [...values.keys()]), numbers('f', values)], { t: 'a' }),
    ])
    expect(two.committed.length).toBe(count)
    for (let i = 0; i < count; i += i < 65_500 || i > 65_600 ? 101 : 1) {
      expect(two.committed[i]).toEqual(one.committed[i])
    }
    expect(two.entries).toEqual(one.entries)
  })

  test('of nulls alone create nothing and are not counted', async () => {
    const ingest = await openIngest()
    const result = await writePoints(ingest, [
      columns([numbers('f', [null, null])], { t: 'a' }),
      columns([]),
    ])
    expect(result.written).toBe(0)
    expect(counts(ingest)).toEqual([0, 0, 0, 0, 0])
  })

  test('as JSON numbers fit an integer column if they are whole and safe', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'm i=1i,u=1u 1')
    await writePoints(ingest, [columns([numbers('i', [-5, 2 ** 53 - 1]), numbers('u', [0, 7])])])
    expect(ingest.committed.slice(1).map((p) => p.fields)).toEqual([
      { i: -5n, u: 0n },
      { i: 2n ** 53n - 1n, u: 7n },
    ])
    for (const [field, expected] of [
      [numbers('i', [1, 1.5]), 'type_conflict /fields/i/1'],
      [numbers('i', [2 ** 53]), 'unsafe_integer /fields/i/0'],
      [numbers('u', [-1]), 'type_conflict /fields/u/0'],
      [numbers('i', [1], true), 'type_conflict /fields/i/0'],
      [numbers('new', [0, Infinity]), 'bad_request /fields/new/1'],
    ] as const) {
      const { code, errors } = await refusal(writePoints(ingest, [columns([field])]))
      expect(`${code} ${errors[0]!.pointer}`).toBe(expected)
    }
  })

  test('name the refused row, escape its field, and store the others if partial', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'm a/b~="x" 1')
    const points = columns([numbers('a/b~', [null, 1, null]), numbers('v', [1, 2, 3])])
    const result = await writePoints(ingest, [points], { partial: true })
    expect(result).toMatchObject({ written: 2, rejected: 1 })
    expect(result.errors).toEqual([
      {
        line: null,
        column: null,
        pointer: '/fields/a~1b~0/1',
        message: "column 'a/b~' is string, sent float",
        input: null,
        code: 'type_conflict',
      },
    ])
  })

  test('with a bad table, tag or time are refused', async () => {
    const ingest = await openIngest()
    const v = numbers('v', [1, 2])
    for (const [points, expected] of [
      [columns([v], {}, ''), 'bad_request null a name must not be empty'],
      [columns([v], {}, 'a\nb'), 'bad_request null a name must not contain control characters'],
      [
        columns([v], { t: 'x'.repeat(65_537) }),
        "limit_exceeded null the value of tag 't' is longer",
      ],
      [columns([v], { t: '\0' }), 'bad_request null invalid UTF-8 or a NUL byte'],
      [columns([v], { time: 'x' }), "bad_request null 'time' is the time"],
      [columns([v], { v: 'x' }), "type_conflict /fields/v/0 column 'v' is a tag"],
      [
        { ...columns([v]), times: new BigInt64Array([1n, -(2n ** 63n)]) },
        'bad_request /time/1 timestamp is out of range',
      ],
      [columns([numbers('time', [1])]), "bad_request /fields/time/0 'time' is"],
    ] as const) {
      const { code, errors } = await refusal(writePoints(ingest, [points]))
      expect(`${code} ${errors[0]!.pointer} ${errors[0]!.message}`).toContain(expected)
      expect(counts(ingest)).toEqual([0, 0, 0, 0, 0])
    }
    const result = await writePoints(ingest, [columns([v], { time: 'x' }), columns([v])], {
      partial: true,
    })
    expect(result).toMatchObject({ written: 2, rejected: 2 })
  })

  test('mix with text in one batch', async () => {
    const ingest = await openIngest()
    const batch = ingest.batch({ arrival: 9n })
    batch.lineProtocol(utf8('m,t=a v=1 1\nm,t=a v=2'))
    batch.csv(utf8('time,t,v\n3,a,3'), { table: 'm', tags: ['t'] })
    batch.points(columns([numbers('v', [4])], { t: 'a' }))
    batch.csv(utf8('v\n5\n'), { table: 'm' })
    batch.csv(utf8('w\n6\n'), { table: 'n' })
    batch.lineProtocol(utf8('m v=7'))
    expect((await batch.commit()).written).toBe(7)
    expect(ingest.committed.map((p) => Object.values(p.fields)[0])).toEqual([1, 2, 3, 4, 5, 6, 7])
    expect(ingest.committed.map((p) => p.time)).toEqual([1n, 9n, 3_000_000n, 0n, 9n, 9n, 9n])
  })
})

describe('a commit after another that came first', () => {
  async function race(first: string, second: string) {
    const ingest = await openIngest()
    let isFirst = true
    ingest.hooks.before = () => {
      if (!isFirst) return
      isFirst = false
      void writeLines(ingest, first)
    }
    return { ingest, result: writeLines(ingest, second) }
  }

  test('uses its tables, columns and series and reorders its values', async () => {
    const { ingest, result } = await race(
      'm,t=a c=1,b=2,s="x" 1',
      'm,t=a a=10,b=20,s="y",c=30 2\nm,t=b c=40,a=50 3\nn x=1 4',
    )
    expect((await result).written).toBe(3)
    expect(ingest.committed.map((p) => [p.tags['t'], p.fields])).toEqual([
      ['a', { c: 1, b: 2, s: 'x' }],
      ['a', { a: 10, b: 20, s: 'y', c: 30 }],
      ['b', { c: 40, a: 50 }],
      [undefined, { x: 1 }],
    ])
    // m: t a b c s; n: x.
    expect(counts(ingest)).toEqual([1, 2, 6, 4, 3])
  })

  test('is a type_conflict if a column got another type, and changes nothing', async () => {
    const { ingest, result } = await race('m v="x" 1', 'm v=1,w=2 2\nfresh v=1 3')
    const { code, message } = await refusal(result)
    expect([code, message]).toEqual(['type_conflict', "column 'v' is string, sent float"])
    expect(counts(ingest)).toEqual([1, 1, 1, 1, 1])
    const used = ingest.memory.used
    await refusal(writeLines(ingest, 'm v=1 1'))
    expect(ingest.memory.used).toBe(used)
  })

  test('is a type_conflict if a tag became a field or a field a tag', async () => {
    expect((await refusal((await race('m,k=a v=1', 'm k=1')).result)).message).toBe(
      "column 'k' is tag, sent float",
    )
    expect((await refusal((await race('m k=1', 'm,k=a v=1')).result)).message).toBe(
      "column 'k' is float, sent tag",
    )
  })

  test('is a conflict if its table was dropped, and a new table if nothing known was used', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'm v=1 1')
    const { id } = ingest.catalog.databases.get('default')!.tables.get('m')!
    ingest.hooks.before = () => {
      const bytes = new Uint8Array(12)
      bytes.set([6, 0, 0, 0, 12, 0, 0, 0, id])
      ingest.catalog.apply(bytes)
      ingest.hooks.before = () => {}
    }
    expect((await refusal(writeLines(ingest, 'm v=2 2'))).code).toBe('conflict')
    expect((await writeLines(ingest, 'm v="now text" 3')).written).toBe(1)
  })

  test('sees, from its next chunk on, what was committed between two chunks', async () => {
    const ingest = await openIngest()
    const batch = ingest.batch()
    batch.lineProtocol(utf8('m a=1,b=2 1\n'))
    await writeLines(ingest, 'm b=3,a=4 2')
    batch.lineProtocol(utf8('m a=5,b=6,b=7 3\n'))
    await batch.commit()
    expect(ingest.committed.map((p) => p.fields)).toEqual([
      { b: 3, a: 4 },
      { a: 1, b: 2 },
      { a: 5, b: 7 },
    ])
    expect(ingest.catalog.columns.count).toBe(2)
  })

  test('two new databases in one group of the queue get two ids', async () => {
    const ingest = await openIngest()
    await Promise.all([
      writeLines(ingest, 'm v=1', { database: 'one' }),
      writeLines(ingest, 'm v="x"', { database: 'two' }),
    ])
    expect([...ingest.catalog.databases.values()].map((d) => d.id)).toEqual([0, 1])
    expect(ingest.catalog.tables.count).toBe(2)
  })

  test('is refused if the table would have more columns than a table may', async () => {
    const list = (from: number, to: number): string =>
      Array.from({ length: to - from }, (_, i) => `f${from + i}=1`).join(',')
    const { ingest, result } = await race(`m ${list(0, 3000)}`, `m ${list(3000, 5000)}`)
    expect((await refusal(result)).code).toBe('limit_exceeded')
    expect(ingest.catalog.columns.count).toBe(3000)
  })
})

describe('catalog entries', () => {
  test('rebuild the same ids in an empty catalog, also when some come twice', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'm,a=1,b=2 v=1,s="x" 1\nn,a=1 w=1i 2', { database: 'one' })
    await writeLines(ingest, 'm,a=1 v=1,z=2u 1\nm v=2 3', { database: 'one' })
    await writeLines(ingest, 'm v=t', { database: 'two' })
    const fresh = await openIngest()
    for (const entries of [...ingest.entries.slice(0, 1), ...ingest.entries]) {
      replayEntries(fresh.host.instance, fresh.catalog, entries)
      fresh.catalog.apply(entries)
    }
    expect(counts(fresh)).toEqual(counts(ingest))
    for (const kind of ['tables', 'columns', 'shapes', 'series'] as const) {
      for (let id = 0; id < ingest.catalog[kind].count; id++) {
        expect(fresh.catalog[kind].key(id)).toEqual(ingest.catalog[kind].key(id))
        for (const name of ['a', 'b', 'c', 'd'] as const) {
          expect(fresh.catalog[kind].payload(id, name)).toBe(ingest.catalog[kind].payload(id, name))
        }
      }
    }
    const more = 'm,a=1,b=2 s="y",v=9 9'
    await writeLines(fresh, more, { database: 'one' })
    expect(fresh.entries).toEqual([new Uint8Array()])
    await refusal(writeLines(fresh, 'm a=1', { database: 'one' }))
  })

  test('with 10,000 series need room in between', async () => {
    const ingest = await openIngest()
    const lines = Array.from(
      { length: 10_000 },
      (_, i) => `m,host=some-rather-long-name-${i} v=1 1`,
    )
    await writeLines(ingest, lines.join('\n'))
    const fresh = await openIngest()
    replayEntries(fresh.host.instance, fresh.catalog, ingest.entries[0]!)
    expect(fresh.catalog.series.key(9_999)).toEqual(ingest.catalog.series.key(9_999))
  })

  test('that are cut, flipped in their frame, or refer ahead are corrupt, never a trap', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'm,t=a v=1 1')
    const good = ingest.entries[0]!
    for (let length = 0; length < good.length; length++) {
      const fresh = await openIngest()
      try {
        replayEntries(fresh.host.instance, fresh.catalog, good.subarray(0, length))
      } catch (error) {
        expect(error).toMatchObject({ code: 'corrupt' })
      }
    }
    const decoded = [...decodeEntries(good)]
    expect(decoded.map((e) => e.kind)).toEqual([
      'database',
      'table',
      'tag',
      'column',
      'shape',
      'series',
    ])
    const database = 12 + 'default'.length
    const fresh = await openIngest()
    const bad = good.slice(database + 21)
    expect(() => replayEntries(fresh.host.instance, fresh.catalog, bad)).toThrow('a bad entry')
  })

  test('are the bytes of the example in docs/format.md', async () => {
    const document = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')
    const section = document.slice(document.indexOf('## Catalog entries'))
    const block = /### Example[^]*?```\n([^]*?)```/.exec(section)![1]!
    const bytes = Uint8Array.from(block.trim().split(/\s+/), (hex) => parseInt(hex, 16))
    const ingest = await openIngest()
    await writeLines(ingest, 'm,t=a v=1 1')
    expect(ingest.entries[0]!.subarray(12 + 'default'.length)).toEqual(bytes)
    expect([...decodeEntries(bytes)]).toEqual([
      { kind: 'table', id: 0, database: 0, partitionSeconds: 86_400, name: 'm' },
      { kind: 'tag', id: 0, table: 0, name: 't' },
      { kind: 'column', id: 1, table: 0, type: 0, name: 'v' },
      { kind: 'shape', id: 0, table: 0 },
      { kind: 'series', id: 0, table: 0 },
    ])
  })
})
