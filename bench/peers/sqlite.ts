// SQLite in process: rows clustered by series and time, series in a table of their own.

import { join } from 'node:path'
import { inputRows } from './inputs.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import type { SetShape } from './point-set.ts'
import { rowDialect, sqlOf } from './sql.ts'

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

export async function openSqlite(directory: string, shape: SetShape): Promise<Peer> {
  const Package = peerPackage('better-sqlite3') as new (path: string) => Sqlite
  const sqlite = new Package(join(directory, 'sqlite.db'))
  sqlite.pragma('journal_mode = WAL')
  sqlite.pragma('synchronous = FULL')
  sqlite.pragma('cache_size = -65536')
  sqlite.pragma(`mmap_size = ${2 ** 30}`)
  const version = sqlite.prepare('SELECT sqlite_version()').raw().all()[0]![0]
  const { table, tagKeys, fields } = shape
  const marks = (count: number): string => Array.from({ length: count }, () => '?').join(', ')
  const dialect = rowDialect(
    shape,
    (columns) =>
      `SELECT ${columns} FROM series s JOIN ${table} p
       ON p.series = s.id AND p.time = (SELECT max(time) FROM ${table} WHERE series = s.id)`,
  )
  return {
    title: `SQLite ${String(version)}`,
    loading: `prepared INSERT, ${TRANSACTION_ROWS} rows a transaction, synchronous = FULL`,
    settling: 'ANALYZE',
    async create() {
      const tags = tagKeys.map((key) => `${key} TEXT`).join(', ')
      const reals = fields.map((field) => `${field} REAL`).join(', ')
      sqlite.exec(`CREATE TABLE series (id INTEGER PRIMARY KEY, ${tags})`)
      sqlite.exec(`CREATE INDEX series_name ON series (${tagKeys[0]})`)
      sqlite.exec(
        `CREATE TABLE ${table} (series INTEGER, time INTEGER, ${reals}, PRIMARY KEY (series, time)) WITHOUT ROWID`,
      )
      const insert = sqlite.prepare(`INSERT INTO series VALUES (${marks(tagKeys.length + 1)})`)
      for (const [id, { tags: values }] of shape.series.entries()) insert.run(id, ...values)
    },
    async load(file) {
      const insert = sqlite.prepare(`INSERT INTO ${table} VALUES (${marks(fields.length + 2)})`)
      sqlite.exec('BEGIN')
      let rows = 0
      for (const row of inputRows(file, fields.length)) {
        insert.run(...row)
        if (++rows % TRANSACTION_ROWS === 0) sqlite.exec('COMMIT; BEGIN')
      }
      sqlite.exec('COMMIT')
      sqlite.pragma('wal_checkpoint(TRUNCATE)')
    },
    settle: async () => sqlite.exec('ANALYZE'),
    ask: async (question) =>
      sqlite
        .prepare(sqlOf(shape, question, dialect))
        .raw()
        .all(),
    askNothing: null,
    rowsOf: (_, answer) => groupRows(answer as [string, ...number[]][]),
    server: null,
    close: async () => sqlite.close(),
  }
}
