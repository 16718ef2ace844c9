// What a tail takes.

import * as z from 'zod'
import { databaseParameter, describe, integerFormat, timeFormat } from './parameter.ts'
import { queryParameters } from './query.ts'

export const TailParameters = z.strictObject({
  db: databaseParameter,
  table: queryParameters.table,
  where: queryParameters.where,
  select: queryParameters.select,
  by: describe('Tags to group buckets by, comma-separated; `*` = all').optional(),
  every: describe(
    'Bucket width; with it `select` has aggregates, and events are `buckets`',
  ).optional(),
  time: timeFormat.optional(),
  integers: integerFormat.optional(),
})
