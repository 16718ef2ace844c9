// Examples of asking.

import type { Examples } from './example.ts'

const TIME = { name: 'time', type: 'timestamp', unit: 'ms' }

const STATS = {
  elapsedMs: 0.4,
  series: 2,
  blocks: 0,
  blocksSkipped: 0,
  blocksFromSummary: 0,
  blocksDecoded: 0,
  bytesRead: 0,
  index: { pieces: 0, maxError: 0 },
  rollup: null,
}

export const QUERY_EXAMPLES: Examples = {
  queryUrl: {
    parameters: {
      table: 'cpu',
      start: '2026-09-21T14:00:00Z',
      end: '2026-09-21T15:00:00Z',
      where: "host = 'a'",
      select: 'mean(usage) AS u',
      every: '2m',
    },
    answer: {
      table: 'cpu',
      columns: [TIME, { name: 'u', type: 'float' }],
      series: [
        {
          tags: {},
          time: [1_789_999_920_000, 1_790_000_040_000, 1_790_000_160_000],
          fields: { u: [0.5, 0.5, 1.5] },
        },
      ],
      rowCount: 3,
      cursor: null,
      stats: { ...STATS, series: 1 },
    },
  },
  query: {
    body: {
      table: 'cpu',
      start: '2026-09-21',
      end: '2026-09-22',
      where: { usage: { gt: 0.2 } },
      select: { u: 'mean(usage)', n: 'count(*)' },
      by: ['host'],
    },
    answer: {
      table: 'cpu',
      columns: [TIME, { name: 'u', type: 'float' }, { name: 'n', type: 'integer' }],
      series: [
        { tags: { host: 'a' }, time: [1_789_948_800_000], fields: { u: [0.75], n: [4] } },
        { tags: { host: 'b' }, time: [1_789_948_800_000], fields: { u: [0.7], n: [1] } },
      ],
      rowCount: 2,
      cursor: null,
      stats: STATS,
    },
  },
  latest: {
    parameters: { table: 'cpu', select: 'usage,temp', time: 'rfc3339' },
    answer: {
      table: 'cpu',
      columns: [
        { ...TIME, unit: 'rfc3339' },
        { name: 'usage', type: 'float' },
        { name: 'temp', type: 'integer' },
      ],
      series: [
        {
          tags: { host: 'a' },
          time: ['2026-09-21T14:16:20Z'],
          fields: { usage: [1.5], temp: [43] },
        },
        {
          tags: { host: 'b' },
          time: ['2026-09-21T14:16:20Z'],
          fields: { usage: [null], temp: [40] },
        },
      ],
      rowCount: 2,
      cursor: null,
      stats: STATS,
    },
  },
  tail: { parameters: { table: 'cpu', select: 'usage' } },
  exportUrl: {
    parameters: { table: 'cpu', where: "host = 'a'", format: 'csv' },
    answer:
      'time,host,temp,usage\n2026-09-21T14:13:20Z,a,41,0.5\n2026-09-21T14:14:20Z,a,42,0.25\n' +
      '2026-09-21T14:15:20Z,a,,0.75\n2026-09-21T14:16:20Z,a,43,1.5\n',
  },
  export: {
    body: { table: 'cpu', where: { host: 'b' }, format: 'csv', time: 'ns' },
    answer: 'time,host,temp,usage\n1790000000000000000,b,,0.7\n1790000180000000000,b,40,\n',
  },
}
