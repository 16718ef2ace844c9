// SQL over HTTP: what the three routes take and answer.

import * as z from 'zod'
import { named, noted } from './documented.ts'
import { databaseParameter, describe, integerFormat, timeFormat } from './parameter.ts'

const statement = noted(z.string(), {
  description: 'One statement of the dialect of docs/sql.md; `$1` and on are parameters',
  example: 'SELECT host, avg(usage) FROM cpu WHERE time > now() - $1::interval GROUP BY host',
})

const parameters = noted(z.array(z.unknown()), {
  description:
    'Values of `$1` and on: strings (read as their type is written), numbers, booleans, null, lists of ' +
    'them for arrays; a number for a time is milliseconds since 1970',
  example: ['1 hour'],
})

export const SqlBody = named(
  'SqlRequest',
  z.strictObject({
    sql: statement,
    params: parameters.nullish(),
    time: timeFormat.nullish(),
    integers: integerFormat.nullish(),
  }),
)

export const SqlParameters = z.strictObject({
  db: databaseParameter,
  q: describe('One statement that only reads'),
  params: describe('Values of `$1` and on, as a JSON list').optional(),
  time: timeFormat.optional(),
  integers: integerFormat.optional(),
})

const SqlColumn = named(
  'SqlColumn',
  z.object({
    name: z.string(),
    type: noted(z.string(), {
      description:
        '`timestamp` `float` `integer` `boolean` `string`, or the name that PostgreSQL has for it',
    }),
    unit: noted(timeFormat.optional(), { description: 'Of a `timestamp`' }),
  }),
)

export const SqlAnswer = named(
  'SqlAnswer',
  z.object({
    columns: z.array(SqlColumn),
    rows: noted(z.array(z.array(z.unknown())), {
      description:
        'Integers beyond 2^53 and numerics with decimals are strings; NaN and infinities null',
    }),
    rowCount: noted(z.number().int(), {
      description: 'Rows above, or rows that a command changed',
    }),
    command: noted(z.string(), { description: 'First words of the tag', example: 'SELECT' }),
    stats: z.object({ elapsedMs: z.number() }),
  }),
)

export const SeedBody = named('SeedQuery', z.strictObject({ sql: statement }))

export const SeedAnswer = named(
  'SeedAnswer',
  z.object({
    columns: z.array(z.string()),
    rows: z.array(z.array(z.unknown())),
    rows_affected: z.number().int(),
  }),
)

const NeonQuery = z.object({
  query: z.string(),
  params: z.array(z.unknown()).nullish(),
})

export const NeonBody = named(
  'NeonRequest',
  z.union([NeonQuery, z.object({ queries: z.array(NeonQuery) })], {
    error: 'an object with query and params, or with queries',
  }),
)

const NeonResult = named(
  'NeonResult',
  z.object({
    command: z.string(),
    rowCount: z.number().int().nullable(),
    fields: z.array(z.record(z.string(), z.unknown())),
    rows: noted(z.array(z.unknown()), { description: 'Objects, or lists with `Neon-Array-Mode`' }),
    rowAsArray: z.boolean(),
  }),
)

export const NeonAnswer = named(
  'NeonAnswer',
  z.union([NeonResult, z.object({ results: z.array(NeonResult) })]),
)

export const NeonError = named(
  'NeonError',
  z.object({
    message: z.string(),
    code: noted(z.string(), { description: 'SQLSTATE' }),
    severity: z.string(),
    position: z.string().nullable(),
    detail: z.string().nullable(),
    hint: z.string().nullable(),
    requestId: z.string(),
  }),
)
