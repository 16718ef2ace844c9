// The table of hostile requests: what is sent, and how it is refused (hostile.test.ts sends them).

import { gzipSync } from 'node:zlib'

/** Limits of the server that they are sent to: small, so that bombs are cheap. */
export const LIMITS = { wireBytesMax: 2_000_000, inflatedBytesMax: 4_000_000 }

/** The one point that is stored before, with a column of each type. */
export const TYPED = 'kept n=1i,u=2u,x=0.5,ok=true,s="t" 1'

// --- requests of an HTTP client

export interface Sent {
  path: string
  body?: string | Uint8Array
  type?: string
  headers?: Record<string, string>
  method?: string
}

export type Case = [name: string, sent: () => Sent, status: number, code: string]

const lines = (body: string | Uint8Array, parameters = ''): Sent => {
  return { path: `/v1/write${parameters}`, body, type: 'text/plain' }
}
const points = (body: unknown): Sent => {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { path: '/v1/points', body: text, type: 'application/json' }
}
const csv = (body: string | Uint8Array, parameters = ''): Sent => {
  return { path: `/v1/import?table=bad${parameters}`, body, type: 'text/csv' }
}
const ndjson = (body: string | Uint8Array, parameters = ''): Sent => {
  return { path: `/v1/import?table=bad${parameters}`, body, type: 'application/x-ndjson' }
}
const gzip = (body: Uint8Array): Sent => {
  return { ...lines(body), headers: { 'Content-Encoding': 'gzip' } }
}
const query = (body: unknown): Sent => ({ ...points(body), path: '/v1/query' })
const get = (path: string): Sent => ({ path, method: 'GET' })
const row = (fields: unknown, others = {}) => {
  return points({ table: 'bad', rows: [{ time: 1, fields, ...others }] })
}
const bytes = (...codes: number[]) => Uint8Array.from(codes)
const many = (count: number, word: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => word(i)).join(',')
const long = (count: number) => 'a'.repeat(count)

const LINE_PROTOCOL: Case[] = [
  ['a good line before a bad one', () => lines('bad v=1 1\nbad v= 2'), 400, 'line_protocol'],
  [
    'bytes that are not UTF-8',
    () => lines(bytes(98, 255, 254, 32, 118, 61, 49)),
    400,
    'line_protocol',
  ],
  [
    'overlong UTF-8 for a slash',
    () => lines(bytes(98, 0xc0, 0xaf, 32, 118, 61, 49)),
    400,
    'line_protocol',
  ],
  [
    'a surrogate as UTF-8',
    () => lines(bytes(98, 0xed, 0xa0, 0x80, 32, 118, 61, 49)),
    400,
    'line_protocol',
  ],
  ['NUL in a name', () => lines('b\0d v=1 1'), 400, 'line_protocol'],
  ['NUL in a string', () => lines('bad v="a\0b" 1'), 400, 'line_protocol'],
  ['a control character in a tag key', () => lines('bad,t\u0007=x v=1 1'), 400, 'line_protocol'],
  ['NaN', () => lines('bad v=NaN 1'), 400, 'line_protocol'],
  ['infinity', () => lines('bad v=-Inf 1'), 400, 'line_protocol'],
  ['a float beyond all', () => lines('bad v=1e999 1'), 400, 'line_protocol'],
  ['an integer beyond i64', () => lines('bad v=9223372036854775808i 1'), 400, 'line_protocol'],
  ['a negative u64', () => lines('bad v=-1u 1'), 400, 'line_protocol'],
  ['a time beyond i64', () => lines('bad v=1 9223372036854775808'), 400, 'line_protocol'],
  [
    'a time whose unit overflows',
    () => lines('bad v=1 9999999999999', '?precision=s'),
    400,
    'line_protocol',
  ],
  ['a tag called time', () => lines('bad,time=x v=1 1'), 400, 'line_protocol'],
  ['a tag that is also a field', () => lines('bad,v=x v=1 1'), 422, 'type_conflict'],
  ['a tag twice', () => lines('bad,t=a,t=b v=1 1'), 400, 'line_protocol'],
  ['a quote that never ends', () => lines(`bad v="${long(100_000)}`), 400, 'line_protocol'],
  ['a line of commas', () => lines(','.repeat(100_000)), 400, 'line_protocol'],
  ['another type', () => lines('bad v=1 1\nkept n="x" 2'), 422, 'type_conflict'],
  ['two types in one request', () => lines('bad v=1 1\nbad v="x" 2'), 422, 'type_conflict'],
  ['a tag value of 1 MB', () => lines(`bad,t=${long(1e6)} v=1 1`), 422, 'limit_exceeded'],
  ['a name of 1,025 bytes', () => lines(`${long(1025)} v=1 1`), 422, 'limit_exceeded'],
  [
    'a string of more than 1 MiB',
    () => lines(`bad v="${long(1_048_577)}" 1`),
    422,
    'limit_exceeded',
  ],
  [
    '10,000 tags',
    () => lines(`bad,${many(10_000, (i) => `t${i}=x`)} v=1 1`),
    422,
    'limit_exceeded',
  ],
  ['10,000 fields', () => lines(`bad ${many(10_000, (i) => `f${i}=1`)} 1`), 422, 'limit_exceeded'],
  [
    'a series key of more than 64 KiB',
    () => lines(`bad,${many(3, (i) => `t${i}=${long(40_000)}`)} v=1 1`),
    422,
    'limit_exceeded',
  ],
]

const JSON_POINTS: Case[] = [
  ['no JSON', () => points('{"table":"bad"'), 400, 'bad_request'],
  [
    'bytes that are not UTF-8',
    () => ({ ...points(''), body: bytes(34, 255, 34) }),
    400,
    'bad_request',
  ],
  [
    'half of a surrogate pair',
    () => points('{"table":"bad","tags":{"t":"\\ud800"},"fields":{"v":[1]}}'),
    400,
    'bad_request',
  ],
  ['a hundred thousand brackets', () => points('['.repeat(100_000)), 400, 'bad_request'],
  [
    'as many empty objects as fit',
    () => points(`[${'{},'.repeat(660_000)}{}]`),
    400,
    'bad_request',
  ],
  [
    'a member twice',
    () => points('{"table":"bad","table":"bad","fields":{"v":[1]}}'),
    400,
    'bad_request',
  ],
  [
    '__proto__ as a member',
    () => points('{"table":"bad","fields":{"v":[1]},"__proto__":{}}'),
    400,
    'bad_request',
  ],
  [
    '__proto__ with a list',
    () => points('{"table":"bad","rows":[{"fields":{"__proto__":[1]}}]}'),
    400,
    'bad_request',
  ],
  [
    'constructor as a type',
    () => points('{"table":"bad","fields":{"v":[1]},"types":{"v":"constructor"}}'),
    400,
    'bad_request',
  ],
  [
    'an unsafe integer as a time',
    () => points('{"table":"bad","time":[9007199254740993],"fields":{"v":[1]}}'),
    400,
    'unsafe_integer',
  ],
  [
    'an unsafe integer for an integer column',
    () => points('{"table":"kept","time":[9],"fields":{"n":[9007199254740993]}}'),
    400,
    'unsafe_integer',
  ],
  [
    'a number beyond doubles',
    () => points('{"table":"bad","fields":{"v":[1e999]}}'),
    422,
    'out_of_range',
  ],
  [
    'a time of the year 300,000',
    () => points({ table: 'bad', time: ['9999999999999'], fields: { v: [1] } }),
    422,
    'out_of_range',
  ],
  [
    'columns of unlike length',
    () => points({ table: 'bad', time: [1], fields: { v: [1, 2] } }),
    400,
    'bad_request',
  ],
  [
    'a bad row behind a good one',
    () => points({ table: 'bad', rows: [{ fields: { v: 1 } }, { fields: { v: {} } }] }),
    400,
    'bad_request',
  ],
  [
    'a fraction for an integer column',
    () => points({ table: 'kept', time: [9], fields: { n: [0.5] } }),
    422,
    'type_conflict',
  ],
  ['a newline in a tag key', () => row({ v: 1 }, { tags: { 'a\nb': 'x' } }), 400, 'bad_request'],
  ['an empty table name', () => points({ table: '', fields: { v: [1] } }), 400, 'bad_request'],
  ['a name of 1,025 bytes', () => row({ [long(1025)]: 1 }), 422, 'limit_exceeded'],
  ['a tag value of 1 MB', () => row({ v: 1 }, { tags: { t: long(1e6) } }), 422, 'limit_exceeded'],
  [
    '10,000 fields',
    () => row(Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`f${i}`, 1]))),
    422,
    'limit_exceeded',
  ],
]

const IMPORTS: Case[] = [
  ['CSV without its time', () => csv('when,v\n1,1\n'), 400, 'bad_request'],
  ['CSV with a column twice', () => csv('time,v,v\n1,1,1\n'), 400, 'bad_request'],
  ['CSV with a cell too many', () => csv('time,v\n1,1\n2,2,2\n'), 400, 'bad_request'],
  [
    'CSV with a quote that never ends',
    () => csv(`time,v\n1,"${long(100_000)}`),
    400,
    'bad_request',
  ],
  ['CSV with a header of a megabyte', () => csv(`time,"${long(1e6)}`), 400, 'bad_request'],
  [
    'CSV of 10,000 columns',
    () => csv(`time,${many(10_000, (i) => `c${i}`)}\n`),
    422,
    'limit_exceeded',
  ],
  [
    'CSV that is not UTF-8',
    () => csv(bytes(116, 105, 109, 101, 44, 0xff, 10, 49, 44, 49)),
    400,
    'bad_request',
  ],
  [
    'CSV with a type that is none',
    () => csv('time,v\n1,1\n', '&types=v:__proto__'),
    400,
    'bad_request',
  ],
  ['NDJSON with a list in it', () => ndjson('{"time":1,"v":1}\n[1]\n'), 400, 'bad_request'],
  ['NDJSON with a field twice', () => ndjson('{"time":1,"v":1,"v":2}\n'), 400, 'bad_request'],
  [
    'NDJSON without the time it named',
    () => ndjson('{"time":1,"v":1}\n', '&time=at'),
    400,
    'bad_request',
  ],
  [
    'NDJSON that is not UTF-8',
    () => ndjson(bytes(123, 34, 255, 34, 58, 49, 125)),
    400,
    'bad_request',
  ],
]

const ENVELOPES: Case[] = [
  ['an unknown parameter', () => lines('bad v=1 1', '?dbs=x'), 400, 'bad_request'],
  ['a parameter twice', () => lines('bad v=1 1', '?db=x&db=y'), 400, 'bad_request'],
  ['a database that climbs', () => lines('bad v=1 1', '?db=..%2f..%2fetc'), 400, 'bad_request'],
  [
    'a bad line for a database called __proto__',
    () => lines('bad v= 1', '?db=__proto__'),
    400,
    'line_protocol',
  ],
  ['a parameter that is not UTF-8', () => csv('time,v\n1,1\n', '&tags=%ff'), 400, 'bad_request'],
  [
    'a content type of another route',
    () => ({ ...lines('bad v=1 1'), type: 'text/html' }),
    415,
    'unsupported_media_type',
  ],
  [
    'UTF-16',
    () => ({ ...lines('bad v=1 1'), type: 'text/plain; charset=utf-16' }),
    415,
    'unsupported_media_type',
  ],
  [
    'an encoding that is not offered',
    () => ({ ...lines('bad v=1 1'), headers: { 'Content-Encoding': 'br' } }),
    415,
    'unsupported_media_type',
  ],
  [
    'gzip in gzip',
    () => ({
      ...gzip(gzipSync(gzipSync('bad v=1 1'))),
      headers: { 'Content-Encoding': 'gzip, gzip' },
    }),
    415,
    'unsupported_media_type',
  ],
  ['gzip that is none', () => gzip(Buffer.from('bad v=1 1')), 400, 'bad_request'],
  [
    'gzip cut short',
    () => gzip(gzipSync(`bad v=1 1\n${long(5000)}`).subarray(0, -9)),
    400,
    'bad_request',
  ],
  [
    'gzip with a flipped bit',
    () => gzip(gzipSync('bad v=1 1').map((byte, i) => (i === 12 ? byte ^ 4 : byte))),
    400,
    'bad_request',
  ],
  [
    'gzip with a tail',
    () => gzip(Buffer.concat([gzipSync('bad v=1 1\n'), Buffer.from('bad v=1 2')])),
    400,
    'bad_request',
  ],
  ['a gzip bomb of zeros', () => gzip(gzipSync(Buffer.alloc(50_000_000))), 413, 'too_large'],
  [
    'a gzip bomb of good lines',
    () => gzip(gzipSync('bad v=1 1\n'.repeat(1_000_000))),
    413,
    'too_large',
  ],
  [
    'a bomb of gzip members',
    () =>
      gzip(Buffer.concat(Array.from({ length: 50 }, () => gzipSync(Buffer.alloc(100_000, '#'))))),
    413,
    'too_large',
  ],
  ['a body beyond the limit', () => lines(`bad v=1 1\n${long(2_000_001)}`), 413, 'too_large'],
  [
    'a foreign page',
    () => ({ ...lines('bad v=1 1'), headers: { Origin: 'http://evil.example' } }),
    403,
    'forbidden',
  ],
  [
    'a page without an origin',
    () => ({ ...lines('bad v=1 1'), headers: { Origin: 'null' } }),
    403,
    'forbidden',
  ],
  ['a path that climbs', () => get('/v1/tables/..%2f..%2f..%2fetc%2fpasswd'), 404, 'not_found'],
  ['a path with NUL', () => get('/v1/tables/%00'), 404, 'not_found'],
  ['a table called __proto__', () => get('/v1/tables/__proto__'), 404, 'not_found'],
  [
    'dropping what is not there',
    () => ({ path: '/v1/tables/constructor', method: 'DELETE' }),
    404,
    'not_found',
  ],
  [
    'a method of another route',
    () => ({ path: '/v1/write', method: 'PUT', body: 'bad v=1 1' }),
    405,
    'method_not_allowed',
  ],
]

const QUERIES: Case[] = [
  ['a table called toString', () => query({ table: 'toString' }), 404, 'not_found'],
  [
    'where.__proto__',
    () => query('{"table":"kept","where":{"__proto__":"x"}}'),
    400,
    'unknown_column',
  ],
  [
    'select constructor',
    () => query({ table: 'kept', select: ['constructor'] }),
    400,
    'unknown_column',
  ],
  [
    'a function called __proto__',
    () => query({ table: 'kept', select: ['__proto__(n)'] }),
    422,
    'type_conflict',
  ],
  [
    '100,000 parentheses',
    () => query({ table: 'kept', where: '('.repeat(100_000) }),
    422,
    'limit_exceeded',
  ],
  [
    'a thousand NOTs',
    () => query({ table: 'kept', where: `${'NOT '.repeat(1_000)}ok` }),
    422,
    'limit_exceeded',
  ],
  [
    'a where of a megabyte',
    () => query({ table: 'kept', where: `s = '${long(1e6)}` }),
    400,
    'sql_syntax',
  ],
  [
    'a second statement',
    () => query({ table: 'kept', where: "s = 'x'; DROP TABLE kept" }),
    400,
    'sql_syntax',
  ],
  [
    'a bucket for every nanosecond',
    () =>
      query({ table: 'kept', select: ['count(n)'], every: '1ns', fill: 0, start: 0, end: 1e12 }),
    422,
    'limit_exceeded',
  ],
  ['a limit beyond the most', () => query({ table: 'kept', limit: 1e9 }), 400, 'bad_request'],
  ['a limit that is no number', () => query('{"table":"kept","limit":1e999}'), 400, 'bad_request'],
  ['a forged cursor', () => query({ table: 'kept', cursor: 'WzFd' }), 400, 'bad_request'],
  [
    'an unsafe integer as start',
    () => query('{"table":"kept","start":9007199254740993}'),
    400,
    'unsafe_integer',
  ],
  ['a URL of 20,000 characters', () => get(`/v1/query?table=${long(20_000)}`), 400, 'bad_request'],
]

export const GROUPS: Record<string, Case[]> = {
  'line protocol': LINE_PROTOCOL,
  'JSON points': JSON_POINTS,
  imports: IMPORTS,
  envelopes: ENVELOPES,
  queries: QUERIES,
}

// --- bytes that no HTTP client sends

export const POST = 'POST /v1/write HTTP/1.1\r\nHost: localhost\r\n'
const GET = 'GET /v1/tables HTTP/1.1\r\nHost: localhost\r\n'
export const LINE = 'bad v=1 1\n'
const SMUGGLED = `0\r\n\r\n${POST}Content-Length: 10\r\n\r\n${LINE}`

export const RAW: [name: string, bytes: string, status: number][] = [
  ['two lengths', `${POST}Content-Length: 10\r\nContent-Length: 11\r\n\r\n${LINE}`, 400],
  [
    'a length and chunks',
    `${POST}Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n${SMUGGLED}`,
    400,
  ],
  ['a misspelt chunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n${SMUGGLED}`, 400],
  [
    'chunked twice',
    `${POST}Transfer-Encoding: chunked, chunked\r\n\r\na\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'gzip as a transfer encoding',
    `${POST}Transfer-Encoding: gzip, chunked\r\n\r\na\r\n${LINE}\r\n0\r\n\r\n`,
    415,
  ],
  [
    'a chunk that is no number',
    `${POST}Transfer-Encoding: chunked\r\n\r\nzz\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'a chunk longer than said',
    `${POST}Transfer-Encoding: chunked\r\n\r\n4\r\n${LINE}\r\n0\r\n\r\n`,
    400,
  ],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\n${LINE}`, 400],
  ['a length with a sign', `${POST}Content-Length: +10\r\n\r\n${LINE}`, 400],
  ['a length of 10^30', `${POST}Content-Length: 1${'0'.repeat(30)}\r\n\r\n${LINE}`, 400],
  ['a length of 10^12', `${POST}Content-Length: 1${'0'.repeat(12)}\r\n\r\n${LINE}`, 413],
  ['two hosts', `${GET}Host: evil.example\r\n\r\n`, 403],
  ['a host that looks like ours', GET.replace('localhost', 'localhost.evil.example') + '\r\n', 403],
  ['a host behind ours', GET.replace('localhost', 'localhost@evil.example') + '\r\n', 400],
  ['another host in the target', GET.replace('/v1', 'http://evil.example/v1') + '\r\n', 403],
  ['two origins', `${GET}Origin: http://localhost\r\nOrigin: http://evil.example\r\n\r\n`, 403],
  [
    'two content types',
    `${POST}Content-Type: text/plain\r\nContent-Type: text/html\r\nContent-Length: 10\r\n\r\n${LINE}`,
    415,
  ],
  [
    'two encodings',
    `${POST}Content-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n${LINE}`,
    415,
  ],
  ['a bare CR in a header', `${GET}X-Request-Id: a\rSet-Cookie: b\r\n\r\n`, 400],
  ['NUL in a header', `${GET}X: a\0b\r\n\r\n`, 400],
  ['a folded header', `${GET}X: a\r\n b\r\n\r\n`, 400],
  ['a blank before the colon', `${GET}X : a\r\n\r\n`, 400],
  ['a head of 40 KB', `${GET}X: ${long(40_000)}\r\n\r\n`, 431],
  ['no host', 'GET /v1/tables HTTP/1.1\r\n\r\n', 400],
  ['a tunnel', 'CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
]
