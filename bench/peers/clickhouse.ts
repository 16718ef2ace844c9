// ClickHouse in process (chdb): a MergeTree table ordered by series and time, answers in its native
// binary format.

import { join } from 'node:path'
import type { PointSet } from './point-set.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import { type Dialect, quoted, sqlOf } from './sql.ts'
import { writeCsv } from './text-files.ts'

interface Result {
  bytes(): Uint8Array
  text(): string
}

interface Session {
  queryAsync(sql: string, options?: { format?: string }): Promise<Result>
  query(sql: string, format?: string): string
  cleanup(): void
}

interface Package {
  Session: new (path: string) => Session
}

export async function openClickHouse(directory: string): Promise<Peer> {
  const { Session } = peerPackage('chdb') as Package
  const session = new Session(join(directory, 'clickhouse'))
  const version = session.query('SELECT version()', 'TSV').trim()
  const file = join(directory, '..', 'csv')
  let data: PointSet
  const run = (sql: string, format: string): Promise<Result> => session.queryAsync(sql, { format })
  return {
    title: `ClickHouse ${version} (chdb)`,
    loading: 'INSERT from a CSV file with fsync',
    async prepare(set, lateShare) {
      data = set
      writeCsv(file, set, lateShare)
      session.query('CREATE DATABASE IF NOT EXISTS bench ENGINE = Atomic')
      const tags = set.tagKeys.map((key) => `${key} LowCardinality(String)`)
      const fields = set.fields.map((field) => `${field} Float64`)
      session.query(
        `CREATE TABLE bench.${set.table} (time DateTime64(3, 'UTC'), ${[...tags, ...fields].join(', ')})
         ENGINE = MergeTree ORDER BY (${set.tagKeys[0]}, time)
         SETTINGS min_rows_to_fsync_after_merge = 1, fsync_after_insert = 1, fsync_part_directory = 1`,
      )
    },
    async load() {
      const structure = [
        'time Int64',
        ...data.tagKeys.map((key) => `${key} String`),
        ...data.fields.map((field) => `${field} Float64`),
      ].join(', ')
      const rest = [...data.tagKeys, ...data.fields].join(', ')
      await run(
        `INSERT INTO bench.${data.table} SELECT fromUnixTimestamp64Milli(time, 'UTC'), ${rest}
         FROM file('${file}', 'CSV', '${structure}')`,
        'Null',
      )
    },
    settle: async () => {
      await run(`OPTIMIZE TABLE bench.${data.table} FINAL`, 'Null')
    },
    ask: async (question) => (await run(sqlOf(data, question, dialectOf(data)), 'Native')).bytes(),
    async rowsOf(question) {
      const answer = await run(sqlOf(data, question, dialectOf(data)), 'JSONCompact')
      const { data: rows } = JSON.parse(answer.text()) as { data: unknown[][] }
      return groupRows(
        rows.map(([name, ...values]): [string, ...number[]] => [
          String(name),
          ...values.map(Number),
        ]),
      )
    },
    servers: [],
    close: async () => session.cleanup(),
  }
}

function dialectOf({ table, tagKeys }: PointSet): Dialect {
  const name = tagKeys[0]!
  const from = `bench.${table}`
  return {
    time: (milliseconds) => `fromUnixTimestamp64Milli(${milliseconds}, 'UTC')`,
    milliseconds: 'toUnixTimestamp64Milli(time)',
    bucket: (seconds) =>
      `toUnixTimestamp(toStartOfInterval(time, INTERVAL ${seconds} second)) * 1000`,
    among: (names) => `${name} IN (${quoted(names)})`,
    name,
    source: from,
    lastPoint: (fields) => {
      const newest = `SELECT ${name}, max(time) FROM ${from} GROUP BY ${name}`
      const columns = [name, 'toUnixTimestamp64Milli(time)', ...fields].join(', ')
      return `SELECT ${columns} FROM ${from} WHERE (${name}, time) IN (${newest})`
    },
  }
}
