// DuckDB in process: a table in the order of arrival, loaded from CSV by all its threads.

import { join } from 'node:path'
import type { PointSet } from './point-set.ts'
import { type Peer, groupRows, peerPackage } from './peer.ts'
import { type Dialect, quoted, sqlOf } from './sql.ts'
import { writeCsv } from './text-files.ts'

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

export async function openDuckDb(directory: string): Promise<Peer> {
  const { DuckDBInstance, version } = peerPackage('@duckdb/node-api') as Package
  const instance = await DuckDBInstance.create(join(directory, 'duckdb.db'))
  const connection = await instance.connect()
  const file = join(directory, '..', 'csv')
  let data: PointSet
  return {
    title: `DuckDB ${version()}`,
    loading: 'COPY from a CSV file, then CHECKPOINT',
    async prepare(set, lateShare) {
      data = set
      writeCsv(file, set, lateShare)
      const tags = set.tagKeys.map((key) => `${key} VARCHAR`)
      const fields = set.fields.map((field) => `${field} DOUBLE`)
      const columns = ['ms BIGINT', ...tags, ...fields].join(', ')
      await connection.run(
        `CREATE TABLE ${set.table} (${columns.replace('ms BIGINT', 'time TIMESTAMP_MS')})`,
      )
    },
    async load() {
      const rest = [...data.tagKeys, ...data.fields].join(', ')
      const types = ['time', ...data.tagKeys, ...data.fields].map((column, i) => {
        const type = i === 0 ? 'BIGINT' : i <= data.tagKeys.length ? 'VARCHAR' : 'DOUBLE'
        return `'${column}': '${type}'`
      })
      const source = `read_csv('${file}', header = false, columns = {${types.join(', ')}})`
      const time = 'make_timestamp(time * 1000)::TIMESTAMP_MS'
      await connection.run(`INSERT INTO ${data.table} SELECT ${time}, ${rest} FROM ${source}`)
      await connection.run('CHECKPOINT')
    },
    settle: async () => {},
    ask: async (question) =>
      (await connection.run(sqlOf(data, question, dialectOf(data)))).fetchAllChunks(),
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
    servers: [],
    async close() {
      connection.closeSync()
      instance.closeSync()
    },
  }
}

function dialectOf({ table, tagKeys }: PointSet): Dialect {
  const name = tagKeys[0]!
  const time = (milliseconds: number): string =>
    `make_timestamp(${milliseconds * 1000})::TIMESTAMP_MS`
  return {
    time,
    milliseconds: 'epoch_ms(time)',
    bucket: (seconds) => `epoch_ms(time_bucket(INTERVAL '${seconds} seconds', time))`,
    among: (names) => `${name} IN (${quoted(names)})`,
    name,
    source: table,
    lastPoint: (fields) => {
      const values = fields.map((field) => `arg_max(${field}, time)`).join(', ')
      return `SELECT ${name}, epoch_ms(max(time)), ${values} FROM ${table} GROUP BY 1`
    },
  }
}
