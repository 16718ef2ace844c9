// What an app serves that holds no database: the Worker's own, which answers what needs none (documents,
// refusals) and says of databases that they are not there. Its answers are those of any server, because
// the app is the same.

import { OmenError } from '../../engine/error.ts'
import type { ServedDatabase } from '../endpoint.ts'

interface Named {
  readonly database?: string | undefined
}

function absent({ database = 'default' }: Named = {}): OmenError {
  return new OmenError('not_found', `database '${database}' does not exist`)
}

/** Any question about any database is `not_found`; `members` take the place of its own. */
export function absentDatabase(members: Partial<ServedDatabase> = {}): ServedDatabase {
  const ask = async (_what: unknown, options?: Named): Promise<never> => {
    throw absent(options)
  }
  const refuse = async (): Promise<never> => {
    throw new OmenError('not_found', 'no database is here')
  }
  const database: Omit<ServedDatabase, 'kernel' | 'versions' | 'metrics'> = {
    batch: (options) => {
      throw absent(options)
    },
    query: ask,
    latest: ask,
    export: ask,
    tail: ask,
    table: ask,
    columns: ask,
    series: ask,
    tagKeys: ask,
    tableStats: ask,
    putTable: (_name, _settings, options) => ask(null, options),
    dropTable: ask,
    deleteRows: ask,
    tagValues: (_table, _key, options) => ask(null, options),
    dropColumn: (_table, _column, options) => ask(null, options),
    tables: (name) => ask(null, { database: name }),
    backup: refuse,
    restore: refuse,
    databases: () => ['default'],
    createDatabase: refuse,
    dropDatabase: refuse,
    health: () => ({ status: 'pass', message: 'ready' }),
    pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
  }
  // Handlers ask for the version of an answer first: there is none, so they ask for the answer.
  const versions = {
    query: () => null,
    latest: () => null,
    list: (_name: string, _asked: unknown, options?: Named) => {
      throw absent(options)
    },
  }
  return {
    ...database,
    versions: versions as unknown as ServedDatabase['versions'],
    get kernel(): never {
      throw new Error('an app without a database prints no columns')
    },
    metrics: () => {
      throw new Error('an app without a database has no numbers')
    },
    ...members,
  }
}
