// The queries of TSBS's cpu-only suite as data: what is asked of which hosts, fields and steps. From a
// question follow the request and, in plain JavaScript over the arrays, the answer it must get.

import type { Answer, LatestRequest, QueryRequest } from '../../engine/query/query.ts'
import { type CpuSet, EPOCH, FIELDS, STEP, STEP_SECONDS, hostName } from './cpu.ts'

export interface Question {
  readonly name: string
  /** Host numbers; null = all, with no condition. */
  readonly hosts: readonly number[] | null
  /** How many of FIELDS, from the first; 0 = `count(*)`. */
  readonly fields: number
  /** Steps [from, to). */
  readonly from: number
  readonly to: number
  readonly result: 'raw' | 'latest' | 'max' | 'mean' | 'count'
  /** Seconds of a bucket. */
  readonly every?: number
  readonly byHost?: boolean
  /** Only rows whose `usage_user` is above. */
  readonly above?: number
  /** So many rows from the newest. */
  readonly newest?: number
}

const HOUR = 3600 / STEP_SECONDS

/** The suite over a set; narrow questions about another host and hour for each `variant`. */
export function questionsOf({ hosts, steps }: CpuSet, variant: number): Question[] {
  const pick = (count: number): number[] =>
    Array.from({ length: count }, (_, i) => (variant * 37 + i * 11) % hosts)
  const from = Math.floor(((variant * 0.377) % 1) * Math.max(0, steps - HOUR))
  const to = Math.min(steps, from + HOUR)
  const half = Math.min(steps, 12 * HOUR)
  const hour = { from, to }
  const halfDay = { from: 0, to: half }
  const all = { from: 0, to: steps }
  const minute = { every: 60 }
  const busy = { result: 'raw', above: 90 } as const
  const eight = { from: 0, to: Math.min(steps, 8 * HOUR), every: 3600 }
  const hourly = { every: 3600, byHost: true, hosts: null, result: 'mean' } as const
  return [
    { name: '1 host, 1 h, 1 field raw', hosts: pick(1), fields: 1, ...hour, result: 'raw' },
    { name: '1 host, 1 h, 10 fields raw', hosts: pick(1), fields: 10, ...hour, result: 'raw' },
    { name: '1 host, 12 h, 10 fields raw', hosts: pick(1), fields: 10, ...halfDay, result: 'raw' },
    { name: 'single-groupby-1-1-1', hosts: pick(1), fields: 1, ...hour, ...minute, result: 'max' },
    { name: 'single-groupby-5-1-1', hosts: pick(1), fields: 5, ...hour, ...minute, result: 'max' },
    {
      name: 'single-groupby-1-1-12',
      hosts: pick(1),
      fields: 1,
      ...halfDay,
      ...minute,
      result: 'max',
    },
    {
      name: 'single-groupby-5-1-12',
      hosts: pick(1),
      fields: 5,
      ...halfDay,
      ...minute,
      result: 'max',
    },
    { name: 'single-groupby-1-8-1', hosts: pick(8), fields: 1, ...hour, ...minute, result: 'max' },
    { name: 'single-groupby-5-8-1', hosts: pick(8), fields: 5, ...hour, ...minute, result: 'max' },
    { name: 'cpu-max-all-1', hosts: pick(1), fields: 10, ...eight, result: 'max' },
    { name: 'cpu-max-all-8', hosts: pick(8), fields: 10, ...eight, result: 'max' },
    { name: 'double-groupby-1, 12 h', ...hourly, fields: 1, ...halfDay },
    { name: 'double-groupby-5, 12 h', ...hourly, fields: 5, ...halfDay },
    { name: 'double-groupby-all, 12 h', ...hourly, fields: 10, ...halfDay },
    { name: 'double-groupby-all, 24 h', ...hourly, fields: 10, ...all },
    { name: 'high-cpu-1, 12 h', hosts: pick(1), fields: 10, ...halfDay, ...busy },
    { name: 'high-cpu-all, 12 h', hosts: null, fields: 10, ...halfDay, ...busy },
    { name: 'lastpoint', hosts: null, fields: 10, ...all, result: 'latest' },
    {
      name: 'groupby-orderby-limit',
      hosts: null,
      fields: 1,
      from: 0,
      to,
      ...minute,
      result: 'max',
      newest: 5,
    },
    { name: 'count(*) of all', hosts: null, fields: 0, ...all, result: 'count' },
    { name: 'mean of all, 1 field', hosts: null, fields: 1, ...all, result: 'mean' },
    { name: 'mean of all, 10 fields', hosts: null, fields: 10, ...all, result: 'mean' },
  ]
}

const timeOf = (step: number): bigint => EPOCH + BigInt(step) * STEP

export function requestOf(question: Question): QueryRequest & LatestRequest {
  const { hosts, fields, from, to, result, every, above, newest } = question
  const names = FIELDS.slice(0, fields)
  const isPlain = result === 'raw' || result === 'latest'
  const selected = isPlain ? names : names.map((name) => `${result}(${name})`)
  const where = {
    ...(hosts === null ? {} : { hostname: hosts.map(hostName) }),
    ...(above === undefined ? {} : { usage_user: { gt: above } }),
  }
  // TSBS leaves the start of groupby-orderby-limit open.
  const start = newest === undefined ? { start: String(timeOf(from)) } : {}
  const range =
    result === 'latest' ? {} : { ...start, end: String(timeOf(to)), precision: 'ns' as const }
  return {
    table: 'cpu',
    ...range,
    ...(Object.keys(where).length > 0 ? { where } : {}),
    select: fields === 0 ? ['count(*)'] : selected,
    ...(every === undefined ? {} : { every: `${every}s` }),
    ...(question.byHost ? { by: ['hostname'] } : {}),
    ...(newest === undefined ? {} : { order: 'desc' as const, limit: newest }),
  }
}

/** Rows of one group: `time`, then values, as an answer has them. */
type Rows = number[][]

/** The answer's rows by group, computed from the arrays. */
function expectedRows(set: CpuSet, question: Question): Map<string, Rows> {
  const { hosts, result, byHost, newest } = question
  const groups = new Map<string, Rows>()
  const isPlain = result === 'raw' || result === 'latest'
  const wanted = hosts ?? Array.from({ length: set.hosts }, (_, host) => host)
  if (isPlain) {
    for (const host of wanted) {
      const rows = plainRows(set, question, host)
      if (rows.length > 0) groups.set(hostName(host), rows)
    }
  } else if (byHost) {
    for (const host of wanted) groups.set(hostName(host), bucketRows(set, question, [host]))
  } else groups.set('', bucketRows(set, question, wanted))
  if (newest !== undefined)
    for (const [name, rows] of groups) groups.set(name, rows.reverse().slice(0, newest))
  return groups
}

function plainRows({ steps, values }: CpuSet, question: Question, host: number): Rows {
  const { from, to, above, fields, result } = question
  const rows: Rows = []
  for (let step = result === 'latest' ? to - 1 : from; step < to; step++) {
    if (above !== undefined && values[0]![host * steps + step]! <= above) continue
    rows.push([step, ...values.slice(0, fields).map((column) => column[host * steps + step]!)])
  }
  return rows
}

function bucketRows({ steps, values }: CpuSet, question: Question, hosts: readonly number[]): Rows {
  const { from, to, fields, result, every } = question
  const width = every === undefined ? Infinity : every / STEP_SECONDS
  const rows: Rows = []
  for (let start = from; start < to;) {
    const bucket = width === Infinity ? from : Math.floor(start / width) * width
    const end = Math.min(to, bucket + width)
    const row = [bucket]
    if (fields === 0) row.push((end - start) * hosts.length)
    for (const column of values.slice(0, fields)) {
      let value = result === 'max' ? -Infinity : 0
      for (const host of hosts) {
        for (let step = start; step < end; step++) {
          const point = column[host * steps + step]!
          value = result === 'max' ? Math.max(value, point) : value + point
        }
      }
      row.push(result === 'mean' ? value / ((end - start) * hosts.length) : value)
    }
    rows.push(row)
    start = end
  }
  return rows
}

/** Throws unless the answer has exactly the rows that the arrays give; means to 12 digits. */
export function checkAnswer(set: CpuSet, question: Question, answer: Answer): void {
  const expected = expectedRows(set, question)
  const fail = (what: string): never => {
    throw new Error(`${question.name}: ${what}`)
  }
  if (answer.series.length !== expected.size)
    fail(`${answer.series.length} groups, not ${expected.size}`)
  for (const { tags, time, fields } of answer.series) {
    const name = tags.get('hostname') ?? ''
    const rows = expected.get(name) ?? fail(`group ${name} is not expected`)
    if (rows.length !== time.length) fail(`${name} has ${time.length} rows, not ${rows.length}`)
    rows.forEach(([step, ...values], row) => {
      if (time[row] !== timeOf(step!)) fail(`${name}, row ${row} is at ${time[row]}`)
      values.forEach((value, i) => {
        const found = Number(fields[i]!.values[row])
        const isValid = fields[i]!.valid?.[row] !== 0
        const slack = question.result === 'mean' ? Math.abs(value) * 1e-12 : 0
        if (!isValid || !(Math.abs(found - value) <= slack))
          fail(`${name}, row ${row}: ${found}, not ${value}`)
      })
    })
  }
}
