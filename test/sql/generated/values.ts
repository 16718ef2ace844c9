// Types that generated expressions have, and literals of each: ordinary values, edges and nulls.

import type { Random } from '../../random.ts'

/** Literals without their cast, by the type's `typname`. Times stay where both have them (1678 to 2261). */
export const LITERALS: Readonly<Record<string, readonly string[]>> = {
  bool: ['true', 'false'],
  int2: ['0', '1', '-1', '2', '7', '-32768', '32767', '100'],
  int4: ['0', '1', '-1', '2', '3', '12', '-7', '1000', '-2147483648', '2147483647'],
  int8: [
    '0',
    '1',
    '-3',
    '60',
    '86400',
    '9223372036854775807',
    '-9223372036854775808',
    '4294967296',
  ],
  float4: [
    '0',
    '1.5',
    '-2.25',
    '0.1',
    '3.4e38',
    '1e-38',
    'NaN',
    'Infinity',
    '-Infinity',
    '16777217',
  ],
  float8: [
    ...['0', '-0', '1', '0.5', '-1.5', '2.5', '3.5', '0.1', '100', '1e15', '123456.789', '1e300'],
    ...['1e-300', 'NaN', 'Infinity', '-Infinity', '-7'],
  ],
  numeric: [
    ...[
      '0',
      '1',
      '-1',
      '0.5',
      '1.50',
      '-2.675',
      '3.14159',
      '100',
      '1e20',
      '0.000001',
      '12345.6789',
    ],
    ...['99999999999999999999.999', 'NaN', 'Infinity', '-Infinity', '-7.25', '2'],
  ],
  text: [
    ...[
      '',
      'a',
      'abc',
      'Hello World',
      'ÄÖü',
      '😀x',
      '  pad ',
      '12',
      '-3.5',
      'a,b,c',
      'foo_bar%baz',
    ],
    ...['2026-01-31', 'true', '{1,2,3}', 'a\\b', 'ABC abc', 'x1y22z333', "it''s"],
  ],
  bytea: ['\\x', '\\x00', '\\xdeadbeef', 'abc', '\\x0102030405'],
  date: [
    '2026-01-31',
    '2024-02-29',
    '1970-01-01',
    '1999-12-31',
    '2000-01-01',
    '1800-06-15',
    '2200-03-01',
  ],
  time: ['00:00:00', '12:34:56.789', '23:59:59.999999', '06:30:00', '24:00:00'],
  timestamp: [
    ...[
      '2026-01-31 23:59:59',
      '2024-02-29 12:00:00.5',
      '1970-01-01 00:00:00',
      '1969-12-31 23:59:59.5',
    ],
    ...['2000-01-01 00:00:00', '1800-06-15 01:02:03.123456', 'infinity', '-infinity'],
  ],
  timestamptz: [
    ...['2026-03-29 00:59:59.999999+00', '2026-10-25 01:30:00+02', '1970-01-01 00:00:00+00'],
    ...[
      '2024-02-29 12:00:00+05:30',
      '1969-12-31 23:59:59-08',
      'infinity',
      '2200-12-31 00:00:00+00',
    ],
  ],
  interval: [
    ...['1 day', '2 hours', '-1 day 02:03:04', '1 mon', '1 year 2 mons -3 days 04:05:06.789', '0'],
    ...['30 days', '36:00:00', '15 minutes', '-00:00:01.5', '13 mons', '100 years', '1.5 hours'],
  ],
  json: [
    '{"a": 1, "b": [1, 2, {"c": null}]}',
    '[1, "two", null, true]',
    '"text"',
    'null',
    '{}',
    '12.50',
    ' {"a" :[1,2],"b":"x",  "a":{"y":"z"}} ',
  ],
  jsonb: [
    ...[
      '{"a": 1, "b": [1, 2, {"c": null}]}',
      '[1, "two", null, true]',
      '"text"',
      'null',
      '{}',
      '[]',
    ],
    ...['12.50', '{"b": 1, "aa": 2, "a": {"x": "y"}}'],
  ],
  _int4: ['{}', '{1,2,3}', '{NULL,2}', '{3,1,2,2}', '{{1,2},{3,4}}', '{-1}'],
  _int8: ['{}', '{1,2,3}', '{NULL,2}'],
  _float8: ['{}', '{1.5,2.5}', '{NaN,NULL}', '{0.25}'],
  _numeric: ['{1.50,2}', '{}', '{NaN}'],
  _text: ['{}', '{a,b,c}', '{NULL,"x y"}', '{"a,b",""}', '{c,a,b,a}'],
  _bool: ['{t,f}', '{NULL}', '{}'],
  _timestamptz: ['{2026-01-01 00:00:00+00}', '{}'],
}

export const TYPES: readonly string[] = Object.keys(LITERALS)

/** Columns of the relation that expressions read: `c_int4` is of type int4. */
export const columnOf = (type: string): string => `c${type.startsWith('_') ? type : `_${type}`}`

export const written = (type: string): string =>
  type.startsWith('_') ? `${type.slice(1)}[]` : type

export function literal(random: Random, type: string): string {
  if (random.chance(0.06)) return `NULL::${written(type)}`
  return `'${random.pick(LITERALS[type]!)}'::${written(type)}`
}

/** One row of all types, as VALUES has it. */
export function randomRow(random: Random, id: number): string {
  const values = TYPES.map((type) =>
    random.chance(0.15) ? `NULL::${written(type)}` : literal(random, type),
  )
  return `(${id}, ${values.join(', ')})`
}

export const relationOf = (rows: readonly string[]): string =>
  `(VALUES ${rows.join(', ')}) r(id, ${TYPES.map(columnOf).join(', ')})`
