// Hostile requests of every other operation: exports, listings, settings, deletes, databases, tokens, and
// whatever a question may carry.

import { type Case, get, long, query, type Sent } from './sent.ts'

const json = (method: string, path: string, body: unknown): Sent => ({
  path,
  method,
  type: 'application/json',
  body: typeof body === 'string' ? body : JSON.stringify(body),
})
const bare = (method: string, path: string): Sent => ({ path, method })
const ask = (members: object): Sent => query({ table: 'kept', ...members })
const url = (parameters: string): Sent => get(`/v1/query?table=kept&${parameters}`)
const buckets = { select: ['mean(x)'], start: 0, end: 1000 }

export const MEMBERS: Case[] = [
  ['a list as a question', () => query([]), 400, 'bad_request'],
  ['a text as a question', () => query('"kept"'), 400, 'bad_request'],
  [
    '__proto__ as a member',
    () => query('{"table":"kept","__proto__":{"limit":1}}'),
    400,
    'bad_request',
  ],
  ['a table twice', () => query('{"table":"kept","table":"other"}'), 400, 'bad_request'],
  ['an unknown member', () => ask({ from: 0 }), 400, 'bad_request', { pointer: '/from' }],
  ['an unknown parameter', () => url('from=0'), 400, 'bad_request', { pointer: '/from' }],
  ['a parameter twice', () => url('limit=1&limit=2'), 400, 'bad_request', { pointer: '/limit' }],
  ['a question of two megabytes', () => ask({ where: long(2_000_000) }), 413, 'too_large'],
  ['a number as table', () => query({ table: 7 }), 400, 'bad_request', { pointer: '/table' }],
  ['no table', () => query({}), 400, 'bad_request', { pointer: '/table' }],
  ['a limit below nothing', () => ask({ limit: -1 }), 400, 'bad_request', { pointer: '/limit' }],
  ['a limit of half a row', () => ask({ limit: 0.5 }), 400, 'bad_request', { pointer: '/limit' }],
  ['a limit in hexadecimal', () => url('limit=0x10'), 400, 'bad_request', { pointer: '/limit' }],
  [
    'an order of its own',
    () => ask({ order: 'sideways' }),
    400,
    'bad_request',
    { pointer: '/order' },
  ],
  [
    'a unit of its own',
    () => ask({ precision: 'fortnight' }),
    400,
    'bad_request',
    { pointer: '/precision' },
  ],
  ['a time format of its own', () => url('time=julian'), 400, 'bad_request', { pointer: '/time' }],
  ['by without an aggregate', () => ask({ by: ['host'] }), 400, 'bad_request', { pointer: '/by' }],
  ['a group of what is no tag', () => ask({ ...buckets, by: ['nope'] }), 400, 'unknown_column'],
  ['a fill of its own', () => ask({ ...buckets, every: '1s', fill: 'cubic' }), 400, 'bad_request'],
  [
    'a fill without buckets',
    () => ask({ ...buckets, fill: 'null' }),
    400,
    'bad_request',
    { pointer: '/fill' },
  ],
  [
    'a fill with a member too many',
    () => ask({ ...buckets, every: '1s', fill: { kind: 'null', by: 1 } }),
    400,
    'bad_request',
  ],
  [
    'points of less than nothing',
    () => ask({ select: 'x', points: -5 }),
    400,
    'bad_request',
    { pointer: '/points' },
  ],
  [
    'a method of its own',
    () => ask({ select: 'x', points: 5, method: 'random' }),
    400,
    'bad_request',
    { pointer: '/method' },
  ],
  [
    'a cursor that is no base64',
    () => ask({ cursor: '\u0000💥' }),
    400,
    'bad_request',
    { pointer: '/cursor' },
  ],
  [
    'a cursor of a megabyte',
    () => ask({ cursor: long(900_000) }),
    400,
    'bad_request',
    { pointer: '/cursor' },
  ],
]

export const TIMES: Case[] = [
  ['a month of 13', () => ask({ start: '2026-13-01' }), 400, 'bad_request', { pointer: '/start' }],
  [
    'the 30th of February',
    () => ask({ start: '2026-02-30' }),
    400,
    'bad_request',
    { pointer: '/start' },
  ],
  [
    'a second of 61',
    () => ask({ end: '2026-01-01T00:00:61Z' }),
    400,
    'bad_request',
    { pointer: '/end' },
  ],
  [
    'the year 275760',
    () => ask({ start: '+275760-09-13' }),
    400,
    'bad_request',
    { pointer: '/start' },
  ],
  ['the year 9999', () => ask({ start: '9999-01-01' }), 422, 'out_of_range'],
  ['a time of 40 digits', () => ask({ start: '9'.repeat(40) }), 422, 'out_of_range'],
  [
    'a fraction of a millisecond',
    () => ask({ start: 0.5 }),
    400,
    'bad_request',
    { pointer: '/start' },
  ],
  ['a time beyond doubles', () => query('{"table":"kept","start":1e999}'), 400, 'bad_request'],
  ['now minus a billion years', () => url('start=now-1000000000y'), 422, 'out_of_range'],
  [
    'now minus nothing of a unit',
    () => url('start=now-'),
    400,
    'bad_request',
    { pointer: '/start' },
  ],
  ['NUL as a time', () => url('start=%00'), 400, 'bad_request', { pointer: '/start' }],
  [
    'buckets of no length',
    () => ask({ ...buckets, every: '0s' }),
    400,
    'bad_request',
    { pointer: '/every' },
  ],
  [
    'buckets that go back',
    () => ask({ ...buckets, every: '-1m' }),
    400,
    'bad_request',
    { pointer: '/every' },
  ],
  [
    'buckets of a unit of its own',
    () => ask({ ...buckets, every: '1parsec' }),
    400,
    'bad_request',
    { pointer: '/every' },
  ],
  [
    'buckets of 10^30 years',
    () => ask({ ...buckets, every: `1${'0'.repeat(30)}y` }),
    400,
    'bad_request',
  ],
  [
    'a zone that climbs',
    () => ask({ ...buckets, every: '1d', tz: '../../etc/localtime' }),
    400,
    'bad_request',
    { pointer: '/tz' },
  ],
  [
    'a zone that is none',
    () => ask({ ...buckets, every: '1d', tz: 'Mars/Olympus' }),
    400,
    'bad_request',
    { pointer: '/tz' },
  ],
  [
    'a zone of a megabyte',
    () => ask({ ...buckets, every: '1d', tz: long(900_000) }),
    400,
    'bad_request',
    { pointer: '/tz' },
  ],
]

export const EXPRESSIONS: Case[] = [
  ['a field twice', () => ask({ select: ['x', 'x'] }), 400, 'bad_request'],
  ['an aggregate beside a field', () => ask({ select: ['mean(x)', 'n'] }), 400, 'bad_request'],
  ['an unknown field', () => ask({ select: ['xx'] }), 400, 'unknown_column', { position: 1 }],
  [
    'an unknown field in where',
    () => ask({ where: 'x > 0 AND zz = 1' }),
    400,
    'unknown_column',
    { position: 11 },
  ],
  ['where that ends too early', () => ask({ where: 'x > ' }), 400, 'sql_syntax', { position: 5 }],
  ['a quote that never ends', () => ask({ where: "s = 'x" }), 400, 'sql_syntax'],
  ['a text beside a number', () => ask({ where: "x > 'a'" }), 400, 'bad_request'],
  ['the mean of a text', () => ask({ select: ['mean(s)'] }), 422, 'type_conflict'],
  ['an operator of its own', () => ask({ where: { x: { between: 1 } } }), 400, 'bad_request'],
  [
    'an object in an object in where',
    () => ask({ where: { x: { gt: { gt: 1 } } } }),
    400,
    'bad_request',
  ],
  [
    '__proto__ in where',
    () => query('{"table":"kept","where":{"x":{"__proto__":1}}}'),
    400,
    'bad_request',
  ],
  ['a quantile of 2', () => ask({ select: ['quantile(x, 2)'] }), 400, 'bad_request'],
]

export const EXPORTS: Case[] = [
  [
    'a format of its own',
    () => get('/v1/export?table=kept&format=xlsx'),
    400,
    'bad_request',
    { pointer: '/format' },
  ],
  [
    'line protocol of means',
    () => get('/v1/export?table=kept&format=lp&select=mean(x)'),
    400,
    'bad_request',
    { pointer: '/format' },
  ],
  [
    'Parquet in seconds',
    () => get('/v1/export?table=kept&format=parquet&time=s'),
    400,
    'bad_request',
    { pointer: '/time' },
  ],
  [
    'Arrow with texts for integers',
    () => get('/v1/export?table=kept&format=arrow&integers=string'),
    400,
    'bad_request',
    { pointer: '/integers' },
  ],
  [
    'a table that is not there',
    () => get('/v1/export?table=nope&format=parquet'),
    404,
    'not_found',
  ],
  ['a database that is not there', () => get('/v1/export?table=kept&db=nope'), 404, 'not_found'],
  [
    'a body of text',
    () => ({ path: '/v1/export', type: 'text/plain', body: 'kept' }),
    415,
    'unsupported_media_type',
  ],
  [
    'a latest of an aggregate',
    () => get('/v1/latest?table=kept&select=mean(x)'),
    400,
    'bad_request',
  ],
]

const table = (name: string, body: unknown): Sent => json('PUT', `/v1/tables/${name}`, body)
const manyFields = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, 'float']))

export const SETTINGS: Case[] = [
  ['a type of its own', () => table('bad', { fields: { v: 'decimal' } }), 400, 'bad_request'],
  ['an age of its own', () => table('bad', { retention: 'forever' }), 400, 'bad_request'],
  [
    'a member of its own',
    () => table('bad', { ttl: '1d' }),
    400,
    'bad_request',
    { pointer: '/ttl' },
  ],
  ['10,000 fields', () => table('bad', { fields: manyFields }), 422, 'limit_exceeded'],
  ['a name of 1,025 bytes', () => table(long(1025), {}), 422, 'limit_exceeded'],
  ['a name with a line break', () => table('a%0Ab', {}), 400, 'bad_request'],
  [
    'a field that is also a tag',
    () => table('bad', { tags: ['v'], fields: { v: 'float' } }),
    422,
    'type_conflict',
  ],
  [
    'another type for a field',
    () => table('kept', { fields: { n: 'string' } }),
    422,
    'type_conflict',
  ],
  ['a field called time', () => table('bad', { fields: { time: 'float' } }), 400, 'bad_request'],
  [
    'a rollup of nothing',
    () => table('kept', { rollups: [{ name: 'r', every: '1h', select: {} }] }),
    400,
    'bad_request',
  ],
  [
    'a rollup of itself',
    () => table('kept', { rollups: [{ name: 'kept', every: '1h', select: { m: 'mean(x)' } }] }),
    409,
    'conflict',
  ],
  ['no JSON', () => table('bad', '{"fields":'), 400, 'bad_request'],
  [
    'a body of text',
    () => ({ ...table('bad', '{}'), type: 'text/plain' }),
    415,
    'unsupported_media_type',
  ],
]

export const REMOVALS: Case[] = [
  [
    'deleting rows without saying which',
    () => bare('DELETE', '/v1/tables/kept/rows'),
    400,
    'bad_request',
  ],
  [
    'deleting rows of an unknown column',
    () => bare('DELETE', '/v1/tables/kept/rows?where=zz%3D1'),
    400,
    'unknown_column',
  ],
  [
    'deleting rows with where in a body',
    () => ({ ...json('DELETE', '/v1/tables/kept/rows?start=0', { where: 'x > 9' }) }),
    400,
    'bad_request',
  ],
  [
    'deleting rows where nothing is said',
    () => bare('DELETE', '/v1/tables/kept/rows?where='),
    400,
    'sql_syntax',
  ],
  [
    'a dry run that is perhaps',
    () => bare('DELETE', '/v1/tables/kept/rows?start=0&dryRun=perhaps'),
    400,
    'bad_request',
    { pointer: '/dryRun' },
  ],
  [
    'dropping a column that is not there',
    () => bare('DELETE', '/v1/tables/kept/columns/nope'),
    400,
    'unknown_column',
  ],
  ['dropping the time', () => bare('DELETE', '/v1/tables/kept/columns/time'), 422, 'unsupported'],
  [
    'dropping a database that is not there',
    () => bare('DELETE', '/v1/databases/nope'),
    404,
    'not_found',
  ],
  ['a database with a slash', () => bare('PUT', '/v1/databases/a%2Fb'), 400, 'bad_request'],
  ['a database of 64 letters', () => bare('PUT', `/v1/databases/${long(64)}`), 400, 'bad_request'],
  ['a database called ..', () => bare('PUT', '/v1/databases/%2e%2e'), 404, 'not_found'],
  ['statistics of a table that is not there', () => get('/v1/tables/nope/stats'), 404, 'not_found'],
  [
    'values of a tag that is not there',
    () => get('/v1/tables/kept/tags/nope/values'),
    400,
    'unknown_column',
  ],
  [
    'series with a limit of 10^9',
    () => get('/v1/tables/kept/series?limit=1000000000'),
    400,
    'bad_request',
  ],
  [
    'a restore over data',
    () => ({ path: '/v1/restore', type: 'application/x-tar', body: long(1024) }),
    409,
    'conflict',
  ],
  ['a backup since never', () => get('/v1/backup?since=../../etc'), 400, 'bad_request'],
  [
    'a token without scopes',
    () => json('POST', '/v1/tokens', { name: 'x', scopes: {} }),
    400,
    'bad_request',
  ],
  [
    'a token for everything but admin first',
    () => json('POST', '/v1/tokens', { name: 'x', scopes: { a: ['read'] } }),
    409,
    'conflict',
  ],
  [
    'a token with a scope of its own',
    () => json('POST', '/v1/tokens', { name: 'x', scopes: { '*': ['root'] } }),
    400,
    'bad_request',
  ],
  [
    'a token for __proto__',
    () => json('POST', '/v1/tokens', '{"name":"x","scopes":{"__proto__":["read"]}}'),
    400,
    'bad_request',
  ],
  [
    'a token that ended',
    () => json('POST', '/v1/tokens', { name: 'x', scopes: { '*': ['admin'] }, expiresAt: 1 }),
    400,
    'bad_request',
  ],
  [
    'a token with a name of control characters',
    () => json('POST', '/v1/tokens', { name: 'a\u0007', scopes: { '*': ['admin'] } }),
    400,
    'bad_request',
  ],
  ['a token that is not there', () => get('/v1/tokens/..%2F..'), 404, 'not_found'],
  ['a route that is not there', () => get('/v2/everything'), 404, 'not_found'],
  ['a POST to health', () => bare('POST', '/health'), 405, 'method_not_allowed'],
]
