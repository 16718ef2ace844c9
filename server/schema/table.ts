// What is asked of tables, set of them and answered: their columns, series, tags, rollups, deletes.

import { z } from '@hono/zod-openapi'
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
  start: describe('Start of the range, inclusive').openapi({ example: 'now-2h' }).optional(),
  end: describe('End of the range, exclusive').openapi({ example: 'now-1h' }).optional(),
  where: describe('SQL expression over tags and fields, or an object as JSON text')
    .openapi({ example: "host = 'a' AND usage > 0.2" })
    .optional(),
  precision: precision.optional(),
  dryRun: flag.openapi({ type: 'boolean', description: 'true: only count the points' }),
})

export const DeleteAnswer = z
  .object({ deleted: z.number().int(), dryRun: z.boolean() })
  .openapi('DeleteAnswer', { example: { deleted: 42, dryRun: false } })

export const TagParameter = z.object({ table: describe('Table'), key: describe('Tag key') })

export const TablesAnswer = z
  .object({
    tables: z.array(
      z.object({ name: z.string(), points: z.number().int(), series: z.number().int() }),
    ),
  })
  .openapi('Tables')

const timeValue = z.union([z.number(), z.string()]).nullable()

const Rollup = z
  .strictObject({
    name: z.string().openapi({ description: 'The table that holds it; read it like any other' }),
    every: z.string().openapi({
      description: 'Length of its buckets: a count and one of s m h d w, 1s or longer',
      example: '1h',
    }),
    select: z.record(z.string(), z.string()).openapi({
      description:
        'Its fields: count, sum, mean, min, max, spread, first or last of a field, or count(*)',
      example: { mean: 'mean(usage)' },
    }),
    retention: z.string().nullable().optional().openapi({
      description: 'Age at which its buckets go; null = never',
      example: '2y',
    }),
  })
  .openapi('Rollup')

export const TableAnswer = z
  .object({
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
  })
  .openapi('Table')

/** What `PUT /v1/tables/{table}` sets; what it does not name stays as it is. */
export const TableBody = z
  .strictObject({
    tags: z.array(z.string()).optional().openapi({ description: 'Tag keys to have' }),
    fields: z
      .record(z.string(), fieldTypeName)
      .optional()
      .openapi({ description: 'Fields to have, with their types', example: { usage: 'float' } }),
    retention: z.string().nullable().optional().openapi({
      description:
        'Age at which points go, as a count and one of s m h d w mo y (30 and 365 days); null = never',
      example: '30d',
    }),
    rollups: z
      .array(Rollup)
      .optional()
      .openapi({
        description:
          'All of its stored downsamples: one that is left out is dropped. Queries whose buckets are ' +
          'made of whole ones of a rollup use it; `stats.rollup` of the answer says so. They reach ' +
          'back to its retention: points that have expired count in whole buckets of it',
      }),
  })
  .openapi('TableSettings')

export const SeriesAnswer = z
  .object({
    series: z.array(z.object({ tags: z.record(z.string(), z.string()) })),
    cursor: z.string().nullable(),
  })
  .openapi('SeriesList')

export const TagsAnswer = z.object({ tags: z.array(z.string()) }).openapi('Tags')

export const ValuesAnswer = z
  .object({ values: z.array(z.string()), cursor: z.string().nullable() })
  .openapi('TagValues')
