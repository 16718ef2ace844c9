// What every client keeps, whatever it runs on (Node, workerd, Chromium) and talks to (a server, a database
// of its own process). No test framework: a page runs the same cases. Each has tables of its own, so
// that all can share one server, which is empty at first.

import { OmenDBError, type Client, type Schema } from '../../client/index.ts'

export interface ContractCase {
  readonly name: string
  run(db: Client): Promise<void>
}

/** Throws unless both are the same: bigints are no numbers, -0 is no 0, Dates are their times. */
export function same(actual: unknown, expected: unknown, what = 'value'): void {
  const [got, wanted] = [show(actual), show(expected)]
  if (got !== wanted) throw new Error(`${what} is ${got}, not ${wanted}`)
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`
  if (Object.is(value, -0)) return '-0'
  if (value instanceof Date) return `Date ${value.toISOString()}`
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined'
  const members = Object.entries(value as object).filter(([, member]) => member !== undefined)
  return `{${members
    .map(([name, member]) => `${name}: ${show(member)}`)
    .sort()
    .join(', ')}}`
}

async function errorOf(call: Promise<unknown>): Promise<OmenDBError> {
  const thrown: unknown = await call.then(
    () => new Error('nothing was thrown'),
    (error: unknown) => error,
  )
  if (thrown instanceof OmenDBError) return thrown
  throw thrown
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of source) found.push(one)
  return found
}

const BIG = 2n ** 63n - 1n
const NANOS = 1_790_000_000_123_456_789n

/** Stands for zod, which a page need not load: a number `v`, and a tag. */
const schema: Schema<Shape> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate(value: unknown) {
      const point = value as { fields: { v: unknown } }
      if (typeof point.fields.v === 'number') return { value: point as Shape }
      return { issues: [{ message: 'not a number', path: ['fields', { key: 'v' }] }] }
    },
  },
}

interface Shape {
  tags: { host: string }
  fields: { v: number }
}

const writing: ContractCase[] = [
  {
    name: 'one point, many, columns and line protocol are written alike',
    async run(db) {
      same(await db.write({ table: 'w', tags: { host: 'a' }, time: 1, fields: { v: 1 } }), {
        written: 1,
        rejected: 0,
        ack: 'fsync',
        errors: [],
      })
      const two = { table: 'w', tags: { host: 'a' }, fields: { v: 2, note: 'é"\n' } }
      await db.write([
        { ...two, time: new Date(2) },
        { table: 'w', time: 2n, fields: { v: 3 } },
      ])
      await db.write({
        table: 'w',
        tags: { host: 'b' },
        time: new Float64Array([1, 2]),
        fields: { v: new Float64Array([-0, Number.NaN]), ok: [true, false] },
      })
      await db.write('w,host=c v=4 3', { precision: 'ms' })
      await db.write(new TextEncoder().encode('w,host=ü v=5 3000000'), { ack: 'memory' })
      const answer = await db.query({ table: 'w' })
      same(
        [...answer.rows()],
        [
          { time: 2, v: 3, note: null, ok: null },
          { time: 1, host: 'a', v: 1, note: null, ok: null },
          { time: 2, host: 'a', v: 2, note: 'é"\n', ok: null },
          { time: 1, host: 'b', v: -0, note: null, ok: true },
          { time: 2, host: 'b', v: null, note: null, ok: false },
          { time: 3, host: 'c', v: 4, note: null, ok: null },
          { time: 3, host: 'ü', v: 5, note: null, ok: null },
        ],
      )
    },
  },
  {
    name: 'bigints are 64-bit integers and nanoseconds, there and back',
    async run(db) {
      const fields = { n: BIG, u: 2n ** 64n - 1n, f: 0.1 }
      await db.write({ table: 'exact', time: NANOS, fields }, { precision: 'ns' })
      await db.write(
        { table: 'exact', time: [NANOS + 1n], fields: { n: [-1n] } },
        { precision: 'ns' },
      )
      const answer = await db.query({ table: 'exact', time: 'ns', where: { n: { gt: BIG - 1n } } })
      same([...answer.rows()], [{ time: NANOS, ...fields }])
      const { series } = await db.latest({ table: 'exact', time: 'ns' })
      same(series[0]!.time, [NANOS + 1n])
      const counted = await db.query({ table: 'exact', select: { c: 'count(*)', s: 'sum(n)' } })
      same(counted.series[0]!.fields, { c: [2n], s: [BIG - 1n] })
    },
  },
  {
    name: 'points without a time have times of their own, and a wrong one is refused here',
    async run(db) {
      const now = Date.now()
      await db.write([1, 2, 3].map((v) => ({ table: 'now', fields: { v } })))
      const { series } = await db.query({ table: 'now', start: now - 60_000, time: 'date' })
      same(series[0]!.fields['v'], [1, 2, 3])
      same(
        series[0]!.time.every((time) => Math.abs(time.getTime() - now) < 60_000),
        true,
      )
      for (const time of [Number.NaN, new Date(Number.NaN)]) {
        const thrown = await db
          .write({ table: 'now', time, fields: { v: 1 } })
          .catch((e: unknown) => e)
        same(thrown instanceof RangeError, true)
      }
    },
  },
  {
    name: 'a writer stores all it took, once, and says what it cannot',
    async run(db) {
      const refused: unknown[] = []
      const writer = db.writer({
        maxPoints: 7,
        onError: (error, points) => refused.push([error.code, points]),
      })
      const bad = { table: 'batched', time: 5, fields: { v: 'text' } }
      for (let time = 0; time < 100; time++) {
        const isTaken = writer.add({ table: 'batched', time, fields: { v: time } })
        same(isTaken, true)
        if (time === 50) writer.add(bad)
      }
      same((await errorOf(writer.flush())).code, 'type_conflict')
      await writer.close()
      same(refused, [['type_conflict', [bad]]])
      same(writer.pending, 0)
      const answer = await db.query({ table: 'batched', select: { n: 'count(v)', s: 'sum(v)' } })
      same([...answer.rows()], [{ time: 0, n: 100n, s: 4950 }])
      same(writer.add(bad), false)
    },
  },
  {
    name: 'CSV and NDJSON are imported, and an export is what import takes',
    async run(db) {
      const csv = 'ts,host,v,n\n1,a,0.5,7\n2,b,,8\n'
      const types = { n: 'integer' } as const
      same((await db.import(csv, { table: 'i', time: 'ts', tags: ['host'], types })).written, 2)
      for (const format of ['csv', 'ndjson'] as const) {
        const text = await new Response(await db.export({ table: 'i' }, { format })).text()
        await db.import(text, { table: format, format, tags: ['host'], types })
        const { series } = await db.query({ table: format })
        same(series, (await db.query({ table: 'i' })).series)
      }
    },
  },
]

const CPU =
  'host=a usage=0.5,n=1i 1000000000\nhost=b usage=0.25 2000000000\nhost=c usage=3 3000000000'
const lines = (table: string): string => CPU.replaceAll(/^/gm, `${table},`)

const reading: ContractCase[] = [
  {
    name: 'select names the columns, buckets are filled, times come as asked',
    async run(db) {
      await db.write(lines('q'))
      const answer = await db.query({
        table: 'q',
        start: new Date(0),
        end: 10_000,
        where: { host: ['a', 'b'] },
        select: { u: 'mean(usage)' },
        by: ['host'],
        every: '5s',
        fill: { kind: 'previous', maxGap: '1m' },
        time: 'date',
      })
      same(
        answer.series.map(({ tags, fields }) => [tags.host, fields.u]),
        [
          ['a', [0.5, 0.5]],
          ['b', [0.25, 0.25]],
        ],
      )
      same([...answer.rows()][3], { time: new Date(5_000), host: 'b', u: 0.25 })
      same(JSON.parse(JSON.stringify(answer)).rows, undefined, 'rows in JSON')
    },
  },
  {
    name: 'pages put together are the whole, latest the newest of each',
    async run(db) {
      await db.write(lines('p'))
      const pages = await all(db.pages({ table: 'p', limit: 1, order: 'desc' }))
      const hosts = pages.flatMap((page) => [...page.rows()]).map((row) => row.host)
      same(hosts, ['c', 'b', 'a'])
      await db.write('p,host=a usage=9 5000000000')
      const where = { host: ['a', 'b'] }
      const latest = await db.latest({ table: 'p', select: ['usage'], where, time: 'rfc3339' })
      same(
        [...latest.rows()],
        [
          { time: '1970-01-01T00:00:05Z', host: 'a', usage: 9 },
          { time: '1970-01-01T00:00:02Z', host: 'b', usage: 0.25 },
        ],
      )
    },
  },
  {
    name: 'rows of an export stream one by one, typed, and can be left early',
    async run(db) {
      const count = 20_000
      const time = Array.from({ length: count }, (_, index) => index)
      await db.write({ table: 'e', time, fields: { n: time.map(BigInt), s: time.map(String) } })
      let sum = 0n
      for await (const { n, s } of db.rows({ table: 'e', time: 'ns' })) {
        sum += n as bigint
        if (s !== String(n)) throw new Error(`row ${String(n)} has ${String(s)}`)
      }
      same(sum, BigInt((count * (count - 1)) / 2))
      for await (const row of db.rows({ table: 'e', start: 5 })) {
        same(row, { time: 5, n: 5n, s: '5' })
        break
      }
      const buckets = await all(db.rows({ table: 'e', select: { c: 'count(n)' }, every: '10s' }))
      same(buckets, [
        { time: 0, c: 10_000n },
        { time: 10_000, c: 10_000n },
      ])
    },
  },
]

const tables: ContractCase[] = [
  {
    name: 'a table has its description, settings, series, tags, deletes and end',
    async run(db) {
      await db.write(lines('t'))
      const table = db.table('t')
      const { firstTime, lastTime, ...rest } = await table.describe({ time: 'ns' })
      same([firstTime, lastTime], [1_000_000_000n, 3_000_000_000n])
      same([rest.name, rest.tags, rest.points, rest.series], ['t', ['host'], 3, 3])
      same(rest.fields, { n: 'integer', usage: 'float' })
      const { retention, rollups } = await table.set({
        retention: '100y',
        rollups: [{ name: 't_1h', every: '1h', select: { m: 'mean(usage)' } }],
      })
      same([retention, rollups.length], ['100y', 1])
      const { series, cursor } = await table.series({ limit: 1 })
      same([series, typeof cursor], [[{ tags: { host: 'a' } }], 'string'])
      same(await table.tags(), ['host'])
      same(await table.tagValues('host', { where: { host: 'b' } }), { values: ['b'], cursor: null })
      same((await table.stats()).name, 't')
      const old = { end: 1_500, where: { host: 'a' } }
      same(await table.deleteRows({ ...old, dryRun: true }), { deleted: 1, dryRun: true })
      same(await table.deleteRows(old), { deleted: 1, dryRun: false })
      await table.dropColumn('n')
      same((await table.describe({ time: 'date' })).fields, { usage: 'float' })
      await table.set({ rollups: [] })
      await table.drop()
      const names = (await db.tables()).map(({ name }) => name)
      same(names.includes('t'), false)
    },
  },
  {
    name: 'a schema checks points before they are sent, and all calls know the table',
    async run(db) {
      const table = db.table('a b/ü', schema)
      await table.write([{ time: 1, tags: { host: 'a' }, fields: { v: 1 } }])
      const wrong = { time: 1, tags: { host: 'a' }, fields: { v: 'x' } } as never
      const error = await errorOf(table.write(wrong))
      same([error.code, error.detail], ['schema', 'fields.v: not a number'])
      same(error.retryable, false)
      const failed: unknown[] = []
      const writer = table.writer({ onError: ({ code }, points) => failed.push(code, points) })
      writer.add([wrong, { time: 2, tags: { host: 'a' }, fields: { v: 2 } }])
      same((await errorOf(writer.close())).code, 'schema')
      same(failed, ['schema', [wrong]])
      const { series } = await table.query({ select: { m: 'mean(v)' }, by: ['host'] })
      same(series[0]!.fields.m, [1.5])
      same((await table.latest()).series[0]!.fields.v, [2])
      same(await all(table.rows({ where: { v: 2 } })), [{ time: 2, host: 'a', v: 2 }])
    },
  },
  {
    name: 'databases are apart, for the client or for a call',
    async run(db) {
      await db.createDatabase('other')
      await db.write('apart v=1 1', { db: 'other' })
      same(
        (await db.tables({ db: 'other' })).map(({ name }) => name),
        ['apart'],
      )
      same(
        (await db.tables()).some(({ name }) => name === 'apart'),
        false,
      )
      same((await db.databases()).includes('other'), true)
      await db.dropDatabase('other')
      same((await errorOf(db.tables({ db: 'other' }))).code, 'not_found')
    },
  },
]

const failing: ContractCase[] = [
  {
    name: 'errors have a code, a status, places and an id',
    async run(db) {
      const error = await errorOf(db.write('x v=1 1\nx v= 2'))
      same([error.code, error.status, error.errors[0]!.line], ['line_protocol', 400, 2])
      same([error.written, error.retryable, /./.test(error.requestId ?? '')], [0, false, true])
      const expression = await errorOf(db.query({ table: 'q', where: 'usage >' }))
      same([expression.code, typeof expression.position], ['sql_syntax', 'number'])
      same((await errorOf(db.query({ table: 'nope' }))).status, 404)
      const { written, rejected, errors } = await db.write('x v=1 1\nbad', { partial: true })
      same([written, rejected, errors[0]!.input], [1, 1, 'bad'])
    },
  },
  {
    name: 'an aborted call rejects with the reason of its signal',
    async run(db) {
      const reason = new Error('enough')
      const call = db.query({ table: 'q' }, { signal: AbortSignal.abort(reason) })
      same((await call.catch((thrown: unknown) => thrown)) === reason, true)
    },
  },
  {
    name: 'the server tells how it is and hands out a backup',
    async run(db) {
      const { status, name } = await db.health()
      same([status, name, await db.ready()], ['pass', 'omendb', true])
      same((await db.metrics()).includes('omendb_build_info'), true)
      const { id, body } = await db.backup()
      const { byteLength } = await new Response(body).arrayBuffer()
      same([id !== '', byteLength > 512], [true, true])
      const document = await db.request<{ openapi: string }>('GET', '/openapi.json')
      same(document.openapi, '3.1.0')
    },
  },
]

const statements: ContractCase[] = [
  {
    name: 'SQL answers rows, exact and typed, to a tag and to a text with values',
    async run(db) {
      const points = [1n, 2n, 3n].map((row) => ({
        table: 's',
        tags: { place: row === 2n ? 'attic' : 'cellar' },
        time: NANOS + row,
        fields: { warm: Number(row) / 4, count: BIG - row },
      }))
      await db.write(points, { precision: 'ns' })
      const rows =
        await db.sql`SELECT place, warm, count FROM s WHERE count < ${BIG - 1n} ORDER BY time`
      same(
        [...rows],
        [
          { place: 'attic', warm: 0.5, count: BIG - 2n },
          { place: 'cellar', warm: 0.75, count: BIG - 3n },
        ],
      )
      same([rows.command, rows.rowCount, rows.columns[2]!.type], ['SELECT', 2, 'integer'])
      const [last] = await db.sql('SELECT max(time) AS at FROM s WHERE place = $1', ['cellar'], {
        time: 'ns',
      })
      same(last, { at: NANOS + 3n })
      const error = await errorOf(db.sql('SELECT nothing FROM s'))
      same([error.status, error.code, error.position], [400, 'unknown_column', 8])
    },
  },
]

export const CASES: readonly ContractCase[] = [
  ...writing,
  ...reading,
  ...tables,
  ...failing,
  ...statements,
]
