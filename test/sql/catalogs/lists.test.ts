// Lists that psql and its like show: zones, operators, casts. What OmenDB has is what PostgreSQL 15 says
// of it, under the names of types.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Beside, startBeside } from '../forms/beside.ts'
import { missingPostgres } from '../postgres.ts'

const OPERATORS = `SELECT concat_ws(' ', oprleft::regtype, oprname, oprright::regtype, oprkind),
  oprresult::regtype FROM pg_operator`
const CASTS = `SELECT concat_ws(' ', castsource::regtype, casttarget::regtype), castcontext FROM pg_cast`
const ZONES = `SELECT name, utc_offset, is_dst FROM pg_timezone_names`
const ABBREVIATIONS = `SELECT abbrev, utc_offset, is_dst FROM pg_timezone_abbrevs`

// The reason is that of missingPostgres.
describe.skipIf(missingPostgres !== null)('lists', () => {
  let both: Beside

  beforeAll(async () => {
    both = await startBeside()
  }, 120_000)
  afterAll(() => both?.close(), 60_000)

  /** By the first column; rows of ours that PostgreSQL has otherwise, and those that it has not. */
  async function compare(text: string) {
    const [ours, theirs] = [await both.here(text), await both.there(text)]
    if ('error' in ours || 'error' in theirs) throw new Error(JSON.stringify([ours, theirs]))
    const known = new Map(theirs.rows.map(([key, ...rest]) => [key!, rest.join()]))
    const names = ours.rows.map(([key]) => key!)
    const other = ours.rows.flatMap(([key, ...rest]) => {
      const found = known.get(key!)
      return found === undefined || found === rest.join()
        ? []
        : [`${key}: ${rest.join()}, ${found}`]
    })
    return { count: names.length, other, own: names.filter((name) => !known.has(name)) }
  }

  test('zones have their offsets', async () => {
    const { count, other, own } = await compare(ZONES)
    expect(count).toBeGreaterThan(400)
    // The host's data and PostgreSQL's may be of different years.
    expect(other.length, other.join('; ')).toBeLessThan(15)
    expect(own.length, own.join()).toBeLessThan(15)
    const names = `SELECT count(*) FROM pg_timezone_names() n JOIN pg_timezone_names USING (name)`
    expect(await both.here(names)).toEqual({ rows: [[String(count)]] })
  })

  test('psql completes a zone', async () => {
    // What psql 15 asks behind SET TimeZone TO 'europe/be.
    const text = `SELECT pg_catalog.quote_literal(name) FROM pg_catalog.pg_timezone_names()
      WHERE pg_catalog.quote_literal(pg_catalog.lower(name)) LIKE pg_catalog.lower('''europe/be%') ORDER BY 1`
    const answer = await both.here(text)
    expect(answer).toEqual(await both.there(text))
    expect(JSON.stringify(answer)).toContain('Europe/Berlin')
  })

  test('every zone that is listed can be set', async () => {
    const text = `SELECT count(*), count(now() AT TIME ZONE name) FROM pg_timezone_names`
    const answer = await both.here(text)
    if ('error' in answer) throw new Error(answer.error)
    expect(answer.rows[0]![0]).toBe(answer.rows[0]![1])
  })

  test('abbreviations are PostgreSQL’s', async () => {
    const { count, other, own } = await compare(ABBREVIATIONS)
    expect({ other, own }).toEqual({ other: [], own: ['WEST'] })
    expect(count).toBe(30)
  })

  test('operators are PostgreSQL’s, but for comparisons of types that it casts first', async () => {
    const { count, other, own } = await compare(OPERATORS)
    expect(other).toEqual([])
    const unlike =
      /^(character varying|name|int2vector|oidvector|pg_\w+) \S+ \1 b$|^- \+ interval l$/
    expect(own.filter((one) => !unlike.test(one))).toEqual([])
    expect(count).toBeGreaterThan(250)
  })

  test('casts are allowed where PostgreSQL allows them', async () => {
    const { count, other, own } = await compare(CASTS)
    expect({ other, own }).toEqual({ other: [], own: [] })
    expect(count).toBeGreaterThan(90)
  })
})
