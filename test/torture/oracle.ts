// Random data and requests of the differential test, asked of DuckDB, which nobody here wrote:
//   npm install --prefix bench/peers
//   node scripts/run.js test/torture/oracle.ts --seeds 1000 [--from S]
// Same columns, same rows, same answers, but for the last bits of floating-point sums. Requests that
// DuckDB cannot be asked (fill, rates, months, charts) or refuses are counted and left out.

import { createRequire } from 'node:module'
import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import type { Database } from '../../engine/database.ts'
import { openDatabase } from '../../engine/database.ts'
import { openMemoryStorage } from '../../engine/storage/memory.ts'
import type { Answer, QueryRequest, ValueType } from '../../engine/query/query.ts'
import { type Random, randomOf } from '../random.ts'
import { outcomeOf, writeScenario } from '../reference/asker.ts'
import { questionOf, whereOf } from '../reference/question.ts'
import { type Scenario, scenarioOf } from '../reference/scenario.ts'
import { ReferenceTable, type Row, seriesText } from '../reference/table.ts'
import { SMALL_OPTIONS, simulatedHost } from '../simulated-host.ts'
import { type Statement, conditionOf, quoted, statementOf } from './oracle-statement.ts'

type Cell = number | bigint | boolean | string | null

interface Connection {
  runAndReadAll(sql: string): Promise<{ getRows(): Cell[][] }>
  run(sql: string): Promise<unknown>
  closeSync(): void
}

interface Package {
  DuckDBInstance: { create(path: string): Promise<{ connect(): Promise<Connection> }> }
}

const QUESTIONS = 40
const TYPES: { readonly [type in ValueType]: string } = {
  float: 'DOUBLE',
  integer: 'BIGINT',
  unsigned: 'UBIGINT',
  boolean: 'BOOLEAN',
  string: 'VARCHAR',
}

export async function main(words: string[]): Promise<void> {
  const { values } = parseArgs({
    args: words,
    options: {
      seeds: { type: 'string', default: '100' },
      from: { type: 'string', default: '1' },
    },
  })
  const { DuckDBInstance } = createRequire(resolve('bench/peers/package.json'))(
    '@duckdb/node-api',
  ) as Package
  const peer = await (await DuckDBInstance.create(':memory:')).connect()
  const counts = { equal: 0, notAsked: 0, refused: 0, faults: 0 }
  const from = Number(values.from)
  for (let seed = from; seed < from + Number(values.seeds); seed++) {
    await new Trial(seed, peer, counts).run()
  }
  peer.closeSync()
  console.log(JSON.stringify(counts))
  if (counts.faults > 0) process.exitCode = 1
}

/** One table in both, and what is asked of it. */
class Trial {
  private readonly seed: number
  private readonly peer: Connection
  private readonly counts: { equal: number; notAsked: number; refused: number; faults: number }
  private readonly random: Random
  private readonly scenario: Scenario
  /** What the writes add up to: the last one wins per field. */
  private readonly table: ReferenceTable

  constructor(seed: number, peer: Connection, counts: Trial['counts']) {
    this.seed = seed
    this.peer = peer
    this.counts = counts
    this.random = randomOf(seed)
    this.scenario = scenarioOf(this.random)
    this.table = new ReferenceTable(this.scenario.table)
  }

  async run(): Promise<void> {
    const { random, scenario, table } = this
    const host = await simulatedHost(openMemoryStorage(), this.seed)
    const database = await openDatabase(host, SMALL_OPTIONS)
    for (const batch of scenario.batches) {
      await writeScenario(database, batch, random)
      for (const point of batch) table.write(point)
      if (random.chance(0.4)) await database.flush()
      if (random.chance(0.15)) await database.compact()
    }
    await this.fill()
    for (let i = 0; i < QUESTIONS; i++) {
      if (random.chance(0.05)) await this.remove(database)
      if (i === QUESTIONS / 2) await database.compact()
      await this.ask(database, movingAlone(questionOf(random, scenario)))
    }
    await database.close()
  }

  private async fill(): Promise<void> {
    const { peer, scenario, table } = this
    const tags = scenario.tags.map(({ key }) => `${quoted(key)} VARCHAR`)
    const fields = scenario.fields.map(({ name, type }) => `${quoted(name)} ${TYPES[type]}`)
    const columns = ['series INTEGER', 'time BIGINT', ...tags, ...fields].join(', ')
    await peer.run(`CREATE OR REPLACE TABLE points (${columns})`)
    const order = orderOf(table.rows)
    for (let at = 0; at < table.rows.length; at += 200) {
      const rows = table.rows.slice(at, at + 200).map((row) => {
        const series = order.get(seriesText(row.tags))!
        const tagCells = scenario.tags.map(({ key }) => literal(row.tags.get(key)))
        const cells = scenario.fields.map(({ name }) => literal(row.fields.get(name)))
        return `(${[series, row.time, ...tagCells, ...cells].join(', ')})`
      })
      await peer.run(`INSERT INTO points VALUES ${rows.join(', ')}`)
    }
  }

  /** Deletes the same rows of both. */
  private async remove(database: Database): Promise<void> {
    const { random, scenario, peer } = this
    const where = whereOf(random, scenario)
    const sql = `DELETE FROM points WHERE ${conditionOf({ table: '', where })} RETURNING 1`
    const dry = await outcomeOf(() => database.deleteRows(scenario.table, { where, dryRun: true }))
    if ('error' in dry) return
    let rows: Cell[][]
    try {
      rows = (await peer.runAndReadAll(sql)).getRows()
    } catch {
      this.counts.refused++
      return
    }
    const done = await database.deleteRows(scenario.table, { where })
    if (done.deleted === rows.length && dry.answer.deleted === rows.length) return
    this.fault({ table: scenario.table, where }, `${done.deleted} deleted, not ${rows.length}`, sql)
  }

  private async ask(database: Database, request: QueryRequest): Promise<void> {
    const { scenario, peer, counts } = this
    const tags = scenario.tags.map(({ key }) => key)
    const names = [...this.table.fields.keys()].map((name) => Buffer.from(name))
    const fields = names.sort(Buffer.compare).map(String)
    const statement = statementOf(request, { tags, fields, large: largeIn(this.table.rows) })
    if (statement === null) return void counts.notAsked++
    const found = await outcomeOf(() => database.query(request))
    if ('error' in found) return void counts.refused++
    let rows: Cell[][]
    try {
      rows = (await peer.runAndReadAll(statement.sql)).getRows()
    } catch {
      return void counts.refused++
    }
    const difference = differenceOf(request, statement, found.answer, rows)
    if (difference === null) counts.equal++
    else this.fault(request, difference, statement.sql)
  }

  private fault(request: QueryRequest, difference: string, sql: string): void {
    this.counts.faults++
    const replay = `node scripts/run.js test/torture/oracle.ts --seeds 1 --from ${this.seed}`
    console.log(`${replay}\n  ${JSON.stringify(request)}\n  ${sql}\n  ${difference}`)
  }
}

/** A question with a moving average asks for it alone: the statement for it is of another kind. */
function movingAlone(request: QueryRequest): QueryRequest {
  const select = request.select as readonly string[] | undefined
  const moving = select?.find((item) => item.startsWith('moving_average('))
  return moving === undefined ? request : { ...request, select: [moving] }
}

/** Numbers of series in the order of their tags. */
function orderOf(rows: readonly Row[]): Map<string, number> {
  const series = new Map(rows.map(({ tags }) => [seriesText(tags), [...tags].flat()]))
  const sorted = [...series].sort(([, a], [, b]) => {
    for (let i = 0; i < Math.min(a.length, b.length); i++) {
      const order = Buffer.compare(Buffer.from(a[i]!), Buffer.from(b[i]!))
      if (order !== 0) return order
    }
    return a.length - b.length
  })
  return new Map(sorted.map(([text], number) => [text, number]))
}

function largeIn(rows: readonly Row[]): Set<string> {
  const limit = 2n ** 50n
  const isLarge = (value: Cell): boolean =>
    typeof value === 'bigint' && (value > limit || value < -limit)
  const cells = rows.flatMap(({ fields }) => [...fields])
  return new Set(cells.filter(([, value]) => isLarge(value)).map(([name]) => quoted(name)))
}

function literal(value: Cell | undefined): string {
  if (value === undefined || value === null) return 'NULL'
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
  if (typeof value !== 'number') return String(value)
  return `'${Object.is(value, -0) ? '-0' : value}'::DOUBLE`
}

/** In words; null: there is none. */
function differenceOf(
  request: QueryRequest,
  { tags, names }: Statement,
  answer: Answer,
  rows: readonly Cell[][],
): string | null {
  const isAggregate = names[0]!.includes('(') && !names[0]!.startsWith('"')
  const hasTime = !isAggregate || (request.every ?? null) !== null
  const found = answer.series.flatMap((series) =>
    Array.from(series.time, (time, row): Cell[] => [
      ...tags.map((key) => series.tags.get(key) ?? null),
      hasTime ? time : 0n,
      ...series.fields.map(({ values, valid }, i): Cell => {
        if (valid !== null && valid[row] === 0) return null
        const value = values[row]!
        return answer.columns[i + 1]!.type === 'boolean' ? value === 1 : value
      }),
    ]),
  )
  const expected = rows.map((row) =>
    row.map((cell, i) => (i === tags.length ? BigInt(cell as number) : cell)),
  )
  const width = tags.length + 1
  const key = (row: readonly Cell[]): string => JSON.stringify(row.slice(0, width), textOf)
  const byKey = (a: readonly Cell[], b: readonly Cell[]): number => (key(a) < key(b) ? -1 : 1)
  if (isAggregate && request.limit !== undefined) {
    // Which of the groups that share a time are on the page is not DuckDB's to say.
    const known = new Map(expected.map((row) => [key(row), row]))
    if (found.length !== Math.min(request.limit!, expected.length))
      return `${found.length} rows of ${expected.length}`
    return firstOf(found.map((row) => rowDifference(row, known.get(key(row)) ?? [], width)))
  }
  if (found.length !== expected.length) return `${found.length} rows, not ${expected.length}`
  found.sort(byKey)
  expected.sort(byKey)
  return firstOf(found.map((row, i) => rowDifference(row, expected[i]!, width)))
}

const firstOf = (found: readonly (string | null)[]): string | null =>
  found.find((one) => one !== null) ?? null

const textOf = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? String(value) : value

function rowDifference(
  found: readonly Cell[],
  expected: readonly Cell[],
  width: number,
): string | null {
  const isEqual = found.every((cell, i) =>
    i < width ? cell === expected[i] : isClose(cell, expected[i] ?? null),
  )
  if (isEqual && found.length === expected.length) return null
  return `${JSON.stringify(found, textOf)}, not ${JSON.stringify(expected, textOf)}`
}

/** Equal, or as near as sums in another order come. */
function isClose(found: Cell, expected: Cell): boolean {
  if (found === null || expected === null) return found === expected
  if (typeof found === 'bigint') return found === BigInt(expected)
  if (typeof found !== 'number') return found === expected
  const wanted = Number(expected)
  if (Object.is(found, wanted) || found === wanted) return true
  if (Number.isNaN(found) && Number.isNaN(wanted)) return true
  const difference = Math.abs(found - wanted)
  // DuckDB loses denormals where it interpolates.
  return difference <= 1e-9 * Math.max(Math.abs(found), Math.abs(wanted)) || difference < 1e-300
}
