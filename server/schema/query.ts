// What queries take, in a body and in a URL, and what they answer.

import * as z from 'zod'
import { named, noted } from './documented.ts'
import {
  count,
  databaseParameter,
  describe,
  integerFormat,
  precision,
  tagSet,
  time,
  timeFormat,
} from './parameter.ts'

const scalar = z.union([z.string(), z.number(), z.boolean()]).nullable()

const where = noted(
  z.union([z.string(), z.record(z.string(), z.unknown())], {
    error: 'where is an SQL expression or an object',
  }),
  {
    description:
      'SQL expression, or an object: `{"host":["a","b"],"rack":null,"usage":{"gt":0.2}}` (ANDed). ' +
      'Tags and strings match regular expressions with `~ !~ ~* !~*`, or `{"host":{"match":"^web"}}`',
    example: "host = 'a' AND usage > 0.2",
  },
)

const select = noted(
  z.union([z.string(), z.array(z.string()), z.record(z.string(), z.string())], {
    error: 'select is an expression, a list of them, or an object of name and expression',
  }),
  {
    description: 'Fields or aggregates; all fields without it',
    example: ['mean(usage) AS u'],
  },
)

const by = z.union([z.string(), z.array(z.string())], { error: 'by is a tag or a list of tags' })

export const FillBody = named(
  'Fill',
  z.strictObject({
    kind: z.union([z.enum(['none', 'null', 'previous', 'linear']), z.number(), z.null()], {
      error: 'none, null, previous, linear or a number',
    }),
    maxGap: z.string().nullable().optional(),
    lookback: z.string().nullable().optional(),
  }),
)

const fill = z.union([z.string(), z.number(), FillBody, z.null()], {
  error: 'fill is none, null, previous, linear, a number, or an object with kind, maxGap, lookback',
})

const order = noted(z.enum(['asc', 'desc'], { error: 'asc or desc' }), {
  description: 'By time; `asc` unless given',
})
const SAMPLING_METHODS =
  'How `points` are chosen: `lttb` (default) keeps the shape of a line, `m4` the first, last, least ' +
  'and greatest of `points / 4` equal spans from the first to the last point of a series, `minmax` ' +
  'the least and greatest of `points / 2`'
const method = z.enum(['lttb', 'm4', 'minmax'], { error: 'lttb, m4 or minmax' })

export const queryMembers = {
  table: z.string(),
  start: time.nullish(),
  end: time.nullish(),
  where: where.nullish(),
  select: select.nullish(),
  by: by.nullish(),
  every: noted(z.string().nullish(), { description: 'Bucket width', example: '1m' }),
  tz: z.string().nullish(),
  origin: time.nullish(),
  fill: fill.optional(),
  order: order.nullish(),
  limit: z.number().nullish(),
  cursor: z.string().nullish(),
  precision: precision.nullish(),
  points: noted(z.number().nullish(), {
    description: 'Most points of each series of a raw query of one number field',
  }),
  method: noted(method.nullish(), { description: SAMPLING_METHODS }),
  time: timeFormat.nullish(),
  integers: integerFormat.nullish(),
}

export const QueryBody = named('QueryRequest', z.strictObject(queryMembers))

export const queryParameters = {
  db: databaseParameter,
  table: describe('Table'),
  start: describe('Start of the range, inclusive').optional(),
  end: describe('End of the range, exclusive').optional(),
  where: describe('SQL expression, or an object as JSON text').optional(),
  select: describe(
    'Fields, or aggregates: `count sum mean min max first last spread stddev variance median ' +
      'quantile(x,q) approx_quantile(x,q) distinct_count mode increase rate delta derivative ' +
      'integral time_weighted_mean moving_average(x,n)`, comma-separated',
  ).optional(),
  by: describe('Tags to group by, comma-separated; `*` = all').optional(),
  every: describe('Bucket width: `10s`, `5m`, `1h`, `1d`').optional(),
  tz: describe(
    'Time zone, like Europe/Berlin, whose clock buckets of a day and longer follow; UTC if absent',
  ).optional(),
  origin: describe('Time that some bucket starts at').optional(),
  fill: describe('`none`, `null`, `previous`, `linear`, a number, or an object').optional(),
  order: order.optional(),
  limit: count('Most rows to answer').optional(),
  cursor: describe('Of the page before').optional(),
  precision: precision.optional(),
  points: count(
    'Of a raw query of one number field: at most so many of the points of each series, for a chart',
  ).optional(),
  method: noted(method.optional(), { description: SAMPLING_METHODS }),
  time: timeFormat.optional(),
  integers: integerFormat.optional(),
}

export const QueryParameters = z.strictObject(queryParameters)

export const LatestParameters = z.strictObject({
  db: databaseParameter,
  table: queryParameters.table,
  where: queryParameters.where,
  by: queryParameters.by,
  select: queryParameters.select,
  start: describe('Only points from this time on').optional(),
  precision: precision.optional(),
  time: timeFormat.optional(),
  integers: integerFormat.optional(),
})

const answerColumn = named(
  'AnswerColumn',
  z.object({
    name: z.string(),
    type: z.enum(['timestamp', 'float', 'integer', 'unsigned', 'boolean', 'string']),
    unit: timeFormat.optional(),
    encoding: z.literal('string').optional(),
  }),
)

const queryStats = named(
  'QueryStats',
  z.object({
    elapsedMs: z.number(),
    series: z.number().int(),
    blocks: z.number().int(),
    blocksSkipped: z.number().int(),
    blocksFromSummary: z.number().int(),
    blocksDecoded: z.number().int(),
    bytesRead: z.number().int(),
    index: z.object({ pieces: z.number().int(), maxError: z.number() }),
    rollup: noted(z.string().nullable(), {
      description:
        'The rollup (of several the coarsest) that answered where it could; null = points answered',
    }),
  }),
)

export const AnswerBody = named(
  'Answer',
  z.object({
    table: z.string(),
    columns: z.array(answerColumn),
    series: z.array(
      z.object({
        tags: tagSet,
        time: z.array(z.union([z.number(), z.string()])),
        fields: z.record(z.string(), z.array(scalar)),
      }),
    ),
    rowCount: z.number().int(),
    cursor: z.string().nullable(),
    stats: queryStats,
  }),
)
