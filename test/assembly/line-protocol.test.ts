import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { openIngest, refusal, utf8, writeLines, type Point } from '../engine/ingest/ingest.ts'
import { parseLines, type Line } from './line-protocol-reference.ts'

/** Points of a text that is all good. */
async function points(text: string | Uint8Array, size?: number): Promise<Point[]> {
  const ingest = await openIngest()
  await writeLines(ingest, text, { arrival: 99n }, size)
  return ingest.committed
}

async function one(text: string): Promise<Point> {
  const all = await points(text)
  expect(all.length).toBe(1)
  return all[0]!
}

/** Code, line and column of the first refusal, and its message. */
async function refused(text: string | Uint8Array, before = ''): Promise<string> {
  const ingest = await openIngest()
  if (before !== '') await writeLines(ingest, before)
  const { code, errors } = await refusal(writeLines(ingest, text))
  expect(errors[0]!.code).toBe(code)
  expect(ingest.committed.length).toBe(before === '' ? 0 : before.split('\n').length)
  return `${code} ${errors[0]!.line}:${errors[0]!.column} ${errors[0]!.message}`
}

describe('a line of line protocol', () => {
  test('gives table, tags, fields of every type and the time', async () => {
    const text = 'm,b=2,a=1 f=1,g=1.5e3,i=-7i,u=7u,t=T,n=False,s="x y,=z" -1465839830100400200'
    expect(await one(text)).toEqual({
      table: 'm',
      tags: { a: '1', b: '2' },
      time: -1465839830100400200n,
      fields: { f: 1, g: 1500, i: -7n, u: 7n, t: true, n: false, s: 'x y,=z' },
    })
  })

  test('takes every spelling of a boolean', async () => {
    const fields = ['t', 'T', 'true', 'True', 'TRUE', 'f', 'F', 'false', 'False', 'FALSE']
    const { fields: found } = await one(`m ${fields.map((v, i) => `b${i}=${v}`).join(',')} 1`)
    expect(Object.values(found)).toEqual(fields.map((v) => v.toLowerCase().startsWith('t')))
  })

  test.each(['tRUE', 'TRue', 'truE', 'fALSE', 'yes', 'tr', 'tt', 'trueish'])(
    'does not take %s for a boolean',
    async (word) => {
      expect(await refused(`m b=${word} 1`)).toBe(`line_protocol 1:5 '${word}' is not a value`)
    },
  )

  test('keeps -0, the smallest denormal and both ends of the integers exactly', async () => {
    const { fields } = await one(
      'm z=-0,d=5e-324,i=-9223372036854775808i,j=9223372036854775807i,u=18446744073709551615u 1',
    )
    expect(Object.is(fields['z'], -0)).toBe(true)
    expect(fields).toMatchObject({
      d: 5e-324,
      i: -(2n ** 63n),
      j: 2n ** 63n - 1n,
      u: 2n ** 64n - 1n,
    })
  })

  test('resolves escapes of comma, equals sign and space, and no others', async () => {
    expect(
      await one('a\\ b\\,c\\=d,k\\,1\\=x\\ y=v\\ 1\\,2\\=3\\n f\\ \\,\\=g\\h="\\n\\"\\\\ \\x" 1'),
    ).toEqual({
      table: 'a b,c=d',
      tags: { 'k,1=x y': 'v 1,2=3\\n' },
      time: 1n,
      fields: { 'f ,=g\\h': '\\n"\\ \\x' },
    })
  })

  test('takes an equals sign in a table name without an escape', async () => {
    expect((await one('a=b,t=1 v=1 1')).table).toBe('a=b')
  })

  test('without a time has the arrival, with trailing blanks too', async () => {
    expect((await points('m v=1\nm v=1  \nm v=1')).map((p) => p.time)).toEqual([99n, 99n, 99n])
  })

  test('may be blank, a comment, indented, or end in CRLF', async () => {
    const text = '\n\r\n  \n# m v=1\n  # x\r\n \tm v=1 1\r\nm   v=2   2  \r\nm v="a" 3\r'
    const all = await points(text.replace('v="a"', 'w="a"'))
    expect(all.map((p) => p.time)).toEqual([1n, 2n, 3n])
  })

  test('keeps newlines inside quotes, and the lines behind are counted on', async () => {
    expect((await one('m s="a\n\r\nb" 1')).fields).toEqual({ s: 'a\n\r\nb' })
    expect(await refused('m s="a\n\nb" 1\nm s=nope 2')).toMatch(/^line_protocol 4:5 /)
  })

  test('drops empty tags, and sorts tags by bytes', async () => {
    const [first, second] = await points('m,b=,é=1,a=2,z=3 v=1 1\nm,z=3,a=2,é=1 v=1 2')
    expect(Object.entries(first!.tags)).toEqual([
      ['a', '2'],
      ['z', '3'],
      ['é', '1'],
    ])
    expect(second!.tags).toEqual(first!.tags)
  })

  test('takes the last of a field that it has twice', async () => {
    expect((await one('m a=1,b=1,a=2,c=1,a=3,b=4 1')).fields).toEqual({ a: 3, b: 4, c: 1 })
  })

  test('stores an integer in a float column if it is exact', async () => {
    const all = await points(
      'm v=0.5 1\nm v=3i 2\nm v=-9223372036854775808i 3\nm v=9007199254740994i 4',
    )
    expect(all.map((p) => p.fields['v'])).toEqual([0.5, 3, -(2 ** 63), 9007199254740994])
  })

  test('with 4,096 fields in any order is stored, with 4,097 refused', async () => {
    const names = Array.from({ length: 4096 }, (_, i) => `f${(i * 1663) % 4096}`)
    const text = `m ${names.map((name, i) => `${name}=${i}`).join(',')} 1`
    const { fields } = await one(`${text}\n`)
    expect(Object.keys(fields).length).toBe(4096)
    names.forEach((name, i) => expect(fields[name]).toBe(i))
    expect(await refused(`m x=1 1`, text)).toMatch('limit_exceeded 1:3 more than 4,096 fields')
  })
})

describe('a malformed line is refused with its place and a reason', () => {
  test.each([
    ['cpu,host=a usage 1', '1:17', "missing value of field 'usage'"],
    ['m', '1:2', 'missing field set'],
    ['m ', '1:3', 'missing field set'],
    ['m,t=a', '1:6', 'missing field set'],
    [',t=a v=1', '1:1', 'missing table name'],
    ['m, v=1', '1:3', 'missing tag key'],
    ['m,t v=1', '1:3', "missing '=' after tag key 't'"],
    ['m,=a v=1', '1:3', 'missing tag key'],
    ['m,a=1, v=1', '1:7', 'missing tag key'],
    ['m,a=1,a=2 v=1', '1:7', "tag 'a' is there twice"],
    ['m,a=1=2 v=1', '1:6', "unescaped '=' in the value of tag 'a'"],
    ['m =1', '1:3', 'missing field key'],
    ['m v=', '1:5', "missing value of field 'v'"],
    ['m v=,w=1', '1:5', "missing value of field 'v'"],
    ['m v=1,', '1:7', 'missing field key'],
    ['m v=1, 1', '1:7', 'missing field key'],
    ['m v=abc 1', '1:5', "'abc' is not a value"],
    ['m v=1.2.3 1', '1:5', "'1.2.3' is not a value"],
    ['m v=1.5i 1', '1:5', "'1.5i' is not a value"],
    ['m v=1ii 1', '1:5', "'1ii' is not a value"],
    ['m v=0x1 1', '1:5', "'0x1' is not a value"],
    ['m v=+1 1', '1:5', "'+1' is not a value"],
    ['m v=NaN 1', '1:5', "'NaN' cannot be stored, it is not a finite number"],
    ['m v=-inf 1', '1:5', "'-inf' cannot be stored, it is not a finite number"],
    ['m v=1e999 1', '1:5', "float '1e999' is out of range"],
    ['m v=9223372036854775808i 1', '1:5', "integer '9223372036854775808i' is out of range"],
    ['m v=-1u 1', '1:5', "unsigned '-1u' is out of range"],
    ['m v=18446744073709551616u 1', '1:5', "unsigned '18446744073709551616u' is out of range"],
    ['m v="abc 1', '1:5', 'string without closing quote'],
    ['m v="abc"x 1', '1:10', "expected ',' or ' ' after a string"],
    ['m v=1 abc', '1:7', "'abc' is not a timestamp"],
    ['m v=1 1.5', '1:7', "'1.5' is not a timestamp"],
    ['m v=1 1 2', '1:7', "'1 2' is not a timestamp"],
    ['m v=1 9223372036854775807', '1:7', "timestamp '9223372036854775807' is out of range"],
    ['m v=1 -9223372036854775807', '1:7', "timestamp '-9223372036854775807' is out of range"],
    ['m v=1 99999999999999999999', '1:7', "timestamp '99999999999999999999' is out of range"],
    ['m time=1 1', '1:3', "'time' is the time of a point, no tag or field can have that name"],
    ['m,time=1 v=1', '1:3', "'time' is the time of a point, no tag or field can have that name"],
    ['m\u0001 v=1', '1:1', 'a name must not contain control characters'],
    ['m \u0085=1', '1:3', 'a name must not contain control characters'],
    ['m v="a\0b"', '1:7', 'invalid UTF-8 or a NUL byte'],
    ['m,a=\0 v=1', '1:3', 'invalid UTF-8 or a NUL byte'],
    ['é,ö=ü ß="😀",x=?', '1:15', "'?' is not a value"],
  ])('%j', async (line, place, message) => {
    expect(await refused(line)).toBe(`line_protocol ${place} ${message}`)
    const [row, column] = place.split(':')
    expect(await refused(`# one\n\n${line}\nm2 v=1 1`)).toBe(
      `line_protocol ${Number(row) + 2}:${column} ${message}`,
    )
  })

  test('also where it is no UTF-8: overlong, surrogate, cut off, lone continuation', async () => {
    for (const bad of [
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xe2, 0x82],
      [0x80],
      [0xff],
      [0xf4, 0x90, 0x80, 0x80],
    ]) {
      const texts = ['m v="', '" 1\n'].map(utf8)
      const text = Uint8Array.from([...texts[0]!, ...bad, ...texts[1]!])
      expect(await refused(text)).toBe('line_protocol 1:6 invalid UTF-8 or a NUL byte')
      expect(await refused(Uint8Array.from([109, ...bad, ...utf8(' v=1')]))).toMatch(
        'invalid UTF-8',
      )
      expect(await refused(Uint8Array.from([...utf8('m,t=x'), ...bad, ...utf8(' v=1')]))).toMatch(
        'invalid UTF-8',
      )
      expect(await refused(Uint8Array.from([...utf8('m x'), ...bad, ...utf8('=1')]))).toMatch(
        'invalid UTF-8',
      )
    }
  })

  test('and beyond the limits of names, tags, keys and strings as such', async () => {
    const long = (n: number): string => 'x'.repeat(n)
    const exact = `${long(1024)},${long(1023)}t=${long(60_000)} ${long(1022)}é="${long(1 << 20)}" 1`
    await points(exact.replace(`${long(1022)}é`, long(1024)))
    for (const [line, message] of [
      [`${long(1025)} v=1`, 'a name is longer than 1,024 bytes'],
      [`m,${long(1025)}=1 v=1`, 'a name is longer than 1,024 bytes'],
      [`m ${long(1025)}=1`, 'a name is longer than 1,024 bytes'],
      [`m ${'\\,'.repeat(1025)}=1`, 'a name is longer than 1,024 bytes'],
      [`m,t=${long(65_537)} v=1`, "the value of tag 't' is longer than 65,536 bytes"],
      [`m,t=${'\\,'.repeat(65_537)} v=1`, "the value of tag 't' is longer than 65,536 bytes"],
      [
        `m,a=${long(40_000)},b=${long(40_000)} v=1`,
        'the tags of the series are longer than 65,536 bytes',
      ],
      [
        `m,a=${'\\,'.repeat(60_000)},b=${'\\,'.repeat(60_000)} v=1`,
        'the tags of the series are longer than 65,536 bytes',
      ],
      [`m v="${long((1 << 20) + 1)}" 1`, 'a string is longer than 1,048,576 bytes'],
      [`m,${Array.from({ length: 257 }, (_, i) => `t${i}=1`).join(',')} v=1`, 'more than 256 tags'],
    ] as const) {
      expect(await refused(line)).toMatch(new RegExp(`^limit_exceeded 1:\\d+ ${message}$`))
    }
    await points(
      `m,${Array.from({ length: 256 }, (_, i) => `t${255 - i}=1`).join(',')} v="${'\\"'.repeat(1 << 20)}" 1`,
    )
  })
})

describe('what the table does not take is refused', () => {
  const base = 'm,host=a f=1,i=1i,u=1u,b=t,s="x" 1'
  test.each([
    ['m f="x"', "type_conflict 1:5 column 'f' is float, sent string"],
    ['m f=t', "type_conflict 1:5 column 'f' is float, sent boolean"],
    ['m f=1u', "type_conflict 1:5 column 'f' is float, sent unsigned"],
    [
      'm f=9007199254740993i',
      "type_conflict 1:5 column 'f' is float, sent an integer that no float equals",
    ],
    [
      'm f=9223372036854775807i',
      "type_conflict 1:5 column 'f' is float, sent an integer that no float equals",
    ],
    ['m i=1', "type_conflict 1:5 column 'i' is integer, sent float"],
    ['m i=1u', "type_conflict 1:5 column 'i' is integer, sent unsigned"],
    ['m u=1i', "type_conflict 1:5 column 'u' is unsigned, sent integer"],
    ['m b=1', "type_conflict 1:5 column 'b' is boolean, sent float"],
    ['m s=1', "type_conflict 1:5 column 's' is string, sent float"],
    ['m host=1', "type_conflict 1:3 column 'host' is a tag, sent as a field"],
    ['m,f=1 x=1', "type_conflict 1:3 column 'f' is a field, sent as a tag"],
  ])('%s', async (line, expected) => {
    expect(await refused(line, base)).toBe(expected)
    expect(await refused(`${base}\n${line}`)).toBe(expected.replace('1:', '2:'))
  })

  test('a tag and a field of one name, in one line too', async () => {
    expect(await refused('m,x=1 x=1 1')).toBe(
      "type_conflict 1:7 column 'x' is a tag, sent as a field",
    )
  })
})

describe('the kernel agrees with the naive parser', () => {
  const piece = fc.constantFrom(
    ...['m', 'cpu', 'a', 'b', 'host', 'v', 'w', 'x', '1', '2.5', '-3i', '4u', 't', 'false', '"s"'],
    ...[
      '"a b"',
      '"\\""',
      '"\\\\"',
      '"',
      ',',
      ',',
      ' ',
      ' ',
      '=',
      '=',
      '=',
      '\\',
      '\\,',
      '\\ ',
      '\\=',
    ],
    ...['#', '\r', '\t', 'é', '😀', '-', '.', 'e5', '\u007f', '1600000000000000000', 'nan'],
  )
  const noise = fc.array(piece, { maxLength: 14 }).map((parts) => parts.join(''))
  const name = fc.constantFrom(
    'm',
    'n',
    'a\\ b',
    'a\\,b',
    'x\\=y',
    'q\\z',
    'é',
    'long_field_name_here_1',
  )
  const value = fc.constantFrom(
    '1',
    '-2.25',
    '3i',
    '4u',
    't',
    'F',
    '"s"',
    '"a,b = c"',
    '"\\"\\\\"',
    '1e3',
  )
  const list = (item: fc.Arbitrary<string>, min: number): fc.Arbitrary<string> =>
    fc.array(item, { minLength: min, maxLength: 5 }).map((items) => items.join(','))
  const pair = fc
    .tuple(name, value)
    .map(([k, v]) => `${k}_${v[0] === '"' ? 's' : v.at(-1)! < 'A' ? 'f' : v.at(-1)}=${v}`)
  const tag = fc
    .tuple(name, fc.constantFrom('1', 'a', '', 'b\\ c', 'é'))
    .map(([k, v]) => `t${k}=${v}`)
  const good = fc
    .tuple(name, list(tag, 0), list(pair, 1), fc.constantFrom('', ' 1', ' -5', '  7 '))
    .map(
      ([table, tags, fields, time]) => `${table}${tags === '' ? '' : `,${tags}`} ${fields}${time}`,
    )
  const line = fc.oneof({ weight: 3, arbitrary: good }, { weight: 2, arbitrary: noise })

  test('on random good, broken and nonsensical lines, in any chunks', async () => {
    const ingest = await openIngest()
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        fc.integer({ min: 1, max: 40 }),
        async (lines, size) => {
          // A quote that stays open would join lines, which the naive parser does not know.
          const text = lines.filter((l) => !staysOpen(l)).join('\n')
          ingest.committed.length = 0
          const database = `d${Math.random()}`
          const result = await writeLines(
            ingest,
            text,
            { database, partial: true, arrival: 99n },
            size,
          )
          const malformed = result.errors.filter((e) => e.code === 'line_protocol').length
          const parsed = parseLines(text)
          expect(malformed).toBe(parsed.filter((p) => p === null).length)
          expect(ingest.committed).toEqual(expected(parsed))
        },
      ),
      { numRuns: 600, seed: 42 },
    )
  })

  test('at every split of a text with all that can be split', async () => {
    const text =
      '# comment, "quoted"\r\ncpu,host=a\\ b,dc=é usage=0.5,s="a\n\\"b\\\\",n=3i 17\r\n\r\n' +
      'cpu,host=a\\ b,dc=é usage=1.25,s="",n=4i\n  mem,h=😀 v=t 18 \nbad,line\ncpu usage="x" 1\n' +
      'cpu s="multi\nline" x\ncpu usage=9'
    const bytes = utf8(text)
    const outcome = async (split: number): Promise<unknown> => {
      const ingest = await openIngest()
      const batch = ingest.batch({ partial: true })
      batch.lineProtocol(bytes.subarray(0, split))
      batch.lineProtocol(bytes.subarray(split))
      return { result: await batch.commit(), committed: ingest.committed, entries: ingest.entries }
    }
    const whole = await outcome(bytes.length)
    for (let split = 0; split < bytes.length; split++) expect(await outcome(split)).toEqual(whole)
    const ingest = await openIngest()
    const result = await writeLines(ingest, bytes, { partial: true }, 1)
    expect({ result, committed: ingest.committed, entries: ingest.entries }).toEqual(whole)
    expect(result.rejected).toBe(3)
    expect(result.errors.map((e) => e.line)).toEqual([7, 8, 10])
  })
})

/** Does a quote of this line, by the rule for refused lines, reach into the next? */
function staysOpen(line: string): boolean {
  let hasSpace = false
  for (let at = 0; at < line.length; at++) {
    if (line[at] === ' ') hasSpace = true
    else if (line[at] === '\\') at++
    else if (line[at] === '"' && hasSpace && line[at - 1] === '=') {
      for (at++; line[at] !== '"'; at++) {
        if (at >= line.length) return true
        if (line[at] === '\\' && '\\"'.includes(line[at + 1] ?? 'x')) at++
      }
    }
  }
  return false
}

/**
 * What the table takes of parsed lines: the first type of a column holds, tags and fields stay
 * apart.
 */
function expected(lines: (Line | null)[]): Point[] {
  const columns = new Map<string, string>()
  const points: Point[] = []
  for (const line of lines) {
    if (line === null) continue
    const added = new Map<string, string>()
    const typeOf = (name: string, sent: string): string => {
      const key = JSON.stringify([line.table, name])
      const type = columns.get(key) ?? added.get(key) ?? sent
      added.set(key, type)
      return type
    }
    let isTaken = Object.keys(line.tags).every((key) => typeOf(key, 'tag') === 'tag')
    const fields: Point['fields'] = {}
    for (const [name, { type: sent, value }] of Object.entries(line.fields)) {
      const type = typeOf(name, sent)
      const isExact = type === 'float' && sent === 'integer'
      if (type !== sent && !isExact) isTaken = false
      fields[name] = isExact ? Number(value) : value
    }
    if (!isTaken) continue
    for (const [key, type] of added) columns.set(key, type)
    points.push({ table: line.table, tags: line.tags, time: line.time ?? 99n, fields })
  }
  return points
}
