// The shapes of the native routes, once: requests are checked against these, the OpenAPI document
// and the typed client are made of them. Envelopes only: points are read by hand (ingest/).

import { z } from '@hono/zod-openapi'
import { INTEGER_FORMATS } from './encode/integers.ts'
import { TIME_FORMATS } from './encode/time.ts'

const describe = (description: string) => z.string().openapi({ description })

export const DATABASE_NAME = /^[A-Za-z_][A-Za-z0-9_.-]{0,62}$/

export const databaseParameter = z
  .string()
  .regex(DATABASE_NAME, 'a database name is 1 to 63 letters, digits, _ . or -, no digit first')
  .default('default')
  .openapi({ description: 'Database', example: 'default' })

const precision = z
  .enum(['ns', 'us', 'ms', 's'], { error: 'one of ns, us, ms, s' })
  .openapi({ description: 'Unit of integer times' })

const timeFormat = z.enum(TIME_FORMATS, { error: 'one of ms, s, us, ns, rfc3339' }).openapi({
  description: 'How times come out: numbers (`ms`, `s`, `us`) or strings (`ns`, `rfc3339`)',
})

const integerFormat = z.enum(INTEGER_FORMATS, { error: 'auto or string' }).openapi({
  description:
    '`auto`: 64-bit integers are numbers unless a column has one beyond 2^53; `string`: always strings',
})

/** A number in a URL. */
const count = (description: string) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'a whole number')
    .transform(Number)
    .openapi({ type: 'integer', description })

const flag = z
  .enum(['true', 'false'], { error: 'true or false' })
  .transform((text) => text === 'true')
  .default(false)

// --- writing

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

const time = z
  .union([z.number(), z.string()], { error: 'a time is a number or a string' })
  .openapi({
    description:
      'Integer in `precision` units, digit string, RFC 3339, date, `now`, `now-1h` or `-1h`',
    example: 'now-1h',
  })

const pointTime = z.union([z.number(), z.string()]).nullable()
const fieldValue = z.union([z.number(), z.string(), z.boolean()]).nullable()
const fieldTypeName = z.enum(['float', 'integer', 'unsigned', 'boolean', 'string'])
const types = z.record(z.string(), fieldTypeName).optional().openapi({
  description: 'Types of fields that JSON cannot say; integers may then be digit strings',
})
const tagSet = z.record(z.string(), z.string().nullable())

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

const listedError = z
  .object({
    line: z.number().int().nullable(),
    column: z.number().int().nullable(),
    pointer: z.string().nullable(),
    message: z.string(),
    input: z.string().nullable(),
  })
  .openapi('ListedError')

export const WriteAnswer = z
  .object({
    written: z.number().int(),
    rejected: z.number().int(),
    ack: z.enum(['fsync', 'memory']),
    errors: z.array(listedError),
  })
  .openapi('WriteAnswer')

// --- querying

const scalar = z.union([z.string(), z.number(), z.boolean()]).nullable()

const where = z
  .union([z.string(), z.record(z.string(), z.unknown())], {
    error: 'where is an SQL expression or an object',
  })
  .openapi({
    description:
      'SQL expression, or an object: `{"host":["a","b"],"rack":null,"usage":{"gt":0.2}}` (ANDed)',
    example: "host = 'a' AND usage > 0.2",
  })

const select = z
  .union([z.string(), z.array(z.string()), z.record(z.string(), z.string())], {
    error: 'select is an expression, a list of them, or an object of name and expression',
  })
  .openapi({
    description: 'Fields or aggregates; all fields without it',
    example: ['mean(usage) AS u'],
  })

const by = z.union([z.string(), z.array(z.string())], { error: 'by is a tag or a list of tags' })

export const FillBody = z
  .strictObject({
    kind: z.union([z.enum(['none', 'null', 'previous', 'linear']), z.number(), z.null()], {
      error: 'none, null, previous, linear or a number',
    }),
    maxGap: z.string().nullable().optional(),
    lookback: z.string().nullable().optional(),
  })
  .openapi('Fill')

const fill = z.union([z.string(), z.number(), FillBody, z.null()], {
  error: 'fill is none, null, previous, linear, a number, or an object with kind, maxGap, lookback',
})

const order = z.enum(['asc', 'desc'], { error: 'asc or desc' })
const SAMPLING_METHODS =
  'How `points` are chosen: `lttb` (default) keeps the shape of a line, `m4` the first, last, least ' +
  'and greatest of `points / 4` equal spans from the first to the last point of a series, `minmax` ' +
  'the least and greatest of `points / 2`'
const method = z.enum(['lttb', 'm4', 'minmax'], { error: 'lttb, m4 or minmax' })

const queryMembers = {
  table: z.string(),
  start: time.nullish(),
  end: time.nullish(),
  where: where.nullish(),
  select: select.nullish(),
  by: by.nullish(),
  every: z.string().nullish().openapi({ description: 'Bucket width', example: '1m' }),
  tz: z.string().nullish(),
  origin: time.nullish(),
  fill: fill.optional(),
  order: order.nullish(),
  limit: z.number().nullish(),
  cursor: z.string().nullish(),
  precision: precision.nullish(),
  points: z
    .number()
    .nullish()
    .openapi({ description: 'Most points of each series of a raw query of one number field' }),
  method: method.nullish().openapi({ description: SAMPLING_METHODS }),
  time: timeFormat.nullish(),
  integers: integerFormat.nullish(),
}

export const QueryBody = z.strictObject(queryMembers).openapi('QueryRequest')

export const EXPORT_FORMATS = ['csv', 'ndjson', 'arrow'] as const
const exportFormat = z.enum(EXPORT_FORMATS, { error: 'one of csv, ndjson, arrow' }).openapi({
  description:
    '`csv` (default) with a header line, `ndjson` a flat object a line, or `arrow`, an IPC stream: tags ' +
    'as dictionaries, exact integers, `time` as a timestamp in nanoseconds (no other unit is offered)',
})

export const ExportBody = z
  .strictObject({ ...queryMembers, format: exportFormat.nullish() })
  .openapi('ExportRequest')

/** The same members in a URL: lists comma-separated, objects as JSON text. */
const queryParameters = {
  db: databaseParameter,
  table: describe('Table'),
  start: describe('Start of the range, inclusive').optional(),
  end: describe('End of the range, exclusive').optional(),
  where: describe('SQL expression, or an object as JSON text').optional(),
  select: describe(
    'Fields, or aggregates: `count sum mean min max first last spread stddev variance median ' +
      'quantile(x,q) approx_quantile(x,q) increase rate delta derivative`, comma-separated',
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
  method: method.optional().openapi({ description: SAMPLING_METHODS }),
  time: timeFormat.optional(),
  integers: integerFormat.optional(),
}

export const QueryParameters = z.strictObject(queryParameters)
export const ExportParameters = z.strictObject({
  ...queryParameters,
  format: exportFormat.optional(),
})

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

const answerColumn = z
  .object({
    name: z.string(),
    type: z.enum(['timestamp', 'float', 'integer', 'unsigned', 'boolean', 'string']),
    unit: timeFormat.optional(),
    encoding: z.literal('string').optional(),
  })
  .openapi('AnswerColumn')

const queryStats = z
  .object({
    elapsedMs: z.number(),
    series: z.number().int(),
    blocks: z.number().int(),
    blocksSkipped: z.number().int(),
    blocksFromSummary: z.number().int(),
    blocksDecoded: z.number().int(),
    bytesRead: z.number().int(),
    index: z.object({ pieces: z.number().int(), maxError: z.number() }),
    rollup: z.string().nullable().openapi({
      description:
        'The rollup (of several the coarsest) that answered where it could; null = points answered',
    }),
  })
  .openapi('QueryStats')

export const AnswerBody = z
  .object({
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
  })
  .openapi('Answer')

// --- tables

export const DatabaseQuery = z.strictObject({ db: databaseParameter })
export const TableQuery = z.strictObject({ db: databaseParameter, time: timeFormat.optional() })

export const ListQuery = z.strictObject({
  db: databaseParameter,
  where: queryParameters.where,
  limit: count('Most entries to answer').optional(),
  cursor: queryParameters.cursor,
})

export const TableParameter = z.object({ table: z.string() })
export const ColumnParameter = z.object({ table: z.string(), column: z.string() })
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

export const DatabaseParameter = z.object({ db: z.string() })
export const TagParameter = z.object({ table: z.string(), key: z.string() })

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

export const DatabasesAnswer = z
  .object({ databases: z.array(z.object({ name: z.string() })) })
  .openapi('Databases')

export const DatabaseAnswer = z.object({ name: z.string() }).openapi('Database')

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

// --- service

export const NoQuery = z.strictObject({})

export const HealthAnswer = z
  .object({
    status: z.enum(['pass', 'warn', 'fail']),
    name: z.literal('omendb'),
    version: z.string(),
    message: z.string(),
  })
  .openapi('Health')

export const BackupQuery = z.strictObject({
  since: z
    .string()
    .optional()
    .openapi({ description: 'Id of an earlier backup, from its `OmenDB-Backup-Id`' }),
})

export const RestoreAnswer = z
  .object({ databases: z.number().int(), tables: z.number().int(), points: z.number().int() })
  .openapi('Restored')

export const ReadyAnswer = z.object({ status: z.literal('ready') }).openapi('Ready')

export const ProblemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string(),
    detail: z.string(),
    requestId: z.string(),
    written: z.number().int(),
    errors: z.array(listedError),
    sqlstate: z.string().optional(),
    position: z.number().int().optional(),
  })
  .openapi('Problem')

const jsonContent = (schema: z.ZodType) => ({ 'application/json': { schema } })

/** What every native route may answer besides its success. */
export const FAILURE = {
  default: {
    description: 'Any error, as a problem document',
    content: { 'application/problem+json': { schema: ProblemBody } },
  },
}

/** The answers of a route with a JSON success. */
export function jsonAnswers(description: string, schema: z.ZodType) {
  return { 200: { description, content: jsonContent(schema) }, ...FAILURE }
}

/** A JSON request body. */
export function jsonBody(schema: z.ZodType) {
  return { required: true, content: jsonContent(schema) }
}
