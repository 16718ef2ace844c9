// PostgreSQL's words that matter to expressions: the reserved ones (its manual, appendix C), the
// names of types, and what its grammar has but this one does not offer.

import type { CastType } from './tree.ts'

/** Words that are no column or function names unless quoted. */
export const RESERVED: ReadonlySet<string> = new Set(
  (
    'all analyse analyze and any array as asc asymmetric authorization between binary both case ' +
    'cast check collate collation column concurrently constraint create cross current_catalog ' +
    'current_date current_role current_schema current_time current_timestamp current_user default ' +
    'deferrable desc distinct do else end except false fetch for foreign freeze from full grant ' +
    'group having ilike in initially inner intersect into is isnull join lateral leading left ' +
    'like limit localtime localtimestamp natural not notnull null offset on only or order outer ' +
    'overlaps placing primary references returning right select session_user similar some ' +
    'symmetric system_user table tablesample then to trailing true union unique user using ' +
    'variadic verbose when where window with'
  ).split(' '),
)

/** What is valid PostgreSQL and refused as such (0A000), by the word where it shows. */
export const UNSUPPORTED: ReadonlyMap<string, string> = new Map([
  ['case', 'CASE'],
  ['array', 'ARRAY'],
  ['any', 'ANY'],
  ['some', 'SOME'],
  ['all', 'ALL'],
  ['select', 'a subquery'],
  ['with', 'WITH'],
  ['similar', 'SIMILAR TO'],
  ['overlaps', 'OVERLAPS'],
  ['collate', 'COLLATE'],
  ['at', 'AT TIME ZONE'],
  ['over', 'OVER'],
  ['filter', 'FILTER'],
  ['within', 'WITHIN GROUP'],
  ['current_date', 'CURRENT_DATE'],
  ['current_time', 'CURRENT_TIME'],
  ['localtime', 'LOCALTIME'],
  ['localtimestamp', 'LOCALTIMESTAMP'],
  ['distinct', 'DISTINCT'],
  ['[', 'an array subscript'],
])

export const TYPES: ReadonlyMap<string, CastType> = new Map([
  ['timestamptz', 'timestamptz'],
  ['timestamp', 'timestamp'],
  ['date', 'date'],
  ['interval', 'interval'],
  ['float', 'float'],
  ['float8', 'float'],
  ['double', 'float'],
  ['int', 'integer'],
  ['int8', 'integer'],
  ['integer', 'integer'],
  ['bigint', 'integer'],
  ['bool', 'boolean'],
  ['boolean', 'boolean'],
  ['text', 'text'],
  ['varchar', 'text'],
])
