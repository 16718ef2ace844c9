import { describe, expect, test } from 'vitest'
import { printValue, readValue } from '../../sql/value-text.ts'
import { SqlError } from '../../sql/sql-error.ts'
import { typeOf } from '../../sql/type.ts'

const context = { now: 1_700_000_000_000_000_000n, timeZone: 'Europe/Berlin' }

/** What PostgreSQL 15 prints for each text cast to the type, with TimeZone Europe/Berlin. */
const CASES: readonly (readonly [type: string, input: string, output: string])[] = [
  ['float8', '1e15', '1e+15'],
  ['float8', '123456789012345', '123456789012345'],
  ['float8', '0.00001', '1e-05'],
  ['float8', '0.0001', '0.0001'],
  ['float8', '-0', '-0'],
  ['float8', '5e-324', '5e-324'],
  ['float8', '0.1', '0.1'],
  ['float8', ' inf ', 'Infinity'],
  ['float4', '1234567', '1.234567e+06'],
  ['float4', '0.1', '0.1'],
  ['numeric', '1.500', '1.500'],
  ['numeric', '-.5', '-0.5'],
  ['numeric', '1e3', '1000'],
  ['numeric', '1e-3', '0.001'],
  ['numeric', 'nan', 'NaN'],
  ['int8', '-9223372036854775808', '-9223372036854775808'],
  ['bool', 'yes', 't'],
  ['bool', 'OFF', 'f'],
  ['interval', '1 year 2 months -3 days 04:05:06.7', '1 year 2 mons -3 days +04:05:06.7'],
  ['interval', '-90 min', '-01:30:00'],
  ['interval', '1.5 months', '1 mon 15 days'],
  ['interval', 'P1Y2M3DT4H5M6S', '1 year 2 mons 3 days 04:05:06'],
  ['interval', '2 days ago', '-2 days'],
  ['interval', '0', '00:00:00'],
  ['interval', '1-2', '1 year 2 mons'],
  ['date', '2024-02-29', '2024-02-29'],
  ['date', 'Jan 8, 1999', '1999-01-08'],
  ['date', '0044-03-15 BC', '0044-03-15 BC'],
  ['time', '23:59:59.999999', '23:59:59.999999'],
  ['time', '4:05 PM', '16:05:00'],
  ['timestamp', '2024-03-10T12:00:00Z', '2024-03-10 12:00:00'],
  ['timestamptz', '2024-07-01 12:00', '2024-07-01 12:00:00+02'],
  ['timestamptz', '2024-07-01 12:00Z', '2024-07-01 14:00:00+02'],
  ['timestamptz', '2024-01-01 12:00:00.5 America/New_York', '2024-01-01 18:00:00.5+01'],
  ['timestamptz', '2024-10-27 02:30', '2024-10-27 02:30:00+01'],
  ['timestamptz', '2024-03-31 02:30', '2024-03-31 03:30:00+02'],
  ['timestamptz', 'infinity', 'infinity'],
  ['timestamptz', 'epoch', '1970-01-01 01:00:00+01'],
  ['_text', '{a,"b c",NULL,"null",""}', '{a,"b c",NULL,"null",""}'],
  ['_text', String.raw`{"a\"b","c\\d"}`, String.raw`{"a\"b","c\\d"}`],
  ['_int4', '{{1,2},{3,4}}', '{{1,2},{3,4}}'],
  ['_int4', '[0:1]={1,2}', '[0:1]={1,2}'],
  ['_float8', '{}', '{}'],
  ['bytea', '\\x00fF', '\\x00ff'],
  ['bytea', 'a\\001', '\\x6101'],
  ['uuid', '{A0EEBC999C0B4EF8BB6D6BB9BD380A11}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['jsonb', '{"bb":1, "a":[1.50,null], "a":2}', '{"a": 2, "bb": 1}'],
]

const REFUSED: readonly (readonly [type: string, input: string, sqlstate: string])[] = [
  ['int4', '2147483648', '22003'],
  ['int4', '1.5', '22P02'],
  ['float8', '1e400', '22003'],
  ['float8', 'x', '22P02'],
  ['date', '2023-02-29', '22008'],
  ['date', 'nonsense', '22007'],
  ['timestamptz', '2024-01-01 25:00', '22008'],
  ['timestamptz', '3000-01-01', '22008'],
  ['interval', '1 fortnight', '22007'],
  ['_int4', '{1,{2}}', '22P02'],
  ['_int4', '{1,2', '22P02'],
  ['bytea', '\\x0', '22023'],
  ['json', '{"a":}', '22P02'],
  ['uuid', '123', '22P02'],
]

describe('text of values', () => {
  test.each(CASES)('%s %s prints as %s', (name, input, output) => {
    const type = typeOf(name)
    const printed = printValue(type, readValue(type, input, context), context)
    expect(printed).toBe(output)
    expect(printValue(type, readValue(type, printed, context), context)).toBe(output)
  })

  test.each(REFUSED)('%s refuses %s with %s', (name, input, sqlstate) => {
    let thrown: unknown = null
    try {
      readValue(typeOf(name), input, context)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(SqlError)
    expect((thrown as SqlError).sqlstate).toBe(sqlstate)
  })

  test('a timestamp keeps nine digits of its second', () => {
    const type = typeOf('timestamptz')
    const time = readValue(type, '2024-01-01 00:00:00.123456789Z', context)
    expect(time).toBe(1_704_067_200_123_456_789n)
    expect(printValue(type, time, context)).toBe('2024-01-01 01:00:00.123456789+01')
  })
})
