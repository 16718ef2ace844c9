// All that take part, by the names that `--peers` has.

import { openClickHouse } from './clickhouse.ts'
import { openDuckDb } from './duckdb.ts'
import { openInfluxDb } from './influxdb.ts'
import { openOmenDbServer } from './omendb-server.ts'
import { openOmenDb } from './omendb.ts'
import type { PeerKind } from './peer.ts'
import { openPostgres } from './postgres.ts'
import { openSqlite } from './sqlite.ts'
import { openVictoria } from './victoria.ts'

export const KINDS: Readonly<Record<string, PeerKind>> = {
  omendb: { open: openOmenDb, input: 'lines' },
  duckdb: { open: openDuckDb, input: 'csv' },
  clickhouse: { open: openClickHouse, input: 'csv' },
  sqlite: { open: openSqlite, input: 'rows' },
  'omendb-http': { open: openOmenDbServer, input: 'lines' },
  influxdb: { open: openInfluxDb, input: 'lines' },
  // What it caches of queries and names is written when it stops.
  victoria: { open: openVictoria, input: 'lines', uncounted: 'cache' },
  postgres: { open: openPostgres, input: 'rows', uncounted: 'pg_wal' },
}
