// Examples of writing.

import type { Examples } from './example.ts'

const written = (count: number) => ({ written: count, rejected: 0, ack: 'fsync', errors: [] })

export const WRITE_EXAMPLES: Examples = {
  write: {
    parameters: { db: 'default', precision: 's' },
    body: 'cpu,host=a usage=0.5,temp=41i 1790000000\ncpu,host=b usage=0.7 1790000000\n',
    answer: written(2),
  },
  writePoints: {
    parameters: { ack: 'fsync' },
    body: {
      table: 'cpu',
      tags: { host: 'a' },
      time: [1_790_000_060_000, 1_790_000_120_000],
      fields: { usage: [0.25, 0.75], temp: [42, null] },
    },
    answer: written(2),
  },
  importRows: {
    parameters: { table: 'cpu', tags: 'host', types: 'temp:integer' },
    body: 'time,host,usage,temp\n2026-09-21T14:16:20Z,a,1.5,43\n2026-09-21 14:16:20,b,,40\n',
    answer: written(2),
  },
  influx1Write: {
    parameters: { db: 'default', precision: 's' },
    body: 'disk,path=/ used=0.4 1790000000\n',
  },
  influx2Write: {
    parameters: { bucket: 'default', precision: 's' },
    body: 'disk,path=/home used=0.1 1790000000\n',
  },
  influx3Write: {
    parameters: { db: 'metrics', precision: 'second' },
    body: 'disk,path=/var used=0.2 1790000000\n',
  },
  prometheusWrite: { parameters: { db: 'metrics' } },
  otlpMetrics: { parameters: { db: 'metrics' } },
  ping: {},
}
