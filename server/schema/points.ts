// What writes take and answer. Envelopes only: points are read by hand (ingest/).

import * as z from 'zod'
import { named, noted } from './documented.ts'
import { databaseParameter, describe, fieldTypeName, flag, precision, tagSet } from './parameter.ts'
import { listedError } from './problem.ts'

const writeParameters = {
  db: databaseParameter,
  precision: precision.optional(),
  partial: noted(flag, {
    type: 'boolean',
    description: 'true: good points are stored, bad ones listed; false: one bad point refuses all',
  }),
  ack: noted(z.enum(['fsync', 'memory'], { error: 'fsync or memory' }).optional(), {
    description: 'fsync: durable when answered; memory: within a second',
  }),
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
const types = noted(z.record(z.string(), fieldTypeName).optional(), {
  description: 'Types of fields that JSON cannot say; integers may then be digit strings',
})

export const ColumnPointsBody = named(
  'ColumnPoints',
  z.strictObject({
    table: z.string(),
    tags: tagSet.optional(),
    time: z.array(pointTime).nullable().optional(),
    fields: z.record(z.string(), z.array(fieldValue)),
    types,
  }),
)

export const RowPointsBody = named(
  'RowPoints',
  z.strictObject({
    table: z.string(),
    rows: z.array(
      z.strictObject({
        time: pointTime.optional(),
        tags: tagSet.optional(),
        fields: z.record(z.string(), fieldValue),
      }),
    ),
    types,
  }),
)

/** Documented here, read by hand (ingest/points.ts). */
export const PointsBody = named(
  'Points',
  z.union([ColumnPointsBody, RowPointsBody, z.array(z.union([ColumnPointsBody, RowPointsBody]))]),
)

export const WriteAnswer = named(
  'WriteAnswer',
  z.object({
    written: z.number().int(),
    rejected: z.number().int(),
    ack: z.enum(['fsync', 'memory']),
    errors: z.array(listedError),
  }),
)
