// POST /sql as @neondatabase/serverless asks it, and kysely on top of that: queries that software of others
// made, answers that it reads by its own rules. On files and in workerd.

import { neon, neonConfig, NeonDbError } from '@neondatabase/serverless'
import {
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql as template,
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  type QueryResult,
} from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { useLiveServer } from '../../server/live.ts'

const TOKEN = 'an-admin-token-of-this-test'
const live = useLiveServer({ OMENDB_TOKEN: TOKEN })

interface Tables {
  room: {
    time: Date
    floor: string
    temperature: number | null
    visits: string | number | null
    open: boolean | null
    note: string | null
  }
}

const askerOf = (password: string, database = 'default') => {
  neonConfig.fetchEndpoint = () => `${live.url}/sql`
  const connection = `postgresql://omendb:${password}@omendb.example/${database}`
  return neon(connection, { fullResults: true, disableWarningInBrowsers: true })
}
type Asker = ReturnType<typeof askerOf>

const inHttp = (): never => {
  throw new Error('a transaction over HTTP is one request: use transaction([...])')
}

/** kysely's side of Neon's driver: each query is one request. */
class NeonConnection implements DatabaseConnection {
  private readonly ask: Asker

  constructor(ask: Asker) {
    this.ask = ask
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    const { rows, command, rowCount } = await this.ask.query(sql, [...parameters])
    const isChange = command !== 'SELECT'
    return {
      rows: rows as R[],
      ...(isChange && rowCount !== null ? { numAffectedRows: BigInt(rowCount) } : {}),
    }
  }

  streamQuery(): never {
    throw new Error('nothing streams over this shape')
  }
}

const neonDialect = (ask: Asker): Dialect => ({
  createAdapter: () => new PostgresAdapter(),
  createIntrospector: (db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
  createDriver: (): Driver => ({
    init: async () => {},
    acquireConnection: async () => new NeonConnection(ask),
    beginTransaction: inHttp,
    commitTransaction: inHttp,
    rollbackTransaction: inHttp,
    releaseConnection: async () => {},
    destroy: async () => {},
  }),
})

const at = (minute: number): Date => new Date(Date.UTC(2026, 8, 21, 14, minute))

let ask: Asker
let db: Kysely<Tables>
beforeAll(async () => {
  ask = askerOf(TOKEN)
  db = new Kysely<Tables>({ dialect: neonDialect(ask) })
  await db.schema
    .createTable('room')
    .addColumn('time', 'timestamptz', (column) => column.notNull())
    .addColumn('floor', 'text')
    .addColumn('temperature', 'float8')
    .addColumn('visits', 'int8')
    .addColumn('open', 'boolean')
    .addColumn('note', 'text')
    .addPrimaryKeyConstraint('room_key', ['floor', 'time'])
    .execute()
  const rows = Array.from({ length: 60 }, (_, minute) => ({
    time: at(minute),
    floor: minute % 2 === 0 ? 'one' : 'two',
    temperature: minute === 7 ? null : 20 + minute / 4,
    visits: minute === 0 ? '9007199254740993' : minute,
    open: minute % 3 === 0,
    note: minute === 0 ? `it's "quoted" \\ and 東京 😀` : null,
  }))
  const inserted = await db.insertInto('room').values(rows).executeTakeFirstOrThrow()
  expect(inserted.numInsertedOrUpdatedRows).toBe(60n)
})
afterAll(() => db.destroy())

describe('kysely', () => {
  test('reads rows with the types that the driver gives them', async () => {
    const row = await db
      .selectFrom('room')
      .selectAll()
      .where('floor', '=', 'one')
      .where('time', '<', at(2))
      .executeTakeFirstOrThrow()
    expect(row).toEqual({
      time: at(0),
      floor: 'one',
      temperature: 20,
      visits: '9007199254740993',
      open: true,
      note: `it's "quoted" \\ and 東京 😀`,
    })
  })

  test('groups, joins a CTE, filters by lists and nulls, orders and limits', async () => {
    const rows = await db
      .with('warm', (from) =>
        from
          .selectFrom('room')
          .select(['floor', (e) => e.fn.max('temperature').as('most')])
          .where('temperature', 'is not', null)
          .groupBy('floor'),
      )
      .selectFrom('room')
      .innerJoin('warm', 'warm.floor', 'room.floor')
      .select(({ fn }) => ['room.floor', 'warm.most', fn.countAll<string>().as('count')])
      .where('room.floor', 'in', ['one', 'two', 'three'])
      .where((e) => e.or([e('temperature', '>=', 25), e('temperature', 'is', null)]))
      .groupBy(['room.floor', 'warm.most'])
      .orderBy('room.floor', 'desc')
      .execute()
    expect(rows).toEqual([
      { floor: 'two', most: 34.75, count: '21' },
      { floor: 'one', most: 34.5, count: '20' },
    ])
    const last = await db
      .selectFrom('room')
      .select(['time', 'visits'])
      .distinctOn('floor')
      .orderBy('floor')
      .orderBy('time', 'desc')
      .execute()
    expect(last).toEqual([
      { time: at(58), visits: '58' },
      { time: at(59), visits: '59' },
    ])
  })

  test('asks in windows, subqueries and templates, with parameters of many types', async () => {
    const rows = await db
      .selectFrom('room')
      .select(({ fn }) => [
        template<Date>`date_bin(${'30 minutes'}, time, ${at(0)})`.as('bucket'),
        fn.avg<number>('temperature').as('mean'),
        template<number>`count(*) FILTER (WHERE open = ${true})::int4`.as('openings'),
      ])
      .where('temperature', '>', (e) =>
        e.selectFrom('room').select((f) => f.fn.min('temperature').as('m')),
      )
      .groupBy('bucket')
      .orderBy('bucket')
      .execute()
    const values = Array.from({ length: 29 }, (_, i) => i + 1).filter((minute) => minute !== 7)
    const mean = values.reduce((sum, minute) => sum + 20 + minute / 4, 0) / values.length
    expect(rows).toEqual([
      { bucket: at(0), mean: expect.closeTo(mean, 10) as number, openings: 9 },
      { bucket: at(30), mean: 31.125, openings: 10 },
    ])
    const numbers = await db
      .selectFrom('room')
      .select(({ fn }) => [
        'time',
        fn
          .agg<string>('row_number')
          .over((over) => over.partitionBy('floor').orderBy('time'))
          .as('n'),
      ])
      .where('time', 'in', [at(1), at(3), at(4)])
      .orderBy('time')
      .execute()
    expect(numbers.map(({ n }) => n)).toEqual(['1', '2', '1'])
  })

  test('upserts, returns what it wrote, and deletes', async () => {
    const time = at(120)
    const point = { time, floor: 'cellar', temperature: 12, visits: 1, open: false, note: 'first' }
    await db.insertInto('room').values(point).execute()
    const returned = await db
      .insertInto('room')
      .values({ ...point, temperature: 13.5 })
      .onConflict((on) =>
        on
          .columns(['floor', 'time'])
          .doUpdateSet((e) => ({ temperature: e.ref('excluded.temperature') })),
      )
      .returning(['temperature', 'note', 'visits'])
      .execute()
    expect(returned).toEqual([{ temperature: 13.5, note: 'first', visits: '1' }])
    const deleted = await db.deleteFrom('room').where('floor', '=', 'cellar').executeTakeFirst()
    expect(deleted.numDeletedRows).toBe(1n)
    expect(
      await db.selectFrom('room').select('note').where('floor', '=', 'cellar').execute(),
    ).toEqual([])
  })

  test('finds tables and columns by its introspection', async () => {
    const tables = await db.introspection.getTables()
    const room = tables.find(({ name }) => name === 'room')!
    expect(
      room.columns.map(({ name, dataType, isNullable }) => [name, dataType, isNullable]),
    ).toEqual(
      expect.arrayContaining([
        ['time', 'timestamptz', false],
        ['floor', 'text', false],
        ['temperature', 'float8', true],
        ['visits', 'int8', true],
        ['open', 'bool', true],
      ]),
    )
  })

  test('hears codes and positions of errors', async () => {
    const thrown = (promise: Promise<unknown>): Promise<unknown> =>
      promise.then(
        () => null,
        (error: unknown) => error,
      )
    const absent = await thrown(
      db
        .selectFrom('room')
        .select(template`nothere`.as('n'))
        .execute(),
    )
    expect(absent).toBeInstanceOf(NeonDbError)
    expect(absent).toMatchObject({ code: '42703', position: '8', severity: 'ERROR' })
    expect(await thrown(template`SELECT 1 / ${0}::int4`.execute(db))).toMatchObject({
      code: '22012',
    })
    expect(await thrown(template`SELEC 1`.execute(db))).toMatchObject({
      code: '42601',
      position: '1',
    })
    expect(await thrown(template`SELECT * FROM absent`.execute(db))).toMatchObject({
      code: '42P01',
      position: '15',
    })
    expect(await thrown(askerOf('guess')`SELECT 1`)).toMatchObject({ code: '28P01' })
    expect(await thrown(askerOf(TOKEN, 'absent')`SELECT 1`)).toMatchObject({ code: '3D000' })
  })
})

test("queries that kysely compiled run in one of Neon's transactions, up to the first that fails", async () => {
  const compiled = (query: { compile(): CompiledQuery }) => {
    const { sql, parameters } = query.compile()
    return ask.query(sql, [...parameters])
  }
  const point = { time: at(180), floor: 'roof', temperature: 30, visits: 1, open: true, note: null }
  const insert = db.insertInto('room').values(point)
  const count = db
    .selectFrom('room')
    .select((e) => e.fn.countAll().as('n'))
    .where('floor', '=', 'roof')
  const failing = { compile: () => template`SELECT 1 / 0`.compile(db) }
  // What was stored before the error stays: a transaction is a frame for errors, not for points.
  await expect(
    ask.transaction([compiled(count), compiled(failing), compiled(insert)]),
  ).rejects.toMatchObject({ code: '22012' })
  expect(await count.execute()).toEqual([{ n: '0' }])
  const remove = db.deleteFrom('room').where('floor', '=', 'roof')
  const [stored, after] = await ask.transaction([compiled(insert), compiled(count)])
  expect([stored!.rowCount, after!.rows]).toEqual([1, [{ n: '1' }]])
  const [seen] = await ask.transaction([compiled(count), compiled(count)], { readOnly: true })
  expect(seen!.rows).toEqual([{ n: '1' }])
  await expect(ask.transaction([compiled(remove)], { readOnly: true })).rejects.toMatchObject({
    code: '25006',
  })
  await ask.transaction([compiled(remove)])
  expect(await count.execute()).toEqual([{ n: '0' }])
})

test('values of every type arrive as the driver of PostgreSQL reads them', async () => {
  const { rows, fields } =
    await ask`SELECT ${7}::int4 AS i4, ${'8'}::int8 AS i8, ${0.1}::float8 AS f8,
    ${'1.50'}::numeric AS n, ${true}::bool AS b, ${'é'} AS t, ${['a', null, 'c,"d']}::text[] AS ts,
    ${[1, 2]}::int4[] AS is, ${{ k: [1] }}::jsonb AS j, ${at(1)}::timestamptz AS at,
    ${null}::text AS nothing, '\\x00ff'::bytea AS bytes, 'NaN'::float8 AS nan, '1 day'::interval AS day`
  expect(rows[0]).toMatchObject({
    ...{ i4: 7, i8: '8', f8: 0.1, n: '1.50', b: true, t: 'é', ts: ['a', null, 'c,"d'], is: [1, 2] },
    ...{ j: { k: [1] }, at: at(1), nothing: null, nan: NaN, day: { days: 1 } },
  })
  expect([...(rows[0]!['bytes'] as Uint8Array)]).toEqual([0, 255])
  expect(fields.map(({ dataTypeID }) => dataTypeID)).toEqual([
    23, 20, 701, 1700, 16, 25, 1009, 1007, 3802, 1184, 25, 17, 701, 1186,
  ])
})
