import { describe, expect, test } from 'vitest'
import { TIME_MAX, TIME_MIN } from '../../../engine/calendar.ts'
import { OmenError } from '../../../engine/error.ts'
import { planQuery, type Plan, type PlanCatalog, type TagTerm } from '../../../engine/query/plan.ts'
import { NaiveCatalog } from './naive-catalog.ts'
import type { QueryRequest } from '../../../engine/query/query.ts'
import { parseLatest, parseQuery, type QueryContext } from '../../../engine/query/request.ts'

const S = 1_000_000_000n
const context: QueryContext = {
  database: 'default',
  now: 1_790_000_000n * S,
  limits: { maxPoints: 1e9, maxBuckets: 1e6, queryBytes: 2 ** 40, timeoutMs: 30_000 },
  limit: { default: 1_000_000, max: 1_000_000 },
}
const SERIES: Record<string, string>[] = [
  { host: 'b' },
  { host: 'a10', rack: '1' },
  { host: 'a9', rack: '2' },
  { rack: '1' },
  {},
  { host: 'a9' },
]
const columns = [
  { id: 7, name: 'Mixed', type: 0 as const },
  { id: 3, name: 'b', type: 3 as const },
  { id: 1, name: 'f', type: 0 as const },
  { id: 2, name: 'i', type: 1 as const },
  { id: 5, name: 's', type: 4 as const },
  { id: 4, name: 'u', type: 2 as const },
]

/** Records the terms that it was asked with. */
class FakeCatalog extends NaiveCatalog {
  terms: readonly TagTerm[] = []

  planTable(_database: string, name: string): ReturnType<PlanCatalog['planTable']> {
    if (name !== 't') throw new OmenError('not_found', `table '${name}' does not exist`)
    return {
      id: 1,
      name,
      partitionSeconds: 86_400,
      columns,
      tagKeys: ['host', 'rack'],
      cutoff: TIME_MIN,
    }
  }

  matchSeries(_table: number, terms: readonly TagTerm[]): Uint32Array {
    this.terms = terms
    const ids = [...SERIES.keys()].filter((id) =>
      terms.every(({ key, accepts }) => accepts(SERIES[id]![key] ?? null)),
    )
    return Uint32Array.from(ids)
  }

  seriesTags(series: number): ReadonlyMap<string, string> {
    return new Map(Object.entries(SERIES[series]!))
  }
}

const catalog = new FakeCatalog()

function plan(request: Partial<QueryRequest>): Plan {
  return planQuery(parseQuery({ table: 't', precision: 'ns', ...request }, context), catalog)
}

function failure(request: Partial<QueryRequest>): OmenError {
  try {
    plan(request)
  } catch (error) {
    return error as OmenError
  }
  throw new Error('was planned')
}

const ids = (request: Partial<QueryRequest>): number[] =>
  [...plan(request).series.ranked()].map(({ id }) => id)

describe('tag conditions', () => {
  test('select series, which come in byte order of their tags and not of their lengths', () => {
    expect(ids({})).toEqual([4, 1, 5, 2, 0, 3])
    expect(ids({ where: "host = 'a9'" })).toEqual([5, 2])
    expect(catalog.terms[0]!.values).toEqual(['a9'])
    expect(ids({ where: "host IN ('a9', 'b') AND rack IS NULL" })).toEqual([5, 0])
    expect(ids({ where: "host <> 'b'" })).toEqual([1, 5, 2])
    expect(ids({ where: "NOT host = 'b'" })).toEqual([1, 5, 2])
    expect(ids({ where: "host LIKE 'a_'" })).toEqual([5, 2])
    expect(ids({ where: "host = 'b' OR rack = '1'" })).toEqual([1, 0, 3])
    expect(ids({ where: "host IS DISTINCT FROM 'b'" })).toEqual([4, 1, 5, 2, 3])
    expect(ids({ where: { host: ['b', null] } })).toEqual([4, 0, 3])
    expect(ids({ where: "host > rack OR host = 'none'" })).toEqual([1, 2])
    expect(ids({ where: "host BETWEEN 'a' AND 'b'" })).toEqual([1, 5, 2, 0])
    expect(ids({ where: 'host = NULL' })).toEqual([])
    expect(ids({ where: "host NOT IN ('a9', NULL)" })).toEqual([])
  })

  test('beside fields leave a filter per series with the tags decided', () => {
    const { series } = plan({ where: "host = 'b' OR f > 1" })
    const filters = [...series].map(({ id, filter }) => [id, filter?.kind ?? null])
    expect(filters).toContainEqual([0, null])
    expect(filters).toContainEqual([5, 'compare'])
    // Unknown OR … is not dropped: it may still come out true.
    expect(filters).toContainEqual([4, 'or'])
    expect(ids({ where: "host = 'b' AND (rack IS NULL OR f > 1)" })).toEqual([0])
  })
})

describe('time conditions', () => {
  const range = (request: Partial<QueryRequest>): [bigint, bigint] => {
    const { start, end } = plan(request)
    return [start, end]
  }

  test('narrow the range to half-open nanoseconds and leave no filter', () => {
    expect(range({})).toEqual([TIME_MIN, TIME_MAX + 1n])
    expect(range({ start: 5n, end: 9n })).toEqual([5n, 9n])
    expect(range({ start: 5n * S, where: "time > '1970-01-01T00:00:07Z'" })[0]).toBe(7n * S + 1n)
    expect(range({ end: 5n * S, where: "time <= '1970-01-01 00:00:02'" })[1]).toBe(2n * S + 1n)
    expect(range({ where: "time = '1970-01-01'" })).toEqual([0n, 1n])
    const between = plan({ where: 'time BETWEEN 1000 AND 2000' })
    expect([between.start, between.end]).toEqual([S, 2n * S + 1n])
    expect([...between.series].every(({ filter }) => filter === null)).toBe(true)
    expect(range({ where: "now() - interval '1 hour' <= time" })[0]).toBe(context.now - 3600n * S)
  })

  test('in an OR or with <> stay a filter', () => {
    expect(plan({ where: 'time > 5 OR f > 1' }).series.byRank(0).filter?.kind).toBe('or')
    expect(plan({ where: 'time <> 5' }).series.byRank(0).filter?.kind).toBe('compare')
    expect(range({ where: 'time <> 5' })).toEqual([TIME_MIN, TIME_MAX + 1n])
  })

  test('that leave nothing find no series', () => {
    expect(ids({ start: 9n, end: 9n })).toEqual([])
    expect(ids({ where: 'time > 10 AND time < 5' })).toEqual([])
    expect(ids({ where: 'false' })).toEqual([])
    expect(ids({ where: '1 = 2' })).toEqual([])
    expect(ids({ where: 'true' })).toHaveLength(SERIES.length)
  })
})

describe('constants', () => {
  const leaf = (where: string): { accepted: number; slot: bigint } => {
    const { filter } = plan({ where }).series.byRank(0)
    if (filter?.kind !== 'compare') throw new Error(`${where} is ${filter?.kind}`)
    const { accepted, slot } = filter
    return { accepted, slot: BigInt.asIntN(64, slot) }
  }

  test('against integers are exact, also with fractions and beyond the range', () => {
    expect(leaf('i > 0.5')).toEqual({ accepted: 4, slot: 0n })
    expect(leaf('i >= 0.5')).toEqual({ accepted: 4, slot: 0n })
    expect(leaf('i < 0.5')).toEqual({ accepted: 3, slot: 0n })
    expect(leaf('i = 0.5')).toEqual({ accepted: 0, slot: 0n })
    expect(leaf('i <> 0.5')).toEqual({ accepted: 7, slot: 0n })
    expect(leaf('i > -0.5')).toEqual({ accepted: 4, slot: -1n })
    expect(leaf('i = 9007199254740993')).toEqual({ accepted: 2, slot: 9007199254740993n })
    expect(leaf("i = '9007199254740993'")).toEqual({ accepted: 2, slot: 9007199254740993n })
    expect(leaf('i < 1e30')).toEqual({ accepted: 7, slot: 0n })
    expect(leaf('i < -1e30')).toEqual({ accepted: 0, slot: 0n })
    expect(leaf('i > -1e-400')).toEqual({ accepted: 4, slot: -1n })
    expect(leaf('u > -1')).toEqual({ accepted: 7, slot: 0n })
    expect(leaf('10 > i')).toEqual({ accepted: 1, slot: 10n })
  })

  test('in quotes take the type of the column, or are refused', () => {
    expect(leaf("f > 'NaN'").slot & 0x7ff8000000000000n).toBe(0x7ff8000000000000n)
    expect(leaf("b = 'yes'").slot).toBe(1n)
    for (const where of ["f > 'x'", "i = '0.5'", "b = 'maybe'"]) {
      expect(failure({ where })).toMatchObject({
        ...{ code: 'bad_request', details: { sqlstate: '22P02', pointer: '/where' } },
      })
    }
    expect(failure({ where: "time > 'soon'" }).code).toBe('bad_request')
  })
})

describe('what a query is refused for', () => {
  test.each([
    ['s > 1', 'type_conflict', '42883'],
    ['host = 1', 'type_conflict', '42883'],
    ['f = true', 'type_conflict', '42883'],
    ['f LIKE 1', 'type_conflict', '42883'],
    ["f LIKE 'a'", 'type_conflict', '42883'],
    ['f = s', 'type_conflict', '42883'],
    ['time = f', 'type_conflict', '42883'],
    ['f', 'type_conflict', '42804'],
    ['host', 'type_conflict', '42804'],
    ['nope > 1', 'unknown_column', '42703'],
    ['"F" > 1', 'unknown_column', '42703'],
    ['f + 1 > 2', 'unsupported', '0A000'],
    ['abs(f) > 2', 'unsupported', '0A000'],
    ['s ~ host', 'unsupported', '0A000'],
    ["f ~ 'a'", 'type_conflict', '42883'],
    ["time !~ 'a'", 'type_conflict', '42883'],
    ['host ~ 5', 'type_conflict', '42883'],
    ["host ~* '('", 'bad_request', '2201B'],
    ["s !~* 'a**'", 'bad_request', '2201B'],
    ["NULL ~ '\\1'", 'bad_request', '2201B'],
    ["s ~ 'a{1000}{2}'", 'bad_request', '2201B'],
    ["s ~ '((a{1000}){1000}'", 'bad_request', '2201B'],
    ["s ~ '((a{1000}){1000})'", 'limit_exceeded', '54000'],
    ["s LIKE 'a\\'", 'bad_request', '22025'],
  ])('where %s is %s %s', (where, code, sqlstate) => {
    expect(failure({ where })).toMatchObject({ code, details: { sqlstate } })
  })

  test.each([
    [{ select: ['f', 'count(f)'] }, 'bad_request'],
    [{ select: ['f', 'f'] }, 'bad_request'],
    [{ select: ['time'] }, 'bad_request'],
    [{ select: ['host'] }, 'bad_request'],
    [{ select: ['count(host)'] }, 'bad_request'],
    [{ select: ['f * 2'] }, 'unsupported'],
    [{ select: ['integral(s)'] }, 'type_conflict'],
    [{ select: ['moving_average(f, 5)'] }, 'bad_request'],
    [{ select: ['moving_average(f)'], every: '1m' }, 'type_conflict'],
    [{ select: ['rate(s)'] }, 'type_conflict'],
    [{ select: ['increase(b)'] }, 'type_conflict'],
    [{ select: ['median(s)'] }, 'type_conflict'],
    [{ select: ['median(f, 0.5)'] }, 'type_conflict'],
    [{ select: ['quantile(f)'] }, 'type_conflict'],
    [{ select: ["quantile(f, 'x')"] }, 'type_conflict'],
    [{ select: ['quantile(f, i)'] }, 'type_conflict'],
    [{ select: ['quantile(f, 0.5, 1)'] }, 'type_conflict'],
    [{ select: ['quantile(f, 1.001)'] }, 'bad_request'],
    [{ select: ['approx_quantile(f, -0.1)'] }, 'bad_request'],
    [{ select: ['nope(f)'] }, 'type_conflict'],
    [{ points: 9 }, 'bad_request'],
    [{ points: 9, select: ['f', 'i'] }, 'bad_request'],
    [{ points: 9, select: ['s'] }, 'type_conflict'],
    [{ points: 9, select: ['b'] }, 'type_conflict'],
    [{ select: ['sum(s)'] }, 'type_conflict'],
    [{ select: ['mean(b)'] }, 'type_conflict'],
    [{ select: ['sum(*)'] }, 'type_conflict'],
    [{ select: ['sum(f, i)'] }, 'type_conflict'],
    [{ select: ['sum(nope)'] }, 'unknown_column'],
    [{ select: ['sum(f)'], by: ['nope'] }, 'unknown_column'],
    [{ select: ['sum(f)'], by: ['f'] }, 'bad_request'],
    [{ table: 'nope' }, 'not_found'],
  ])('%j is %s', (request, code) => {
    expect(failure(request).code).toBe(code)
  })

  test.each([
    [['f', 'count(f)'], '42803', '/select/0', 1],
    [['i AS x', 'f AS x'], '42701', '/select/1', 1],
    [['count(host)'], '42809', '/select/0', 7],
    [['f * 2'], '0A000', '/select/0', 3],
  ])('select %j tells its sqlstate %s and where it is', (select, sqlstate, pointer, position) => {
    expect(failure({ select }).details).toMatchObject({ sqlstate, pointer, position })
  })

  test('a function that does not exist is named', () => {
    expect(failure({ select: ['holt_winters(f)'] }).message).toMatch(/holt_winters does not exist$/)
  })

  test.each([
    ['meen(f)', 'mean'],
    ['cuont(f)', 'count'],
    ['QUANTILES(f, 0.5)', 'quantile'],
    ['std_dev(f)', 'stddev'],
  ])('of %s the nearest function is named', (select, name) => {
    const { message } = failure({ select: [select] })
    expect(message).toMatch(new RegExp(`does not exist; did you mean ${name}\\?$`))
  })
})

describe('outputs', () => {
  test('default to all fields by name; unquoted names find the only one but for case', () => {
    const names = plan({}).columns.map(({ name }) => name)
    expect(names).toEqual(['time', 'Mixed', 'b', 'f', 'i', 's', 'u'])
    expect(plan({ select: ['mixed'] }).fields[0]!.name).toBe('Mixed')
  })

  test('have the types of sql.md and share the fields they read', () => {
    const planned = plan({
      select: [
        'count(*)',
        'sum(i) AS total',
        'mean(i)',
        'max(s)',
        'last(b)',
        'stddev(u)',
        'spread(u)',
      ],
    })
    expect(planned.columns.slice(1)).toEqual([
      { name: 'count(*)', type: 'integer' },
      { name: 'total', type: 'integer' },
      { name: 'mean(i)', type: 'float' },
      { name: 'max(s)', type: 'string' },
      { name: 'last(b)', type: 'boolean' },
      { name: 'stddev(u)', type: 'float' },
      { name: 'spread(u)', type: 'unsigned' },
    ])
    expect(planned.fields.map(({ name }) => name)).toEqual(['i', 's', 'b', 'u'])
    expect(planned.countsRows).toBe(true)
  })

  test('read the fields of the filter behind their own', () => {
    const planned = plan({ select: ['f'], where: 'i > 1 AND f < 2 AND u > i' })
    expect(planned.fields.map(({ name }) => name)).toEqual(['f', 'i', 'u'])
    expect(planned.selectedCount).toBe(1)
  })
})

describe('groups', () => {
  test('are the combinations of values, null where a series lacks the key, null first', () => {
    const { groups, series } = plan({ select: ['sum(f)'], by: ['rack'] })
    expect([0, 1, 2].map((group) => groups.at(group).get('rack'))).toEqual([null, '1', '2'])
    const byId = new Map([...series].map(({ id, group }) => [id, group]))
    expect([0, 1, 2, 3, 4, 5].map((id) => byId.get(id))).toEqual([0, 1, 2, 1, 0, 0])
    expect(plan({ select: ['sum(f)'], by: '*' }).groups).toHaveLength(6)
    expect(plan({ select: ['sum(f)'] }).groups.at(0)).toEqual(new Map())
  })

  test('of latest are series without by', () => {
    const query = parseLatest({ table: 't' }, context)
    expect(planQuery(query, catalog).groups).toHaveLength(SERIES.length)
    const grouped = parseLatest({ table: 't', by: 'rack' }, context)
    expect(planQuery(grouped, catalog).groups).toHaveLength(3)
  })
})
