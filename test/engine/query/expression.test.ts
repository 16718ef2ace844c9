import { describe, expect, test } from 'vitest'
import { OmenError } from '../../../engine/error.ts'
import {
  editDistance,
  nearestName,
  resolveColumn,
  resolveName,
  unknownColumn,
} from '../../../engine/query/expression/name.ts'
import { DEPTH_MAX, parseExpression } from '../../../engine/query/expression/parse.ts'
import { printExpression } from '../../../engine/query/expression/print.ts'
import { parseSelect } from '../../../engine/query/expression/select.ts'
import { type Expression, columnsOf } from '../../../engine/query/expression/tree.ts'
import { parseWhere } from '../../../engine/query/expression/where.ts'
import { randomOf } from '../../random.ts'
import { failure } from '../../failure.ts'

function shape(text: string): string {
  return shapeOf(parseExpression(text))
}

/** A tree with every parenthesis, so that precedence shows. */
function shapeOf(e: Expression): string {
  const not = 'negated' in e && e.negated ? 'not-' : ''
  switch (e.kind) {
    case 'column':
      return e.quoted ? `"${e.name}"` : e.name
    case 'string':
      return `'${e.value}'`
    case 'number':
      return e.text
    case 'boolean':
      return String(e.value)
    case 'null':
      return 'null'
    case 'star':
      return '*'
    case 'comparison':
    case 'arithmetic':
      return `(${shapeOf(e.left)} ${e.operator} ${shapeOf(e.right)})`
    case 'distinct':
      return `(${shapeOf(e.left)} ${not}distinct ${shapeOf(e.right)})`
    case 'and':
    case 'or':
      return `(${e.operands.map(shapeOf).join(` ${e.kind} `)})`
    case 'not':
    case 'negate':
      return `(${e.kind} ${shapeOf(e.operand)})`
    case 'is':
      return `(${shapeOf(e.operand)} is-${not}${e.test})`
    case 'in':
      return `(${shapeOf(e.operand)} ${not}in ${e.items.map(shapeOf).join(',')})`
    case 'between':
      return `(${shapeOf(e.operand)} ${not}between ${shapeOf(e.low)} ${shapeOf(e.high)})`
    case 'like': {
      const escape = e.escape === '\\' ? '' : ` escape<${e.escape}>`
      return `(${shapeOf(e.operand)} ${not}${e.insensitive ? 'i' : ''}like ${shapeOf(e.pattern)}${escape})`
    }
    case 'match':
      return `(${shapeOf(e.operand)} ${not}${e.insensitive ? 'i' : ''}match ${shapeOf(e.pattern)})`
    case 'call':
      return `${e.name}[${e.arguments.map(shapeOf).join(',')}]`
    default:
      return `${shapeOf(e.operand)}::${e.type}`
  }
}

describe('precedence is PostgreSQL’s', () => {
  const cases: [string, string][] = [
    ['a = 1 OR b = 2 AND c = 3', '((a = 1) or ((b = 2) and (c = 3)))'],
    ['NOT a = b AND c', '((not (a = b)) and c)'],
    ['NOT NOT a', '(not (not a))'],
    ['a AND b AND c', '(a and b and c)'],
    ['(a OR b) AND c', '((a or b) and c)'],
    ['a = b IS NULL', '((a = b) is-null)'],
    ['a IS NULL = b', '((a is-null) = b)'],
    ['NOT a IS NULL', '(not (a is-null))'],
    ['a IS NULL IS NOT NULL', '((a is-null) is-not-null)'],
    ['a ISNULL AND b NOTNULL', '((a is-null) and (b is-not-null))'],
    ['a IS UNKNOWN', '(a is-null)'],
    ['a IS NOT TRUE', '(a is-not-true)'],
    ['a IS DISTINCT FROM b + 1', '(a distinct (b + 1))'],
    ['a IS NOT DISTINCT FROM NULL', '(a not-distinct null)'],
    ['a < b IN (1)', '(a < (b in 1))'],
    ['a IN (1) IN (true)', '((a in 1) in true)'],
    ['a = NOT b', '(a = (not b))'],
    ['a = NOT b = c', '(a = (not (b = c)))'],
    ['a NOT IN (1, 2)', '(a not-in 1,2)'],
    ['a BETWEEN 1 AND 2 AND b', '((a between 1 2) and b)'],
    ['a NOT BETWEEN 1 + 1 AND 2 * 3', '(a not-between (1 + 1) (2 * 3))'],
    ["a LIKE 'x%' = b", "((a like 'x%') = b)"],
    ["a NOT ILIKE 'x' || 'y'", "(a not-ilike ('x' || 'y'))"],
    ["a LIKE 'x' ESCAPE '!'", "(a like 'x' escape<!>)"],
    ["a LIKE 'x' ESCAPE ''", "(a like 'x' escape<>)"],
    ["a ~ 'x' AND b !~* 'y'", "((a match 'x') and (b not-imatch 'y'))"],
    ["a || 'x' ~ 'y'", "((a || 'x') match 'y')"],
    ['1 + 2 * 3 - 4', '((1 + (2 * 3)) - 4)'],
    ['2 ^ 3 ^ 2', '((2 ^ 3) ^ 2)'],
    ['-2 ^ 2', '((negate 2) ^ 2)'],
    ['- - a', '(negate (negate a))'],
    ['+a', 'a'],
    ['a<-1', '(a < (negate 1))'],
    ['a*-1', '(a * (negate 1))'],
    ['a>=-1 and a<>+1', '((a >= (negate 1)) and (a <> 1))'],
    ['a != 1', '(a <> 1)'],
    ['-a::float8', '(negate a::float)'],
    ['a::double precision + 1', '(a::float + 1)'],
    ["'x'::timestamp with time zone", "'x'::timestamptz"],
    ["timestamp with time zone 'x'", "'x'::timestamptz"],
    ["timestamp without time zone 'x'", "'x'::timestamp"],
    ["time > now() - interval '1 hour'", "(time > (now[] - '1 hour'::interval))"],
    ['CAST(a AS bigint)', 'a::integer'],
    ['CURRENT_TIMESTAMP', 'now[]'],
    ['count(*)', 'count[*]'],
    ['Quantile(Usage, 0.95)', 'quantile[usage,0.95]'],
    ['"Q"("A b")', 'Q["A b"]'],
    ['time', 'time'],
    ['interval', 'interval'],
    ['date = 1', '(date = 1)'],
  ]
  test.each(cases)('%s', (text, expected) => {
    expect(shape(text)).toBe(expected)
  })
})

describe('words', () => {
  test('unquoted names fold A to Z only, and keep their text', () => {
    expect(parseExpression('ÄbC')).toEqual({
      kind: 'column',
      name: 'Äbc',
      quoted: false,
      text: 'ÄbC',
      position: 1,
    })
  })
  test('quoted names and strings double their quotes', () => {
    expect(shape(`"a ""b""" = 'it''s'`)).toBe(`("a "b"" = 'it's')`)
  })
  test('E strings have escapes, plain ones have none', () => {
    expect(shape(String.raw`E'a\n\'\\\x41\101\u00e9\U0001F600''' `)).toBe(`'a\n'\\AAé😀''`)
    expect(shape(String.raw`'a\n'`)).toBe(String.raw`'a\n'`)
  })
  test('strings with a line break between them are one', () => {
    expect(shape("'a'  \n 'b''c'")).toBe("'ab'c'")
    expect(() => parseExpression("'a' 'b'")).toThrow('syntax error at or near "\'b\'"')
  })
  test('comments are blanks, and block comments nest', () => {
    expect(shape('a -- x\n = /* 1 /* 2 */ */ 1--')).toBe('(a = 1)')
    expect(shape('a+/*x*/1')).toBe('(a + 1)')
  })
  test('numbers keep their digits', () => {
    const integer = parseExpression('18446744073709551615')
    expect(integer).toMatchObject({ text: '18446744073709551615', integer: 2n ** 64n - 1n })
    expect(parseExpression('9007199254740993')).toMatchObject({ integer: 9007199254740993n })
    for (const [text, value] of [
      ['1.', 1],
      ['.5', 0.5],
      ['1.5e-3', 0.0015],
      ['1e3', 1000],
    ] as const) {
      expect(parseExpression(text)).toMatchObject({ value, integer: null, text })
    }
  })
  test('a number with a thousand digits is read in no time, as a double', () => {
    expect(parseExpression('9'.repeat(100_000))).toMatchObject({ integer: null, value: Infinity })
  })
})

describe('errors name their place', () => {
  const cases: [string, number, string, string][] = [
    ['', 1, 'sql_syntax', 'syntax error at end of input'],
    ['   ', 4, 'sql_syntax', 'end of input'],
    ['a =', 4, 'sql_syntax', 'end of input'],
    ['a = = 1', 5, 'sql_syntax', 'at or near "="'],
    ['a == 1', 3, 'sql_syntax', 'equality is ='],
    ['a = b = c', 7, 'sql_syntax', 'at or near "="'],
    ["a LIKE 'b' LIKE 'c'", 12, 'sql_syntax', 'at or near "LIKE"'],
    ['a BETWEEN 1 AND 2 IN (3)', 19, 'sql_syntax', 'at or near "IN"'],
    ['a && b', 3, 'sql_syntax', 'write AND, OR'],
    ['(a', 3, 'sql_syntax', 'where ")" should be'],
    ['a)', 2, 'sql_syntax', 'at or near ")"'],
    ['a b', 3, 'sql_syntax', 'at or near "b"'],
    ['user = 1', 1, 'sql_syntax', 'reserved word'],
    ["'abc", 1, 'sql_syntax', 'unterminated string'],
    ['a = "b', 5, 'sql_syntax', 'unterminated quoted name'],
    ['a = ""', 5, 'sql_syntax', 'empty'],
    ['/* x', 1, 'sql_syntax', 'unterminated /* comment'],
    ['a > 5h', 5, 'sql_syntax', 'trailing junk after a number: "5h"'],
    ['a = $1', 5, 'sql_syntax', 'syntax error at "$"'],
    ['cpu.usage > 1', 4, 'sql_syntax', 'double quotes'],
    ['a IS 5', 6, 'sql_syntax', 'NULL, TRUE, FALSE or DISTINCT FROM'],
    ['a NOT 5', 7, 'sql_syntax', 'IN, BETWEEN, LIKE or ILIKE'],
    ['a IN ()', 7, 'sql_syntax', 'at or near ")"'],
    ['a IN 1', 6, 'sql_syntax', 'where "(" should be'],
    ["a LIKE 'x' ESCAPE 'ab'", 19, 'sql_syntax', "ESCAPE 'c'"],
    ['mean(a, )', 9, 'sql_syntax', 'at or near ")"'],
    ['count(*, a)', 8, 'sql_syntax', 'where ")" should be'],
    ['*', 1, 'sql_syntax', 'at or near "*"'],
    ["money '5'", 7, 'bad_request', 'type "money" does not exist'],
    ['a::money', 4, 'unsupported', 'cast to "money"'],
    ['CASE WHEN a THEN b END', 1, 'unsupported', 'CASE'],
    ['a IN (SELECT 1)', 7, 'unsupported', 'a subquery'],
    ['a = ANY (1)', 5, 'unsupported', 'ANY'],
    ['count(DISTINCT a)', 7, 'unsupported', 'DISTINCT'],
    ["time AT TIME ZONE 'UTC'", 6, 'unsupported', 'AT TIME ZONE'],
    ["'😀😀' = ?", 8, 'sql_syntax', 'at or near "?"'],
    ['a = 1; DROP TABLE x', 6, 'sql_syntax', 'at or near ";"'],
    ['\u0000', 1, 'sql_syntax', 'syntax error at'],
  ]
  test.each(cases)('%j at %i', (text, position, code, message) => {
    const error = failure(() => parseExpression(text, '/where'))
    expect(error.code).toBe(code)
    expect(error.message).toContain(message)
    expect(error.details).toMatchObject({ position, pointer: '/where' })
    expect(error.message).toMatch(/^where: /)
    if (code === 'sql_syntax') expect(error.details.sqlstate).toBe('42601')
  })
})

describe('hostile text', () => {
  const deep = 100_000
  const cases: [string, string][] = [
    ['parentheses', '('.repeat(deep)],
    ['closed parentheses', `${'('.repeat(deep)}a${')'.repeat(deep)}`],
    ['NOT', 'NOT '.repeat(deep)],
    ['signs', '- '.repeat(deep)],
    ['plus signs', '+ '.repeat(deep)],
    ['sums', `a${' + a'.repeat(deep)}`],
    ['casts', `a${'::text'.repeat(deep)}`],
    ['IS', `a${' IS NULL'.repeat(deep)}`],
    ['calls', 'f('.repeat(deep)],
    ['lists', 'a IN ('.repeat(deep)],
    ['alternations', 'a AND NOT (b OR '.repeat(deep)],
  ]
  test.each(cases)('%s cannot overflow the stack', (_, text) => {
    expect(failure(() => parseExpression(text)).code).toBe('limit_exceeded')
  })
  test('a tree as deep as allowed is read and printed', () => {
    const text = '('.repeat(DEPTH_MAX - 1) + 'a' + ')'.repeat(DEPTH_MAX - 1)
    expect(shape(text)).toBe('a')
    const sum = `a${' + a'.repeat(DEPTH_MAX - 1)}`
    expect(printExpression(parseExpression(sum))).toBe(sum)
  })
  test('wide expressions have no such limit', () => {
    const ors = parseExpression(`a = 1${' OR a = 1'.repeat(50_000)}`)
    expect(ors.kind === 'or' && ors.operands.length).toBe(50_001)
    const list = parseExpression(`a IN (${'1,'.repeat(50_000)}2)`)
    expect(list.kind === 'in' && list.items.length).toBe(50_001)
  })
  test('every random string is read or refused, never anything else', () => {
    const pieces = [
      ...`abcE '"()+-*/<>=~!,.;:[]$%^|&?`,
      '12',
      '.5',
      ' AND ',
      ' OR ',
      ' NOT ',
      ' IN (',
      ' BETWEEN ',
      " LIKE 'x' ",
      ' IS NULL ',
      "''",
      '""',
      '::',
      'timestamp ',
      '\\',
      '--',
      '/*',
      '*/',
      '\n',
      '\u{1f600}',
      '\ud800',
    ]
    for (let seed = 0; seed < 3_000; seed++) {
      const random = randomOf(seed)
      let text = ''
      for (let n = random.int(12); n >= 0; n--) text += random.pick(pieces)
      try {
        const tree = parseExpression(text)
        expect(strip(parseExpression(printExpression(tree))), `seed ${seed}: ${text}`).toEqual(
          strip(tree),
        )
      } catch (error) {
        if (!(error instanceof OmenError))
          throw new Error(`seed ${seed}: ${text}`, { cause: error })
        const { position } = error.details
        expect(position, `seed ${seed}: ${text}`).toBeGreaterThan(0)
        expect(position, `seed ${seed}: ${text}`).toBeLessThanOrEqual([...text].length + 1)
      }
    }
  })
})

/** A tree without what printing may change: positions and the text of names. */
function strip(tree: Expression): unknown {
  return JSON.parse(
    JSON.stringify(tree, (key, value: unknown) => {
      if (key === 'position' || (key === 'text' && tree.kind !== 'number')) return undefined
      return typeof value === 'bigint' ? `${value}n` : value
    }),
  )
}

describe('printing', () => {
  test('puts parentheses only where they are needed', () => {
    for (const text of [
      'a = 1 OR b = 2 AND c = 3',
      '(a OR b) AND NOT (c AND d)',
      "(a IS NULL) = b AND c LIKE 'x''%' ESCAPE '!'",
      '(1 + 2) * 3 - (4 - 5)',
      '- (- 5) ^ 2',
      'quantile("A b", 0.95)',
      "time >= now() - CAST('1 h' AS interval)",
      'a NOT BETWEEN 1 AND 2',
      "NOT (NOT a IN ('x', NULL))",
      'a IS NOT DISTINCT FROM TRUE',
      "a !~* 'x'",
    ]) {
      const printed = printExpression(parseExpression(text))
      expect(strip(parseExpression(printed)), text).toEqual(strip(parseExpression(text)))
      expect(printed.replace(/[()]/g, '').length, text).toBe(text.replace(/[()]/g, '').length)
    }
  })
})

describe('names', () => {
  const columns = ['usage', 'Usage', 'hostName', 'HOST', 'a b', 'temp']
  test('unquoted: the column in lower case, else the only one equal but for case', () => {
    expect(resolveColumn('usage', false, columns)).toBe('usage')
    expect(resolveColumn('hostname', false, columns)).toBe('hostName')
    expect(resolveColumn('host', false, columns)).toBe('HOST')
    expect(resolveColumn('x', false, columns)).toBeNull()
    expect(resolveColumn('usage', false, ['Usage', 'USAGE'])).toBeNull()
  })
  test('quoted: that column or none', () => {
    expect(resolveColumn('HOST', true, columns)).toBe('HOST')
    expect(resolveColumn('host', true, columns)).toBeNull()
    expect(resolveColumn('a b', true, columns)).toBe('a b')
  })
  test('names of `by` match as sent before they fold', () => {
    expect(resolveName('Usage', columns)).toBe('Usage')
    expect(resolveName('HostName', columns)).toBe('hostName')
    expect(resolveName('nope', columns)).toBeNull()
  })
  test('an unknown name suggests the nearest, or says that it is ambiguous', () => {
    const at = { quoted: false, position: 3 }
    const error = unknownColumn({ name: 'tmep', ...at }, columns, '/where')
    expect(error).toMatchObject({
      code: 'unknown_column',
      message: 'column "tmep" does not exist; did you mean "temp"?',
      details: { position: 3, sqlstate: '42703', pointer: '/where' },
    })
    expect(unknownColumn({ name: 'u', ...at }, ['U', 'ü'], '/where').message).toContain('"U"')
    expect(unknownColumn({ name: 'x', ...at }, ['X', 'x '], '').message).toContain('"X"')
    const both = unknownColumn({ name: 'usage', ...at }, ['USAGE', 'Usage'], '/where')
    expect(both.message).toContain('quote one of "USAGE", "Usage"')
    expect(unknownColumn({ name: 'zzzzzz', ...at }, columns, '/where').message).toBe(
      'column "zzzzzz" does not exist',
    )
  })
  test('distance counts edits', () => {
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('usage', 'usgae')).toBe(1)
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(nearestName('usgae_idle', ['usage_user', 'usage_idle'])).toBe('usage_idle')
    expect(nearestName('x'.repeat(5_000), ['x'])).toBeNull()
  })
  test('columnsOf lists every column in order', () => {
    const found = columnsOf(parseExpression('a = 1 AND f(b, "C") IN (d, 2) OR e LIKE f'))
    expect(found.map(({ name }) => name)).toEqual(['a', 'b', 'C', 'd', 'e', 'f'])
  })
})

describe('select', () => {
  test('a string has one column per comma outside parentheses and quotes', () => {
    const text = ` mean( usage ) , quantile(usage, 0.5) AS P50,"a,b", max(x) peak`
    const found = parseSelect(text)!
    expect(found.map(({ name }) => name)).toEqual(['mean( usage )', 'p50', '"a,b"', 'peak'])
    expect(found.map((item) => item.text)).toEqual([
      'mean( usage )',
      'quantile(usage, 0.5)',
      '"a,b"',
      'max(x)',
    ])
    expect(found[1]!.expression.position).toBe(18)
    expect(found.every(({ pointer }) => pointer === '/select')).toBe(true)
  })
  test('a list has one expression per item, an object names them', () => {
    expect(parseSelect(['mean(a)', 'b AS "B c"'])!.map((s) => [s.name, s.pointer])).toEqual([
      ['mean(a)', '/select/0'],
      ['B c', '/select/1'],
    ])
    expect(parseSelect({ 'U/x': 'mean(a)' })).toMatchObject([
      { name: 'U/x', text: 'mean(a)', pointer: '/select/U~1x' },
    ])
    expect(parseSelect('{"u":"max(b)"}')).toMatchObject([{ name: 'u', text: 'max(b)' }])
  })
  test('* is all fields', () => {
    expect(parseSelect('*')).toBeNull()
    expect(parseSelect(' * ')).toBeNull()
    expect(parseSelect(['*'])).toBeNull()
  })
  const wrong: [unknown, string, string][] = [
    ['', 'sql_syntax', '/select'],
    ['a,', 'sql_syntax', '/select'],
    ['a,*', 'sql_syntax', '/select'],
    ['a AS', 'sql_syntax', '/select'],
    ['count(a) FILTER (WHERE a)', 'unsupported', '/select'],
    ['{"u":1', 'bad_request', '/select'],
    [[], 'bad_request', '/select'],
    [{}, 'bad_request', '/select'],
    [['a, b'], 'bad_request', '/select/0'],
    [['a', 5], 'bad_request', '/select/1'],
    [{ u: 5 }, 'bad_request', '/select/u'],
    [{ u: 'mean(a) AS b' }, 'bad_request', '/select/u'],
    [7, 'bad_request', '/select'],
  ]
  test.each(wrong)('%j is refused', (select, code, pointer) => {
    const error = failure(() => parseSelect(select as string))
    expect([error.code, error.details.pointer]).toEqual([code, pointer])
  })
})

describe('where as an object', () => {
  const object = (where: unknown): string | null => {
    const tree = parseWhere(where)
    return tree === null ? null : shapeOf(tree)
  }
  test('means what its text would', () => {
    expect(object({ host: ['a', 'b'], rack: null, usage: { gt: 0.2 } })).toBe(
      `(("host" in 'a','b') and ("rack" is-null) and ("usage" > 0.2))`,
    )
    expect(object({ Host: 'a' })).toBe(`("Host" = 'a')`)
    expect(object({ n: -5 })).toBe('("n" = (negate 5))')
    expect(object({ n: -5n })).toBe('("n" = (negate 5))')
    expect(object({ b: true })).toBe('("b" = true)')
    expect(object({ n: { gte: 1, lt: 2, ne: 1.5 } })).toBe(
      '(("n" >= 1) and ("n" < 2) and ("n" <> 1.5))',
    )
    expect(object({ h: { like: 'a%' }, g: { match: '^x' } })).toBe(
      `(("h" like 'a%') and ("g" match '^x'))`,
    )
    expect(object({ h: { eq: null } })).toBe('("h" is-null)')
    expect(object({ h: { ne: null } })).toBe('("h" is-not-null)')
    expect(object({ h: ['a', null] })).toBe(`(("h" in 'a') or ("h" is-null))`)
    expect(object({ h: [null] })).toBe('("h" is-null)')
    expect(object({ h: [] })).toBe('false')
    expect(object({ n: NaN })).toBe(`("n" = 'NaN')`)
    expect(object({ n: 1e21 })).toBe('("n" = 1e+21)')
    expect(object({ __proto__x: 1 })).toBe('("__proto__x" = 1)')
  })
  test('without members it filters nothing, and JSON text is an object too', () => {
    expect(object({})).toBeNull()
    expect(object(' {"host":"a"}')).toBe(`("host" = 'a')`)
  })
  const wrong: [unknown, string, string][] = [
    [{ u: { above: 1 } }, 'bad_request', '/where/u/above'],
    [{ 'a/b~': {} }, 'bad_request', '/where/a~1b~0'],
    [{ u: { gt: null } }, 'bad_request', '/where/u/gt'],
    [{ u: { like: 5 } }, 'bad_request', '/where/u/like'],
    [{ u: { eq: [1] } }, 'bad_request', '/where/u/eq'],
    [{ u: [[1]] }, 'bad_request', '/where/u/0'],
    [{ u: [2 ** 53] }, 'unsafe_integer', '/where/u/0'],
    [{ u: -(2 ** 60) }, 'unsafe_integer', '/where/u'],
    [[], 'bad_request', '/where'],
    [5, 'bad_request', '/where'],
    ['{"a":', 'bad_request', '/where'],
    [' ', 'sql_syntax', '/where'],
  ]
  test.each(wrong)('%j is refused', (where, code, pointer) => {
    const error = failure(() => parseWhere(where))
    expect([error.code, error.details.pointer]).toEqual([code, pointer])
  })
})
