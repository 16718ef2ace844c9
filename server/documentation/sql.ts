// Examples of the operations of SQL.

import type { Examples } from './example.ts'

const SELECT =
  'SELECT host, count(*) AS n, avg(usage) AS mean FROM cpu ' +
  "WHERE time >= '2026-09-21' AND time < $1 AND usage > 0.2 GROUP BY host ORDER BY host"

const ANSWER = {
  columns: [
    { name: 'host', type: 'string' },
    { name: 'n', type: 'integer' },
    { name: 'mean', type: 'float' },
  ],
  rows: [
    ['a', 4, 0.75],
    ['b', 1, 0.7],
  ],
  rowCount: 2,
  command: 'SELECT',
  stats: { elapsedMs: 1.9 },
}

const neonField = (name: string, dataTypeID: number, dataTypeSize: number) => ({
  name,
  tableID: 0,
  columnID: 0,
  dataTypeID,
  dataTypeSize,
  dataTypeModifier: -1,
  format: 'text',
})

export const SQL_EXAMPLES: Examples = {
  sql: { body: { sql: SELECT, params: ['2026-09-22'] }, answer: ANSWER },
  sqlUrl: { parameters: { q: SELECT, params: '["2026-09-22"]' }, answer: ANSWER },
  seedQuery: {
    body: { sql: SELECT.replace('$1', "'2026-09-22'") },
    answer: { columns: ['host', 'n', 'mean'], rows: ANSWER.rows, rows_affected: 0 },
  },
  neonSql: {
    body: { query: SELECT, params: ['2026-09-22'] },
    answer: {
      command: 'SELECT',
      rowCount: 2,
      fields: [neonField('host', 25, -1), neonField('n', 20, 8), neonField('mean', 701, 8)],
      rows: [
        { host: 'a', n: '4', mean: 0.75 },
        { host: 'b', n: '1', mean: 0.7 },
      ],
      rowAsArray: false,
    },
  },
}
