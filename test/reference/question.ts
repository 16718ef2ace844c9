// Random requests against a scenario: ranges on and beside the times of points, conditions of every
// kind, raw rows, aggregates, buckets, groups, fill, order and limit; now and then a wrong one.

import type { QueryRequest, ValueType } from '../../engine/query/query.ts'
import type { Random } from '../random.ts'
import type { Scenario } from './scenario.ts'

const QUANTILES = ['median', 'quantile', 'approx_quantile']

const AGGREGATES = [
  'count',
  'sum',
  'mean',
  'min',
  'max',
  'first',
  'last',
  'spread',
  'stddev',
  'variance',
  ...['increase', 'delta', 'rate', 'derivative', 'integral', 'time_weighted_mean'],
  ...['distinct_count', 'mode', 'moving_average'],
  ...QUANTILES,
]
const ZONES = ['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Pacific/Apia', 'UTC']
const NUMERIC = new Set([
  ...['sum', 'mean', 'spread', 'stddev', 'variance', 'increase', 'delta', 'rate', 'derivative'],
  ...['integral', 'time_weighted_mean', 'moving_average'],
  ...QUANTILES,
])

export function questionOf(random: Random, scenario: Scenario): QueryRequest {
  const shared = { table: scenario.table, precision: 'ns' as const, ...rangeOf(random, scenario) }
  const where = random.chance(0.55) ? { where: whereOf(random, scenario) } : {}
  const order = random.chance(0.3) ? { order: 'desc' as const } : {}
  const limit = random.chance(0.35) ? { limit: 1 + random.int(random.chance(0.5) ? 10 : 300) } : {}
  const isRaw = random.chance(0.35)
  const rest = isRaw ? rawOf(random, scenario) : aggregatesOf(random, scenario)
  if (isRaw && random.chance(0.3)) {
    const method = random.pick(['lttb', 'm4', 'minmax'] as const)
    const points = 4 + random.int(random.chance(0.7) ? 40 : 400)
    const select = [quoted(random.pick(scenario.fields).name)]
    return { ...shared, ...where, ...order, ...limit, ...rest, select, points, method }
  }
  return { ...shared, ...where, ...order, ...limit, ...rest }
}

/** A request for the newest points, as `latest` takes it. */
export function latestOf(random: Random, scenario: Scenario): QueryRequest {
  const { start } = rangeOf(random, scenario)
  return {
    table: scenario.table,
    precision: 'ns',
    ...(start === undefined ? {} : { start }),
    ...(random.chance(0.4) ? { where: whereOf(random, scenario) } : {}),
    ...(random.chance(0.4) ? byOf(random, scenario) : {}),
    ...(random.chance(0.5) ? rawOf(random, scenario) : {}),
  }
}

function timeNear(random: Random, { from, to, batches }: Scenario): bigint {
  const point = random.pick(random.pick(batches))
  const nudge = BigInt(random.int(3)) - 1n
  return random.pick([
    point.time + nudge,
    point.time,
    from + ((to - from) * BigInt(random.int(100))) / 100n,
  ])
}

function rangeOf(random: Random, scenario: Scenario): { start?: string; end?: string } {
  const bounds = [timeNear(random, scenario), timeNear(random, scenario)].sort((a, b) =>
    a < b ? -1 : 1,
  )
  if (random.chance(0.03)) bounds.reverse()
  return {
    ...(random.chance(0.5) ? { start: String(bounds[0]) } : {}),
    ...(random.chance(0.5) ? { end: String(bounds[1]) } : {}),
  }
}

function rawOf(random: Random, { fields }: Scenario): { select?: string[] } {
  if (random.chance(0.4)) return {}
  const some = fields.filter(() => random.chance(0.5))
  return {
    select: (some.length === 0 ? [random.pick(fields)] : some).map(({ name }) => quoted(name)),
  }
}

function byOf(random: Random, { tags }: Scenario): { by?: string[] | '*' } {
  if (random.chance(0.2)) return { by: '*' }
  const some = tags.filter(() => random.chance(0.5)).map(({ key }) => key)
  return some.length === 0 ? {} : { by: random.chance(0.3) ? some.reverse() : some }
}

function aggregatesOf(random: Random, scenario: Scenario): Partial<QueryRequest> {
  const select: string[] = []
  for (let n = 1 + random.int(4); n > 0; n--) select.push(aggregateOf(random, scenario))
  const by = random.chance(0.6) ? byOf(random, scenario) : {}
  const every = random.chance(0.7) ? everyOf(random, scenario) : null
  const unique = [...new Set(select)]
  if (every === null) return { select: unique, ...by }
  const origin = random.chance(0.2) ? { origin: String(timeNear(random, scenario)) } : {}
  const fill = random.chance(0.5) ? { fill: fillOf(random, every) } : {}
  const tz = random.chance(0.3) ? { tz: random.pick(ZONES) } : {}
  return { select: unique, ...by, every, ...origin, ...tz, ...fill }
}

function aggregateOf(random: Random, { fields }: Scenario): string {
  if (random.chance(0.15)) return 'count(*)'
  const { name, type } = random.pick(fields)
  const isNumeric = type !== 'string' && type !== 'boolean'
  // One in fifty is a type conflict.
  const known = AGGREGATES.filter((each) => isNumeric || !NUMERIC.has(each) || random.chance(0.02))
  const called = random.pick(known)
  if (called === 'moving_average') {
    return `${called}(${quoted(name)}, ${random.pick([1, 2, 3, 5, 30])})`
  }
  // Of samples of at most 2,048 values the approximate quantile is exact, too.
  const parameter = called.endsWith('quantile')
    ? `, ${random.pick(['0', '1', '0.5', '0.95', '0.001', '1e-9', '1.5'])}`
    : ''
  return `${called}(${quoted(name)}${parameter})`
}

/** A width that makes at most some hundred buckets over the data. */
function everyOf(random: Random, { from, to }: Scenario): string {
  const units: [string, bigint][] = [
    ['ns', 1n],
    ['us', 1_000n],
    ['ms', 1_000_000n],
    ['s', 1_000_000_000n],
    ['m', 60_000_000_000n],
    ['h', 3_600_000_000_000n],
    ['d', 86_400_000_000_000n],
    ['w', 604_800_000_000_000n],
    ['mo', 2_419_200_000_000_000n],
    ['y', 31_536_000_000_000_000n],
  ]
  const span = to - from + 1n
  const fitting = units.filter(([, width]) => span / width < 400n)
  const [unit] = random.pick(random.chance(0.8) ? fitting.slice(0, 3) : fitting)
  return `${1 + random.int(5)}${unit}`
}

function fillOf(random: Random, every: string): QueryRequest['fill'] {
  const kind = random.pick([
    'null',
    'previous',
    'linear',
    'linear',
    'none',
    0,
    -3,
    'previous',
  ] as const)
  if ((kind !== 'previous' && kind !== 'linear') || random.chance(0.4)) return kind
  const fixed = every.endsWith('mo') || every.endsWith('y') ? '40d' : every
  return {
    kind,
    ...(random.chance(0.6) ? { maxGap: random.pick([fixed, '1h', '3d', '1s']) } : {}),
    ...(random.chance(0.6) ? { lookback: random.pick([fixed, '1h', '9d', '5s']) } : {}),
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function whereOf(random: Random, scenario: Scenario, depth = 0): string {
  if (depth < 3 && random.chance(0.45)) {
    const left = whereOf(random, scenario, depth + 1)
    const right = whereOf(random, scenario, depth + 1)
    return random.pick([
      `(${left}) AND (${right})`,
      `${left} AND ${right}`,
      `(${left}) OR (${right})`,
      `NOT (${left})`,
      `(${left}) IS NOT TRUE`,
      `(${left}) IS NULL`,
    ])
  }
  const choices = [() => timeTerm(random, scenario), () => fieldTerm(random, scenario)]
  if (scenario.tags.length > 0) choices.push(() => tagTerm(random, scenario), choices[1]!)
  return random.pick(choices)()
}

const MATCHES = ['~', '!~', '~*', '!~*']
const PATTERNS = [
  'a',
  '^a',
  'b$',
  '^.$',
  '[^a-c]',
  '(a|B)+',
  '^$',
  'ü|é',
  '\\d{2,}',
  '^\\w* ?\\w*$',
  '=',
]
const OPERATORS = ['=', '<>', '<', '<=', '>', '>=']

function timeTerm(random: Random, scenario: Scenario): string {
  const micros = (timeNear(random, scenario) / 1_000_000n) * 1_000_000n
  const text = new Date(Number(micros / 1_000_000n)).toISOString()
  return random.pick([
    `time ${random.pick(OPERATORS)} '${text}'`,
    `time ${random.pick(OPERATORS)} ${micros / 1_000_000n}`,
    `time BETWEEN '${text}' AND timestamptz '${text}' + interval '1 day'`,
    `NOT time < '${text}'`,
  ])
}

function tagTerm(random: Random, { tags }: Scenario): string {
  const { key, values } = random.pick(tags)
  const name = quoted(key)
  const literal = (): string => `'${random.pick([...values, 'none']).replaceAll("'", "''")}'`
  return random.pick([
    `${name} ${random.pick(OPERATORS)} ${literal()}`,
    `${name} IN (${literal()}, ${literal()})`,
    `${name} NOT IN (${literal()}, NULL)`,
    `${name} IS NULL`,
    `${name} IS NOT NULL`,
    `${name} LIKE '${random.pick(['%', 'a%', '_', '%b', '%=%', '\\%'])}'`,
    `${name} NOT ILIKE '%A%'`,
    `${name} ${random.pick(MATCHES)} '${random.pick(PATTERNS)}'`,
    `${name} BETWEEN ${literal()} AND ${literal()}`,
    `${name} IS DISTINCT FROM ${literal()}`,
    `${literal()} = ${name}`,
    `${name} = ${quoted(random.pick(tags).key)}`,
  ])
}

function fieldTerm(random: Random, scenario: Scenario): string {
  const { fields } = scenario
  const field = random.pick(fields)
  const name = quoted(field.name)
  const literal = (): string => literalOf(random, field.type, String(field.next()))
  const other = random.pick(fields)
  return random.pick([
    `${name} ${random.pick(OPERATORS)} ${literal()}`,
    `${name} ${random.pick(OPERATORS)} ${literal()}`,
    `${literal()} ${random.pick(OPERATORS)} ${name}`,
    `${name} BETWEEN ${literal()} AND ${literal()}`,
    `${name} IN (${literal()}, ${literal()})`,
    `${name} NOT IN (${literal()})`,
    `${name} IS NULL`,
    `${name} IS NOT NULL`,
    `${name} IS NOT DISTINCT FROM ${literal()}`,
    `${name} ${random.pick(OPERATORS)} ${quoted(other.name)}`,
    field.type === 'string'
      ? random.pick([
          `${name} LIKE '%${random.pick(['a', 'ü', '_', ''])}%'`,
          `${name} ${random.pick(MATCHES)} '${random.pick(PATTERNS)}'`,
        ])
      : `${name} = ${literal()}`,
    field.type === 'boolean' ? name : `${name} <> ${literal()}`,
  ])
}

/** A literal of the type, one in six times of an awkward kind. */
function literalOf(random: Random, type: ValueType, value: string): string {
  if (type === 'boolean') return random.pick([value, `'${value}'`])
  if (type === 'string') return `'${value.replaceAll("'", "''")}'`
  if (!random.chance(1 / 6)) return random.chance(0.2) ? `'${value}'` : value
  const awkward = [
    '0.5',
    '-0.5',
    '1e30',
    '-1e30',
    '9007199254740993',
    '18446744073709551616',
    '-1',
    '1e-9',
  ]
  if (type === 'float') awkward.push("'NaN'", "'Infinity'")
  return random.pick(awkward)
}
