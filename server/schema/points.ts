// What writes take and answer. Envelopes only: points are read by hand (ingest/).

import { z } from '@hono/zod-openapi'
import { databaseParameter, describe, fieldTypeName, flag, precision, tagSet } from './parameter.ts'
import { listedError } from './problem.ts'

const writeParameters = {
  db: databaseParameter,
  precision: precision.optional(),
  partial: flag.openapi({
    type: 'boolean',
    description: 'true: good points are stored, bad ones listed; false: one bad point refuses all',
  }),
  ack: z
    .enum(['fsync', 'memory'], { error: 'fsync or memory' })
    .optional()
    .openapi({ description: 'fsync: durable when answered; memory: within a second' }),
}

export const WriteQuery = z.strictObject(writeParameters)

export const ImportQuery = z.strictObject({
  ...writeParameters,
  table: describe('Table to import into'),
  time: describe(
    'Name of the column that is the time: `time` unless given. CSV must have it; a line of NDJSON without `time` is of its arrival',
  ).optional(),
  tags: describe('Columns that are tags, comma-separated').optional(),
  types: describe('Types of fields: `n:integer,ok:boolean`').optional(),
})

const pointTime = z.union([z.number(), z.string()]).nullable()
const fieldValue = z.union([z.number(), z.string(), z.boolean()]).nullable()
const types = z.record(z.string(), fieldTypeName).optional().openapi({
  description: 'Types of fields that JSON cannot say; integers may then be digit strings',
})

export const ColumnPointsBody = z
  .strictObject({
    table: z.string(),
    tags: tagSet.optional(),
    time: z.array(pointTime).nullable().optional(),
    fields: z.record(z.string(), z.array(fieldValue)),
    types,
  })
  .openapi('ColumnPoints')

export const RowPointsBody = z
  .strictObject({
    table: z.string(),
    rows: z.array(
      z.strictObject({
        time: pointTime.optional(),
        tags: tagSet.optional(),
        fields: z.record(z.string(), fieldValue),
      }),
    ),
    types,
  })
  .openapi('RowPoints')

/** Documented here, read by hand (ingest/points.ts). */
export const PointsBody = z
  .union([ColumnPointsBody, RowPointsBody, z.array(z.union([ColumnPointsBody, RowPointsBody]))])
  .openapi('Points')

export const WriteAnswer = z
  .object({
    written: z.number().int(),
    rejected: z.number().int(),
    ack: z.enum(['fsync', 'memory']),
    errors: z.array(listedError),
  })
  .openapi('WriteAnswer')
