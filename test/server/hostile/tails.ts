// Hostile questions for GET /v1/tail: members of wrong types, tables and columns that are none, more than
// a tail has. Ids that are none are no error (a gap is the answer), and are in battery.test.ts.

import { type Case, get, long } from './sent.ts'

const tail = (parameters: string) => () => get(`/v1/tail?${parameters}`)

export const TAILS: Case[] = [
  ['no table', tail(''), 400, 'bad_request'],
  ['an empty table', tail('table='), 400, 'bad_request'],
  ['a table that is not there', tail('table=nope'), 404, 'not_found'],
  ['a table called __proto__', tail('table=__proto__'), 404, 'not_found'],
  ['a table with a NUL', tail('table=%00'), 404, 'not_found'],
  ['a table of 5,000 letters', tail(`table=${long(5_000)}`), 400, 'bad_request'],
  ['a table twice', tail('table=kept&table=kept'), 400, 'bad_request'],
  ['a database that is not there', tail('table=kept&db=nope'), 404, 'not_found'],
  ['a database that climbs', tail('table=kept&db=..%2f..'), 400, 'bad_request'],
  ['a column that is not there', tail('table=kept&select=nope'), 400, 'unknown_column'],
  [
    'a column of a filter that is not there',
    tail('table=kept&where=nope=1'),
    400,
    'unknown_column',
  ],
  ['half an expression', tail('table=kept&where=('), 400, 'sql_syntax'],
  [
    'a filter of 9,000 brackets',
    tail(`table=kept&where=${'('.repeat(9_000)}`),
    422,
    'limit_exceeded',
  ],
  ['an aggregate without buckets', tail('table=kept&select=mean(x)'), 400, 'bad_request'],
  ['buckets of raw points', tail('table=kept&every=1m'), 400, 'bad_request'],
  ['buckets of nothing', tail('table=kept&select=mean(x)&every=0s'), 400, 'bad_request'],
  ['buckets of a negative width', tail('table=kept&select=mean(x)&every=-1m'), 400, 'bad_request'],
  ['buckets of no unit', tail('table=kept&select=mean(x)&every=5'), 400, 'bad_request'],
  ['an aggregate beside a field', tail('table=kept&select=x,mean(x)&every=1m'), 400, 'bad_request'],
  ['a range', tail('table=kept&start=0'), 400, 'bad_request'],
  ['a limit', tail('table=kept&limit=5'), 400, 'bad_request'],
  ['a cursor', tail('table=kept&cursor=abc'), 400, 'bad_request'],
  ['a unit of times that is none', tail('table=kept&time=fortnights'), 400, 'bad_request'],
  ['integers that are none', tail('table=kept&integers=yes'), 400, 'bad_request'],
  ['a where that is a list', tail('table=kept&where=%5B1%5D'), 422, 'unsupported'],
  [
    'a body of another method',
    () => ({ path: '/v1/tail?table=kept', body: '{}' }),
    405,
    'method_not_allowed',
  ],
]
