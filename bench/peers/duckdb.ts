// DuckDB in process: a table in the order of arrival, loaded from CSV by all its threads.

import { join } from 'node:path'
import type { SetShape } from './point-set.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import { type Dialect, quoted, sqlOf } from './sql.ts'

interface Chunk {
  getColumns(): unknown[][]
}

interface Connection {
  run(sql: string): Promise<{ fetchAllChunks(): Promise<Chunk[]> }>
  closeSync(): void
}

interface Package {
  DuckDBInstance: {
    create(path: string): Promise<{ connect(): Promise<Connection>; closeSync(): void }>
  }
  version(): string
}

export async function openDuckDb(directory: string, shape: SetShape): Promise<Peer> {
  const { DuckDBInstance, version } = peerPackage('@duckdb/node-api') as Package
  const instance = await DuckDBInstance.create(join(directory, 'duckdb.db'))
  const connection = await instance.connect()
  const { table, tagKeys, fields } = shape
  const columns = [...tagKeys, ...fields].join(', ')
  return {
    title: `DuckDB ${version().slice(1)}`,
    loading: 'INSERT from a CSV file, then CHECKPOINT',
    settling: 'in the order of arrival, as loaded',
    async create() {
      const types = [
        ...tagKeys.map((key) => `${key} VARCHAR`),
        ...fields.map((field) => `${field} DOUBLE`),
      ]
      await connection.run(`CREATE TABLE ${table} (time TIMESTAMP_MS, ${types.join(', ')})`)
    },
    async load(file) {
      const types = [
        `'time': 'BIGINT'`,
        ...tagKeys.map((key) => `'${key}': 'VARCHAR'`),
        ...fields.map((field) => `'${field}': 'DOUBLE'`),
      ].join(', ')
      const source = `read_csv('${file}', header = false, columns = {${types}})`
      const time = 'make_timestamp(time * 1000)::TIMESTAMP_MS'
      await connection.run(`INSERT INTO ${table} SELECT ${time}, ${columns} FROM ${source}`)
      await connection.run('CHECKPOINT')
    },
    settle: async () => {},
    ask: async (question) =>
      (await connection.run(sqlOf(shape, question, dialectOf(shape)))).fetchAllChunks(),
    rowsOf: (_, answer) =>
      groupRows(
        (answer as Chunk[]).flatMap((chunk) => {
          const [names, ...columns] = chunk.getColumns()
          return names!.map((name, row): [string, ...number[]] => [
            String(name),
            ...columns.map((column) => Number(column[row])),
          ])
        }),
      ),
    askNothing: null,
    server: null,
    async close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

function dialectOf({ table, tagKeys }: SetShape): Dialect {
  const name = tagKeys[0]!
  const time = (milliseconds: number): string =>
    `make_timestamp(${milliseconds * 1000})::TIMESTAMP_MS`
  return {
    time,
    milliseconds: 'epoch_ms(time)',
    bucket: (seconds) => `epoch_ms(time_bucket(INTERVAL '${seconds} seconds', time))`,
    among: (names) => `${name} IN (${quoted(names)})`,
    source: table,
    namedSource: table,
    name,
    seriesKey: name,
    // Measured: arg_max of each field takes fifty times as long.
    lastPoint: (fields) => {
      const newest = `SELECT ${name}, max(time) AS time FROM ${table} GROUP BY 1`
      const columns = [name, 'epoch_ms(time)', ...fields].join(', ')
      return `SELECT ${columns} FROM ${table} JOIN (${newest}) USING (${name}, time)`
    },
  }
}
