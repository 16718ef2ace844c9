// What is asked of tables, set of them and answered: their columns, series, tags, rollups, deletes.

import * as z from 'zod'
import { named, noted } from './documented.ts'
import {
  count,
  databaseParameter,
  describe,
  fieldTypeName,
  flag,
  precision,
  timeFormat,
} from './parameter.ts'
import { queryParameters } from './query.ts'

export const TableQuery = z.strictObject({ db: databaseParameter, time: timeFormat.optional() })

export const ListQuery = z.strictObject({
  db: databaseParameter,
  where: queryParameters.where,
  limit: count('Most entries to answer').optional(),
  cursor: queryParameters.cursor,
})

export const TableParameter = z.object({ table: describe('Table') })
export const ColumnParameter = z.object({ table: describe('Table'), column: describe('Field') })
export const DeleteQuery = z.strictObject({
  db: databaseParameter,
  start: noted(describe('Start of the range, inclusive'), { example: 'now-2h' }).optional(),
  end: noted(describe('End of the range, exclusive'), { example: 'now-1h' }).optional(),
  where: noted(describe('SQL expression over tags and fields, or an object as JSON text'), {
    example: "host = 'a' AND usage > 0.2",
  }).optional(),
  precision: precision.optional(),
  dryRun: noted(flag, { type: 'boolean', description: 'true: only count the points' }),
})

export const DeleteAnswer = named(
  'DeleteAnswer',
  z.object({ deleted: z.number().int(), dryRun: z.boolean() }),
  { example: { deleted: 42, dryRun: false } },
)

export const TagParameter = z.object({ table: describe('Table'), key: describe('Tag key') })

export const TablesAnswer = named(
  'Tables',
  z.object({
    tables: z.array(
      z.object({ name: z.string(), points: z.number().int(), series: z.number().int() }),
    ),
  }),
)

const timeValue = z.union([z.number(), z.string()]).nullable()

const Rollup = named(
  'Rollup',
  z.strictObject({
    name: noted(z.string(), { description: 'The table that holds it; read it like any other' }),
    every: noted(z.string(), {
      description: 'Length of its buckets: a count and one of s m h d w, 1s or longer',
      example: '1h',
    }),
    select: noted(z.record(z.string(), z.string()), {
      description:
        'Its fields: count, sum, mean, min, max, spread, first or last of a field, or count(*)',
      example: { mean: 'mean(usage)' },
    }),
    retention: noted(z.string().nullable().optional(), {
      description: 'Age at which its buckets go; null = never',
      example: '2y',
    }),
  }),
)

export const TableAnswer = named(
  'Table',
  z.object({
    name: z.string(),
    tags: z.array(z.string()),
    fields: z.record(z.string(), fieldTypeName),
    retention: z.string().nullable(),
    rollups: z.array(Rollup),
    points: z.number().int(),
    series: z.number().int(),
    firstTime: timeValue,
    lastTime: timeValue,
    diskBytes: z.number().int(),
    coldBytes: noted(z.number().int().optional(), {
      description:
        'Those of diskBytes that lie in an object store; absent where the server has none',
    }),
  }),
)

/** What `PUT /v1/tables/{table}` sets; what it does not name stays as it is. */
export const TableBody = named(
  'TableSettings',
  z.strictObject({
    tags: noted(z.array(z.string()).optional(), { description: 'Tag keys to have' }),
    fields: noted(z.record(z.string(), fieldTypeName).optional(), {
      description: 'Fields to have, with their types',
      example: { usage: 'float' },
    }),
    retention: noted(z.string().nullable().optional(), {
      description:
        'Age at which points go, as a count and one of s m h d w mo y (30 and 365 days); null = never',
      example: '30d',
    }),
    rollups: noted(z.array(Rollup).optional(), {
      description:
        'All of its stored downsamples: one that is left out is dropped. Queries whose buckets are ' +
        'made of whole ones of a rollup use it; `stats.rollup` of the answer says so. They reach ' +
        'back to its retention: points that have expired count in whole buckets of it',
    }),
  }),
)

export const SeriesAnswer = named(
  'SeriesList',
  z.object({
    series: z.array(z.object({ tags: z.record(z.string(), z.string()) })),
    cursor: z.string().nullable(),
  }),
)

export const TagsAnswer = named('Tags', z.object({ tags: z.array(z.string()) }))

export const ValuesAnswer = named(
  'TagValues',
  z.object({ values: z.array(z.string()), cursor: z.string().nullable() }),
)
