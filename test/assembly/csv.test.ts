import { describe, expect, test } from 'vitest'
import { existsSync, readFileSync } from 'node:fs'
import type { CsvSpec } from '../../engine/ingest/batch.ts'
import { openKernel } from '../kernel.ts'
import {
  openIngest,
  refusal,
  utf8,
  writeLines,
  type Ingest,
  type Point,
} from '../engine/ingest/ingest.ts'

async function importCsv(
  ingest: Ingest,
  text: string | Uint8Array,
  spec: Partial<CsvSpec> = {},
  options = {},
  size = Infinity,
) {
  const bytes = typeof text === 'string' ? utf8(text) : text
  const batch = ingest.batch({ arrival: 99n, ...options })
  try {
    for (let at = 0; at < bytes.length; at += size) {
      const chunk = bytes.subarray(at, Math.min(bytes.length, at + size))
      batch.csv(chunk, { table: 'm', ...spec })
    }
    return await batch.commit()
  } finally {
    batch.discard()
  }
}

async function points(text: string | Uint8Array, spec?: Partial<CsvSpec>): Promise<Point[]> {
  const ingest = await openIngest()
  await importCsv(ingest, text, spec)
  return ingest.committed
}

async function refused(text: string | Uint8Array, spec?: Partial<CsvSpec>, before = '') {
  const ingest = await openIngest()
  if (before !== '') await writeLines(ingest, before)
  const count = ingest.committed.length
  const { code, errors } = await refusal(importCsv(ingest, text, spec))
  expect(ingest.committed.length).toBe(count)
  return `${code} ${errors[0]!.line}:${errors[0]!.column} ${errors[0]!.message}`
}

describe('a CSV row', () => {
  test('gives time, tags and fields typed by their first value', async () => {
    const text = 'time,host,usage,ok,note\n5,a,0.5,true,x y\n6,b,-1e3,FALSE,"q ""r"", s\nt"\n'
    const all = await points(text, { tags: ['host'] })
    expect(all).toEqual([
      {
        table: 'm',
        tags: { host: 'a' },
        time: 5_000_000n,
        fields: { usage: 0.5, ok: true, note: 'x y' },
      },
      {
        table: 'm',
        tags: { host: 'b' },
        time: 6_000_000n,
        fields: { usage: -1000, ok: false, note: 'q "r", s\nt' },
      },
    ])
  })

  test('takes declared types, blanks around numbers, and keeps them in text', async () => {
    const spec = { types: { n: 1, u: 2, s: 4, b: 3, f: 0 } as const }
    const [point] = await points('n,u,s,b,f\n -7 ,18446744073709551615, 12 ,t,\t1\n', spec)
    expect(point!.fields).toEqual({ n: -7n, u: 2n ** 64n - 1n, s: ' 12 ', b: true, f: 1 })
  })

  test('leaves out empty cells, and a row without any field is no point', async () => {
    const ingest = await openIngest()
    const result = await importCsv(ingest, 'time,h,a,b\n1,x,,2\n2,x,,\n3,,1,\n4,x,"", \n', {
      tags: ['h'],
    })
    expect(result.written).toBe(2)
    expect(ingest.committed.map((p) => [p.time, p.tags, p.fields])).toEqual([
      [1_000_000n, { h: 'x' }, { b: 2 }],
      [3_000_000n, {}, { a: 1 }],
    ])
  })

  test('with nulls alone creates no table', async () => {
    const ingest = await openIngest()
    expect((await importCsv(ingest, 'time,a\n1,\n2,""\n')).written).toBe(0)
    expect(ingest.catalog.databases.size).toBe(0)
    expect(ingest.catalog.tables.count).toBe(0)
  })

  test('has an empty string where a string column has quotes with nothing in them', async () => {
    const all = await points('time,s,t\n1,a,""\n2,"",\n3,,"x"\n', { types: { t: 4 } })
    expect(all.map((p) => p.fields)).toEqual([{ s: 'a', t: '' }, { s: '' }, { t: 'x' }])
  })

  test('goes by the table where nothing is declared', async () => {
    const ingest = await openIngest()
    await writeLines(ingest, 'm,host=a n=1i,u=1u,s="x",b=t,f=1 1')
    await importCsv(ingest, 'host,n,u,s,b,f\nz,2,3,4,f,5\n')
    expect(ingest.committed[1]).toEqual({
      table: 'm',
      tags: { host: 'z' },
      time: 99n,
      fields: { n: 2n, u: 3n, s: '4', b: false, f: 5 },
    })
  })

  test('may be the last without a newline, have CRLF, blank lines and a byte order mark', async () => {
    const all = await points('\ufeff\r\ntime,"v"\r\n\r\n1,2\r\n\n3,4')
    expect(all.map((p) => [p.time, p.fields['v']])).toEqual([
      [1_000_000n, 2],
      [3_000_000n, 4],
    ])
  })

  test('without a time cell or column has the arrival', async () => {
    expect((await points('time,v\n,1\n')).map((p) => p.time)).toEqual([99n])
    expect((await points('v\n1\n')).map((p) => p.time)).toEqual([99n])
  })

  test('names its time column, and tags may come last', async () => {
    const all = await points('v,ts,b,a\n1,2,x,\n3,4,y,z\n', { time: 'ts', tags: ['a', 'b'] })
    expect(all.map((p) => [p.time, p.tags])).toEqual([
      [2_000_000n, { b: 'x' }],
      [4_000_000n, { a: 'z', b: 'y' }],
    ])
  })

  test('is the same at every split of the text', async () => {
    const text = utf8(
      '\ufefftime,h,s,v\r\n1,a,"x ""y""\r\nz",1\r\n2,"b,c",é,2\n\n3,,"",3\nbad\n4,d,"😀",4',
    )
    const outcome = async (size: number, first: number): Promise<unknown> => {
      const ingest = await openIngest()
      const batch = ingest.batch({ arrival: 1n, partial: true })
      const spec = (): CsvSpec => ({ table: 'm', tags: ['h'] })
      batch.csv(text.subarray(0, first), spec())
      for (let at = first; at < text.length; at += size)
        batch.csv(text.subarray(at, at + size), spec())
      return { result: await batch.commit(), committed: ingest.committed }
    }
    const whole = await outcome(text.length, text.length)
    expect(whole).toMatchObject({ result: { written: 4, rejected: 1 } })
    for (let first = 0; first < text.length; first++)
      expect(await outcome(Infinity, first)).toEqual(whole)
    expect(await outcome(1, 0)).toEqual(whole)
  })
})

describe('a bad CSV is refused with its place', () => {
  test.each([
    ['time,v\n1,2,3\n', 'bad_request 2:5 the row has 3 cells, the header 2'],
    ['time,v,w\n1,2,3\n4\n', 'bad_request 3:2 the row has 1 cells, the header 3'],
    [
      'time,v\n1,"a"b\n',
      "bad_request 2:6 expected ',' or the end of the row after a closing quote",
    ],
    ['time,v\n1,"a\nb\n', 'bad_request 2:3 cell without closing quote'],
    ['time,v\nx,1\n', "bad_request 2:1 'x' is not a timestamp"],
    ['time,v\n1.5,1\n', "bad_request 2:1 '1.5' is not a timestamp"],
    ['time,v\n9223372036855,1\n', "bad_request 2:1 timestamp '9223372036855' is out of range"],
    ['time,v\n1,1\n2,abc\n', "type_conflict 3:3 column 'v' is float, sent 'abc'"],
    ['time,v\n1,true\n2,1\n', "type_conflict 3:3 column 'v' is boolean, sent '1'"],
    [
      'time,v\n1,1\n2,NaN\n',
      "bad_request 3:3 'v': 'NaN' cannot be stored, it is not a finite number",
    ],
    ['time,v\n1,1e999\n', "bad_request 2:3 float 'v': '1e999' is out of range"],
  ])('%j', async (text, expected) => {
    expect(await refused(text)).toBe(expected)
  })

  test('counts characters and the lines inside quotes', async () => {
    expect(await refused('s,n\n"é\né",1\n"é\nü😀",x\n')).toBe(
      "type_conflict 5:5 column 'n' is float, sent 'x'",
    )
  })

  test('for declared integers: fractions, words and what is too large', async () => {
    const spec = { types: { n: 1 } as const }
    expect(await refused('n\n1.5\n', spec)).toBe(
      "type_conflict 2:1 column 'n' is integer, sent '1.5'",
    )
    expect(await refused('n\nx\n', spec)).toBe("type_conflict 2:1 column 'n' is integer, sent 'x'")
    expect(await refused('n\n9223372036854775808\n', spec)).toBe(
      "out_of_range 2:1 column 'n' is integer, '9223372036854775808' is out of its range",
    )
  })

  test('for what the table has: other types, tags as fields, fields as tags', async () => {
    const base = 'm,host=a n=1i,f=0.5 1'
    expect(await refused('n\n1\n', { types: { n: 4 } }, base)).toBe(
      "type_conflict 2:1 column 'n' is integer, sent string",
    )
    expect(await refused('f,x\n1,2\n', { tags: ['f'] }, base)).toBe(
      "type_conflict 2:1 column 'f' is a field, sent as a tag",
    )
    expect(await refused('host\n1\n', { types: { host: 0 } }, base)).toBe(
      "type_conflict 2:1 column 'host' is a tag, sent as a field",
    )
    expect(await refused('time,time2\n1,2\n', { time: 'time2' }, base)).toMatch(
      "'time' is the time of a point",
    )
  })

  test('for invalid UTF-8 and NUL, in fields, tags and the header', async () => {
    const bad = (before: string, after: string): Uint8Array =>
      Uint8Array.from([...utf8(before), 0xff, ...utf8(after)])
    expect(await refused(bad('v\na', '\n'))).toBe('bad_request 2:2 invalid UTF-8 or a NUL byte')
    expect(await refused(bad('h,v\na', ',1\n'), { tags: ['h'] })).toMatch('invalid UTF-8')
    expect(await refused(bad('h', ',v\n1,1\n'))).toBe('bad_request 1:null CSV header: not UTF-8')
    expect(await refused('v\na\0b\n')).toBe('bad_request 2:2 invalid UTF-8 or a NUL byte')
  })

  test.each([
    ['', 'v', 'missing'],
    ['a,a\n1,2\n', 'v', "column 'a' is there twice"],
    ['a,\n1,2\n', 'v', 'column 2 has no name'],
    [',a\n1,2\n', 'v', 'column 1 has no name'],
    ['a"b\n1\n', 'v', 'a quote at character 1 is not closed or not alone'],
    ['"a"b\n1\n', 'v', 'a quote at character 1 is not closed or not alone'],
  ])('header %j', async (text, _, message) => {
    const ingest = await openIngest()
    const batch = ingest.batch()
    let error: unknown
    try {
      batch.csv(utf8(text), { table: 'm' })
      await batch.commit()
    } catch (thrown) {
      error = thrown
    }
    expect((error as Error).message).toBe(`CSV header: ${message}`)
    batch.discard()
  })

  test('names that the request asks for and the header lacks', async () => {
    const ingest = await openIngest()
    for (const spec of [{ time: 'ts' }, { tags: ['ts'] }, { types: { ts: 1 } as const }]) {
      const { code, message } = await refusal(importCsv(ingest, 'time,v\n1,2\n', spec))
      expect(`${code} ${message}`).toBe("bad_request CSV header: no column 'ts'")
    }
  })
})

describe('a time cell', () => {
  const NS = 1_000_000n
  test.each([
    ['0', 0n],
    ['-1', -1n * NS],
    ['1398902400000', 1398902400000n * NS],
    ['2014-05-01', 1398902400000n * NS],
    ['2014-05-01 00:00:00', 1398902400000n * NS],
    ['2014-05-01T00:00:00Z', 1398902400000n * NS],
    ['2014-05-01t02:00:00.5+02:00', 1398902400500n * NS],
    ['2014-04-30 22:15:00.123456789-01:45', 1398902400000n * NS + 123456789n],
    ['1969-12-31T23:59:59.999999999Z', -1n],
    ['2016-12-31 23:59:60', 1483228800000n * NS],
    ['2000-02-29', 951782400000n * NS],
    ['0001-01-01', null],
    ['1677-09-21 00:12:43.145224194', -(2n ** 63n) + 2n],
    ['1677-09-21 00:12:43.145224193', null],
    ['2262-04-11 23:47:16.854775806', 2n ** 63n - 2n],
    ['2262-04-11 23:47:16.854775807', null],
    ['2262-04-12T01:47:16.854775806+02:00', 2n ** 63n - 2n],
  ])('%s', async (text, expected) => {
    if (expected === null) expect(await refused(`time,v\n${text},1\n`)).toMatch('is out of range')
    else expect((await points(`time,v\n${text},1\n`))[0]!.time).toBe(expected)
  })

  test.each([
    ...['2014-05-01T00:00:00', '2014-5-1', '2014-02-29', '1900-02-29', '2014-13-01', '2014-00-01'],
    ...[
      '2014-01-00',
      '2014-04-31',
      '2014-05-01 24:00:00',
      '2014-05-01 00:60:00',
      '2014-05-01 00:00:61',
    ],
    ...['2014-05-01 00:00', '2014-05-01 00:00:00.', '2014-05-01 00:00:00.1234567890', 'now'],
    ...[
      '2014-05-01T00:00:00+2:00',
      '2014-05-01T00:00:00+02:60',
      '2014-05-01T00:00:00Zx',
      '2014-05-01x',
    ],
    ...['2014-05-01T00:00:00 Z', '-2014-05-01', '2014-05-01T00:00:00+24:00'],
  ])('%s is none', async (text) => {
    expect(await refused(`time,v\n${text},1\n`)).toMatch('is not a timestamp')
  })

  test('agrees with Date over random times and offsets', async () => {
    const { kernel, memory } = await openKernel()
    const region = memory.allocate(64)
    for (let i = 0; i < 3000; i++) {
      const ms = Math.floor(((i * 0.6180339887) % 1) * 18e12) - 9e12
      const minutes = (i * 37) % 1440
      const sign = i % 2 === 0 ? '+' : '-'
      const local = new Date(ms + (sign === '+' ? 1 : -1) * minutes * 60_000).toISOString()
      const clock = `${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
      const text = local.replace('Z', sign + clock)
      memory.u8.set(utf8(text), region.offset)
      expect(kernel.timeText(region.offset, text.length, 1n, region.offset + 56), text).toBe(0)
      expect(memory.i64[(region.offset + 56) / 8], text).toBe(BigInt(ms) * 1_000_000n)
    }
  })
})

const TAXI = new URL('../../../shared/data/nab/realKnownCause/nyc_taxi.csv', import.meta.url)

// The reason to skip: the data set lies beside the checkout, and is not everywhere.
test.skipIf(!existsSync(TAXI))('a real file gives its rows', async () => {
  const text = readFileSync(TAXI, 'utf8')
  const ingest = await openIngest()
  const rows = text.trim().split('\n').slice(1)
  const result = await importCsv(ingest, text, { time: 'timestamp' }, {}, 5000)
  expect(result).toMatchObject({ written: rows.length, rejected: 0 })
  rows.forEach((row, i) => {
    const [time, value] = row.trim().split(',')
    expect(ingest.committed[i]!.time).toBe(BigInt(Date.parse(`${time}Z`)) * 1_000_000n)
    expect(ingest.committed[i]!.fields).toEqual({ value: Number(value) })
  })
})
