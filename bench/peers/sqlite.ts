// SQLite in process: rows clustered by series and time, series in a table of their own.

import { join } from 'node:path'
import { type PointSet, type Place, arrivals } from './point-set.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import { type Dialect, quoted, sqlOf } from './sql.ts'

interface Statement {
  run(...values: unknown[]): unknown
  raw(): Statement
  all(): unknown[][]
}

interface Sqlite {
  pragma(text: string): unknown
  exec(sql: string): void
  prepare(sql: string): Statement
  close(): void
}

const TRANSACTION_ROWS = 10_000

export async function openSqlite(directory: string): Promise<Peer> {
  const Package = peerPackage('better-sqlite3') as new (path: string) => Sqlite
  const sqlite = new Package(join(directory, 'sqlite.db'))
  sqlite.pragma('journal_mode = WAL')
  sqlite.pragma('synchronous = FULL')
  const version = sqlite.prepare('SELECT sqlite_version()').raw().all()[0]![0]
  let data: PointSet
  let places: Place[] = []
  return {
    title: `SQLite ${String(version)}`,
    loading: `prepared INSERT, ${TRANSACTION_ROWS} rows a transaction, synchronous = FULL`,
    async prepare(set, lateShare) {
      data = set
      places = arrivals(set, lateShare)
      const tags = set.tagKeys.map((key) => `${key} TEXT`).join(', ')
      const fields = set.fields.map((field) => `${field} REAL`).join(', ')
      sqlite.exec(`CREATE TABLE series (id INTEGER PRIMARY KEY, ${tags})`)
      sqlite.exec(`CREATE INDEX series_name ON series (${set.tagKeys[0]})`)
      sqlite.exec(
        `CREATE TABLE ${set.table} (series INTEGER, time INTEGER, ${fields}, PRIMARY KEY (series, time)) WITHOUT ROWID`,
      )
    },
    async load() {
      const marks = (count: number): string => Array.from({ length: count }, () => '?').join(', ')
      const series = sqlite.prepare(`INSERT INTO series VALUES (${marks(data.tagKeys.length + 1)})`)
      sqlite.exec('BEGIN')
      for (const [id, { tags }] of data.series.entries()) series.run(id, ...tags)
      const insert = sqlite.prepare(
        `INSERT INTO ${data.table} VALUES (${marks(data.fields.length + 2)})`,
      )
      for (const [i, place] of places.entries()) {
        const { times, values } = data.series[place.series]!
        insert.run(place.series, times[place.row], ...values.map((column) => column[place.row]))
        if (i % TRANSACTION_ROWS === TRANSACTION_ROWS - 1) sqlite.exec('COMMIT; BEGIN')
      }
      sqlite.exec('COMMIT')
      sqlite.pragma('wal_checkpoint(TRUNCATE)')
    },
    settle: async () => sqlite.exec('ANALYZE'),
    ask: async (question) =>
      sqlite
        .prepare(sqlOf(data, question, rowDialect(data)))
        .raw()
        .all(),
    rowsOf: (_, answer) => groupRows(answer as [string, ...number[]][]),
    servers: [],
    close: async () => sqlite.close(),
  }
}

/** For SQLite; the series' columns are in a table of their own. */
function rowDialect({ table, tagKeys }: PointSet): Dialect {
  const name = `s.${tagKeys[0]}`
  return {
    time: String,
    milliseconds: 'time',
    bucket: (seconds) => `time / ${seconds * 1000} * ${seconds * 1000}`,
    among: (names) => `series IN (SELECT id FROM series WHERE ${tagKeys[0]} IN (${quoted(names)}))`,
    name,
    source: `${table} p JOIN series s ON s.id = p.series`,
    lastPoint: (fields) =>
      `SELECT ${[name, 'time', ...fields].join(', ')} FROM series s JOIN ${table} p
       ON p.series = s.id AND p.time = (SELECT max(time) FROM ${table} WHERE series = s.id)`,
  }
}
