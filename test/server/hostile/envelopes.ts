// Hostile envelopes: encodings, bombs, parameters, paths, origins.

import { gzipSync } from 'node:zlib'
import { type Case, csv, get, gzip, lines, long } from './sent.ts'

const BLOCK_OF_COMMENT = gzipSync(Buffer.alloc(100_000, '#'))

export const ENVELOPES: Case[] = [
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
  ['a gzip bomb of zeros', () => gzip(gzipSync(Buffer.alloc(100_000_000))), 413, 'too_large'],
  [
    'a gzip bomb of good lines',
    () => gzip(gzipSync('bad v=1 1\n'.repeat(7_000_000))),
    413,
    'too_large',
  ],
  [
    'a bomb of gzip members',
    () => gzip(Buffer.concat(Array.from({ length: 700 }, () => BLOCK_OF_COMMENT))),
    413,
    'too_large',
  ],
  ['a body beyond the limit', () => lines(`bad v=1 1\n${long(25_000_001)}`), 413, 'too_large'],
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
