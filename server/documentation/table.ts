// Examples of databases and tables.

import type { Examples } from './example.ts'

const CPU = {
  name: 'cpu',
  tags: ['host'],
  fields: { temp: 'integer', usage: 'float' },
  retention: null,
  rollups: [],
}

export const TABLE_EXAMPLES: Examples = {
  databases: { answer: { databases: [{ name: 'default' }, { name: 'metrics' }] } },
  createDatabase: { parameters: { db: 'metrics' }, answer: { name: 'metrics' } },
  dropDatabase: { parameters: { db: 'metrics' } },
  tables: {
    parameters: { db: 'default' },
    answer: {
      tables: [
        { name: 'cpu', points: 6, series: 2 },
        { name: 'disk', points: 2, series: 2 },
      ],
    },
  },
  table: {
    parameters: { table: 'cpu', time: 'rfc3339' },
    answer: {
      ...CPU,
      points: 6,
      series: 2,
      firstTime: '2026-09-21T14:13:20Z',
      lastTime: '2026-09-21T14:16:20Z',
      diskBytes: 811,
    },
  },
  putTable: {
    parameters: { table: 'cpu' },
    body: { tags: ['host'], fields: { usage: 'float', temp: 'integer' }, retention: null },
    answer: { ...CPU, points: 0, series: 0, firstTime: null, lastTime: null, diskBytes: 0 },
  },
  dropTable: { parameters: { table: 'disk' } },
  dropColumn: { parameters: { table: 'cpu', column: 'temp' } },
  deleteRows: {
    parameters: { table: 'cpu', start: '2026-09-21T14:16:00Z', where: "host = 'b'" },
    answer: { deleted: 1, dryRun: false },
  },
  series: {
    parameters: { table: 'cpu', where: "host IN ('a','b')", limit: 100 },
    answer: { series: [{ tags: { host: 'a' } }, { tags: { host: 'b' } }], cursor: null },
  },
  tags: { parameters: { table: 'cpu' }, answer: { tags: ['host'] } },
  tagValues: {
    parameters: { table: 'cpu', key: 'host', limit: 100 },
    answer: { values: ['a', 'b'], cursor: null },
  },
  tableStats: {
    parameters: { table: 'cpu' },
    answer: {
      name: 'cpu',
      segments: 0,
      parts: 0,
      rows: 0,
      bytes: 0,
      columns: [
        { name: 'time', type: 'timestamp', codecs: [] },
        { name: 'temp', type: 'integer', codecs: [] },
        { name: 'usage', type: 'float', codecs: [] },
      ],
    },
  },
}
