// Random questions over the rows that a database shows: the naive database of test/reference.ts,
// given the same rows, must answer the same (aggregates, buckets, groups, conditions, latest).

import type { Database } from '../../engine/database.ts'
import { OmenError } from '../../engine/error.ts'
import type { Answer, QueryRequest, ValueType } from '../../engine/query/query.ts'
import {
  type Cells,
  DATABASES,
  FIELDS,
  type Layout,
  TABLES,
  keyParts,
  tableNumber,
} from '../engine/crash-cells.ts'
import { randomOf } from '../random.ts'
import {
  type ReferenceAnswer,
  ReferenceDatabase,
  type ReferencePoint,
  type Value,
} from '../reference.ts'
import { differenceOf } from '../reference/comparison.ts'
import { unlimitedContext } from '../reference/context.ts'
import { latestOf, questionOf } from '../reference/question.ts'
import type { FieldShape, Scenario } from '../reference/scenario.ts'
import { CLOCK_START } from '../simulated-host.ts'
import type { Swarm } from './swarm.ts'

const QUESTIONS = 4

interface Asked extends Pick<Swarm, 'layout' | 'hasBarePoints'> {
  /** Index of the first time of a table that only rows answer for: rollups may have older ones. */
  reach(table: number): number
}

/** Null if `db`, which shows `cells`, answers as the reference does. */
export async function askQuestions(
  db: Database,
  cells: Cells,
  { layout, hasBarePoints, reach }: Asked,
  random: () => number,
): Promise<string | null> {
  const below = (n: number): number => Math.floor(random() * n)
  const [database, table] = [DATABASES[below(2)]!, TABLES[below(2)]!]
  const seeded = randomOf(below(2 ** 31))
  const number = tableNumber(database, table)
  const points = pointsOf(cells, number, table, layout)
  const first = reach(number)
  if (points.length === 0) return null
  const reference = new ReferenceDatabase()
  reference.write(points)
  const scenario = scenarioOf(points, table, layout)
  for (let i = 0; i < QUESTIONS; i++) {
    const isLatest = seeded.chance(0.2)
    const request = isLatest ? latestOf(seeded, scenario) : questionOf(seeded, scenario)
    // The database also has the columns that no row uses by now.
    const select = request.select ?? scenario.fields.map(({ name }) => name)
    if (hasBarePoints && JSON.stringify(select).includes('count(*)')) continue
    const asked = { ...request, select, database }
    if (first > 0 && !isLatest) {
      if (JSON.stringify(asked.fill ?? '').includes('lookback')) continue
      const from = layout.base + BigInt(first) * layout.step
      // Without a start a question begins at the first row: buckets of its width reach no further.
      const start = BigInt(String(asked.start ?? scenario.from))
      asked.start = String(start > from ? start : from)
    }
    const difference = await differenceOn(db, reference, asked, isLatest)
    if (difference !== null) return `${JSON.stringify(asked)}: ${difference}`
  }
  return null
}

async function differenceOn(
  db: Database,
  reference: ReferenceDatabase,
  { database, ...request }: QueryRequest & { database: string },
  isLatest: boolean,
): Promise<string | null> {
  const context = { ...unlimitedContext(CLOCK_START), database }
  const found = await outcomeOf(() =>
    isLatest ? db.latest(request, { database }) : db.query(request, { database }),
  )
  const expected = await outcomeOf(() =>
    isLatest ? reference.latest(request, context) : reference.query(request, context),
  )
  if (found instanceof OmenError) {
    if (expected instanceof OmenError) return null
    throw found
  }
  if (expected instanceof OmenError) return `an answer, not ${expected.code} (${expected.message})`
  return differenceOf(found, expected, /\(/.test(JSON.stringify(request.select ?? '')))
}

type Outcome<T> = T | OmenError

async function outcomeOf<T extends Answer | ReferenceAnswer>(
  run: () => T | Promise<T>,
): Promise<Outcome<T>> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof OmenError) return error
    throw error
  }
}

function pointsOf(cells: Cells, number: number, table: string, layout: Layout): ReferencePoint[] {
  const points = new Map<number, Record<string, Field>>()
  for (const [key, value] of cells) {
    const parts = keyParts(key)
    if (parts.table !== number) continue
    const point = key - parts.field
    const { name, type } = FIELDS[parts.field]!
    const fields = points.get(point) ?? {}
    fields[name] = { type, value: type === 'boolean' ? value === 1 : value }
    points.set(point, fields)
  }
  return [...points].map(([key, fields]) => {
    const { host, time } = keyParts(key)
    const at = layout.base + BigInt(time) * layout.step
    return { table, tags: { host: `h${host}` }, time: at, fields }
  })
}

interface Field {
  readonly type: ValueType
  readonly value: Value
}

function scenarioOf(points: readonly ReferencePoint[], table: string, layout: Layout): Scenario {
  const times = points.map(({ time }) => time).sort((a, b) => (a < b ? -1 : 1))
  const shapes = new Map<string, FieldShape>()
  for (const { fields } of points) {
    for (const [name, field] of Object.entries(fields)) {
      if (field === null) continue
      shapes.set(name, { name, type: field.type, next: () => field.value })
    }
  }
  const hosts = Array.from({ length: layout.hosts }, (_, i) => `h${i}`)
  return {
    table,
    tags: [{ key: 'host', values: hosts }],
    fields: [...shapes.values()],
    batches: [points],
    from: times[0]!,
    to: times.at(-1)!,
  }
}
