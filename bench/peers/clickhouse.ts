// ClickHouse in process (chdb): a MergeTree table ordered by series and time, answers in its native
// binary format.

import { join } from 'node:path'
import type { SetShape } from './point-set.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import { type Dialect, quoted, sqlOf } from './sql.ts'

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

export async function openClickHouse(directory: string, shape: SetShape): Promise<Peer> {
  const { Session } = peerPackage('chdb') as Package
  const session = new Session(join(directory, 'clickhouse'))
  const version = session.query('SELECT version()', 'TSV').trim()
  const { table, tagKeys, fields } = shape
  const run = (sql: string, format: string): Promise<Result> => session.queryAsync(sql, { format })
  return {
    title: `ClickHouse ${version} (chdb)`,
    loading: 'INSERT from a CSV file with fsync',
    settling: 'OPTIMIZE FINAL',
    async create() {
      const columns = [
        `time DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))`,
        ...tagKeys.map((key) => `${key} LowCardinality(String)`),
        ...fields.map((field) => `${field} Float64 CODEC(ZSTD(1))`),
      ].join(', ')
      session.query('CREATE DATABASE bench ENGINE = Atomic')
      session.query(
        `CREATE TABLE bench.${table} (${columns}) ENGINE = MergeTree ORDER BY (${tagKeys[0]}, time)
         SETTINGS min_rows_to_fsync_after_merge = 1, fsync_after_insert = 1, fsync_part_directory = 1`,
      )
    },
    async load(file) {
      const structure = [
        'time Int64',
        ...tagKeys.map((key) => `${key} String`),
        ...fields.map((field) => `${field} Float64`),
      ].join(', ')
      const columns = [...tagKeys, ...fields].join(', ')
      await run(
        `INSERT INTO bench.${table} SELECT fromUnixTimestamp64Milli(time, 'UTC'), ${columns}
         FROM file('${file}', 'CSV', '${structure}')`,
        'Null',
      )
    },
    settle: async () => {
      await run(`OPTIMIZE TABLE bench.${table} FINAL`, 'Null')
    },
    // Merged parts stay for minutes.
    diskBytes: async () => {
      const active = `SELECT sum(bytes_on_disk) FROM system.parts WHERE table = '${table}' AND active`
      return Number(session.query(active, 'TSV'))
    },
    ask: async (question) =>
      (await run(sqlOf(shape, question, dialectOf(shape)), 'Native')).bytes(),
    async rowsOf(question) {
      const answer = await run(sqlOf(shape, question, dialectOf(shape)), 'JSONCompact')
      const { data: rows } = JSON.parse(answer.text()) as { data: unknown[][] }
      return groupRows(
        rows.map(([name, ...values]): [string, ...number[]] => [
          String(name),
          ...values.map(Number),
        ]),
      )
    },
    askNothing: null,
    server: null,
    close: async () => session.cleanup(),
  }
}

function dialectOf({ table, tagKeys }: SetShape): Dialect {
  const name = tagKeys[0]!
  const from = `bench.${table}`
  return {
    time: (milliseconds) => `fromUnixTimestamp64Milli(${milliseconds}, 'UTC')`,
    milliseconds: 'toUnixTimestamp64Milli(time)',
    bucket: (seconds) =>
      `toUnixTimestamp(toStartOfInterval(time, INTERVAL ${seconds} second)) * 1000`,
    among: (names) => `${name} IN (${quoted(names)})`,
    source: from,
    namedSource: from,
    name,
    seriesKey: name,
    lastPoint: (fields) => {
      const newest = `SELECT ${name}, max(time) FROM ${from} GROUP BY ${name}`
      const columns = [name, 'toUnixTimestamp64Milli(time)', ...fields].join(', ')
      return `SELECT ${columns} FROM ${from} WHERE (${name}, time) IN (${newest})`
    },
  }
}
