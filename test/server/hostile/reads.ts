// Hostile questions.

import { type Case, get, long, query } from './sent.ts'

export const QUERIES: Case[] = [
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
