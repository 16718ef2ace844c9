// Tables of a snapshot for tests of catalogs, and the statements that make the same in PostgreSQL.

import type { FunctionLists, CatalogSnapshot } from '../../../sql/catalogs/snapshot.ts'
import { tableOid } from '../../../sql/catalogs/oid.ts'
import type { Surroundings } from '../../../sql/function.ts'
import type { Relation, RelationColumn } from '../../../sql/relation.ts'
import { typeOf } from '../../../sql/type.ts'

const column = (
  name: string,
  type: string,
  kind: RelationColumn['kind'],
  isNullable = kind === 'field',
): RelationColumn => ({ name, type: typeOf(type), kind, isNullable })

const TABLES: readonly (readonly [string, ...RelationColumn[]])[] = [
  [
    'cpu',
    column('time', 'timestamptz', 'time'),
    column('host', 'text', 'tag'),
    column('Data Center', 'text', 'tag'),
    column('usage', 'float8', 'field'),
    column('n', 'int8', 'field'),
    column('big', 'numeric', 'field'),
    column('up', 'bool', 'field'),
    column('note', 'text', 'field'),
  ],
  ['Mixed Case', column('time', 'timestamptz', 'time'), column('select', 'float8', 'field')],
]

/** What PostgreSQL is told to have the same tables. */
export const DEFINITIONS = TABLES.map(([name, ...columns]) => {
  const list = columns.map(
    (each) => `"${each.name}" ${each.type.title}${each.isNullable ? '' : ' NOT NULL'}`,
  )
  const ofKind = (kind: RelationColumn['kind']) => columns.filter((each) => each.kind === kind)
  const key = [...ofKind('tag'), ...ofKind('time')].map((each) => `"${each.name}"`)
  return `CREATE TABLE "${name}" (${list.join()}, PRIMARY KEY (${key.join()}))`
})

function relationOf(name: string, columns: RelationColumn[]): Relation {
  return {
    schema: 'public',
    name,
    oid: tableOid(name),
    columns,
    scan: () => {
      throw new Error(`${name} is not read here`)
    },
  }
}

export function snapshotOf(functions: FunctionLists): CatalogSnapshot {
  return {
    database: 'postgres',
    processId: 7,
    user: 'reader',
    startedAt: 1_790_000_000_000_000_000n,
    databases: ['postgres', 'default'],
    tables: TABLES.map(([name, ...columns]) => ({
      relation: relationOf(name, columns),
      points: 100,
      options: name === 'cpu' ? ['retention=30 d'] : [],
      byteSize: 20_000,
    })),
    roles: [
      { name: 'reader', isSuperuser: false, canWrite: false },
      { name: 'writer', isSuperuser: false, canWrite: true },
    ],
    settings: [
      {
        name: 'server_version',
        value: '15.0',
        initial: '15.0',
        unit: null,
        category: 'Preset Options',
        description: 'Shows the server version.',
        type: 'string',
        context: 'internal',
      },
    ],
    functions,
  }
}

export function surroundingsOf(catalog: CatalogSnapshot): Surroundings {
  return {
    now: 0n,
    timeZone: 'UTC',
    database: catalog.database,
    user: catalog.user,
    setting: (name) => catalog.settings.find((each) => each.name === name)?.value ?? null,
    catalog,
  }
}
