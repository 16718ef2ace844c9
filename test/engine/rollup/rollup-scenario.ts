// Random rollups of a scenario's table, and random questions that they may answer.

import type { RollupRequest } from '../../../engine/rollup/definition.ts'
import type { QueryRequest } from '../../../engine/query/query.ts'
import type { Random } from '../../random.ts'
import type { Scenario } from '../../reference/scenario.ts'

const NUMERIC = ['count', 'sum', 'mean', 'min', 'max', 'spread', 'first', 'last']
const OTHERS = ['count', 'min', 'max', 'first', 'last']
const LENGTHS = ['1s', '5s', '1m', '7m', '1h', '2h', '1d', '2d', '1w']
/** Multiples of some of them, and some that are none. */
const MULTIPLES = ['1s', '10s', '1m', '14m', '35m', '1h', '6h', '1d', '3d', '4d', '1w', '2w', '1mo']

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** Aggregates of a scenario's fields that a rollup can store. */
export function storedSelects(scenario: Scenario): string[] {
  const calls = scenario.fields.flatMap(({ name, type }) => {
    const isNumber = type === 'float' || type === 'integer' || type === 'unsigned'
    return (isNumber ? NUMERIC : OTHERS).map((call) => `${call}(${quoted(name)})`)
  })
  return ['count(*)', ...calls]
}

/** One to three rollups with random selects. */
export function rollupsOf(random: Random, scenario: Scenario): RollupRequest[] {
  const selects = storedSelects(scenario)
  return Array.from({ length: 1 + random.int(3) }, (_, i) => {
    const share = random.pick([0.2, 0.7, 1])
    const chosen = selects.filter(() => random.chance(share))
    if (chosen.length === 0) chosen.push(random.pick(selects))
    const select = Object.fromEntries(chosen.map((text, k) => [`s${k}`, text]))
    return { name: `rollup ${i}`, every: random.pick(LENGTHS), select }
  })
}

/** A question whose buckets, functions and condition often fit a rollup. */
export function rollupQuestionOf(random: Random, scenario: Scenario): QueryRequest {
  const { tags, from, to } = scenario
  const selects = storedSelects(scenario).filter(() => random.chance(0.3))
  if (selects.length === 0) selects.push(random.pick(storedSelects(scenario)))
  const keys = tags.map(({ key }) => key).filter(() => random.chance(0.5))
  const inside = (): bigint => from + ((to - from + 1n) * BigInt(random.int(1_001))) / 1_000n
  return {
    table: scenario.table,
    precision: 'ns',
    every: everyOf(random, to - from),
    select: selects,
    ...(keys.length > 0 ? { by: keys } : {}),
    ...(random.chance(0.4) ? { start: String(inside() - BigInt(random.int(100))) } : {}),
    ...(random.chance(0.4) ? { end: String(inside() + BigInt(random.int(100))) } : {}),
    ...(random.chance(0.3) ? { where: whereOf(random, scenario) } : {}),
    ...(random.chance(0.2) ? { fill: random.pick(['null', 'previous', 'linear']) } : {}),
    ...(random.chance(0.3) ? { order: 'desc' as const } : {}),
    ...(random.chance(0.3) ? { limit: 1 + random.int(20) } : {}),
  }
}

/** Not more buckets than a test has time for. */
function everyOf(random: Random, span: bigint): string {
  const NS: Record<string, bigint> = { s: 1n, m: 60n, h: 3_600n, d: 86_400n, w: 604_800n }
  const fitting = MULTIPLES.filter((text) => {
    const [, count, unit] = /^(\d+)(\D+)$/.exec(text)!
    const width = BigInt(count!) * (NS[unit!] ?? 2_419_200n) * 1_000_000_000n
    return span / width < 300n
  })
  return random.pick(fitting)
}

function whereOf(random: Random, { tags, fields }: Scenario): string {
  if (tags.length === 0 || random.chance(0.1)) return `${quoted(fields[0]!.name)} IS NOT NULL`
  const { key, values } = random.pick(tags)
  const value = random.pick(values).replaceAll("'", "''")
  return random.pick([
    `${quoted(key)} = '${value}'`,
    `${quoted(key)} <> '${value}'`,
    `${quoted(key)} IS NULL`,
  ])
}
