// What is asked, as data: of TSBS's suite those over the cpu set, and a few over the sensors. From a
// question follow the text that each peer gets (by the peers) and the rows it must answer (here).

import { type CpuSet, EPOCH, STEP_SECONDS } from '../engine/cpu.ts'
import { type Question as CpuQuestion, questionsOf } from '../engine/questions.ts'
import { lowerBound } from '../../engine/lower-bound.ts'
import type { PointSet } from './point-set.ts'

export interface Question {
  readonly name: string
  /** Series by number; null: all, with no condition. */
  readonly series: readonly number[] | null
  /** Names of fields; none: `count(*)`. */
  readonly fields: readonly string[]
  /** Milliseconds, [start, end). */
  readonly start: number
  readonly end: number
  readonly result: 'raw' | 'latest' | 'max' | 'mean' | 'count'
  /** Seconds of a bucket; 0: none. */
  readonly every: number
  /** A group for each series. */
  readonly bySeries: boolean
  /** Only points whose first field is above. */
  readonly above: number | null
  /** So many rows from the newest; 0: all. */
  readonly newest: number
}

/** Rows of each group: milliseconds (of the bucket, 0 if there is none), then values. */
export type Rows = Map<string, number[][]>

/** TSBS's questions with their numbers chosen by `variant`. */
export function cpuQuestions(data: PointSet, variant: number): Question[] {
  const steps = data.series[0]!.times.length
  const set: CpuSet = { hosts: data.series.length, steps, values: [] }
  const epoch = Number(EPOCH / 1_000_000n)
  // Whole buckets: VictoriaMetrics has no others.
  const timeOf = (step: number, every: number): number => {
    const milliseconds = epoch + step * STEP_SECONDS * 1000
    return milliseconds - (milliseconds % (Math.max(every, 1) * 1000))
  }
  return questionsOf(set, variant).map((question: CpuQuestion) => ({
    name: question.name,
    series: question.hosts,
    fields: data.fields.slice(0, question.fields),
    start: timeOf(question.newest === undefined ? question.from : 0, question.every ?? 0),
    end: timeOf(question.to, question.every ?? 0),
    result: question.result,
    every: question.every ?? 0,
    bySeries: question.byHost ?? false,
    above: question.above ?? null,
    newest: question.newest ?? 0,
  }))
}

/** Questions over the sensors. */
export function sensorQuestions(data: PointSet, variant: number): Question[] {
  const sensors = data.series.length
  const first = Math.max(...data.series.map(({ times }) => times[0]!))
  const lasts = data.series.map(({ times }) => times.at(-1)!)
  const last = Math.min(...lasts)
  const pick = (count: number): number[] =>
    Array.from({ length: count }, (_, i) => (variant * 37 + i * 11) % sensors)
  const hour = Math.floor((first + ((variant * 0.377) % 1) * (last - first)) / 60_000) * 60_000
  // Whole buckets: VictoriaMetrics has no others.
  const end = Math.floor(last / 3_600_000) * 3_600_000
  const whole = { start: Number(EPOCH / 1_000_000n), end, above: null, newest: 0 }
  const ever = { ...whole, end: Math.max(...lasts) + 1 }
  const narrow = { ...whole, start: hour, end: hour + 3_600_000 }
  const one = { series: pick(1), fields: data.fields, bySeries: false }
  const all = { series: null, fields: data.fields, bySeries: false }
  return [
    { name: '1 sensor, 1 h raw', ...one, ...narrow, result: 'raw', every: 0 },
    { name: '1 sensor, 1 h, mean per minute', ...one, ...narrow, result: 'mean', every: 60 },
    { name: '1 sensor, all, mean per hour', ...one, ...whole, result: 'mean', every: 3600 },
    {
      name: '8 sensors, 1 h, max per minute',
      ...one,
      ...narrow,
      series: pick(8),
      result: 'max',
      every: 60,
    },
    { name: 'all sensors, mean per hour', ...all, ...whole, result: 'mean', every: 3600 },
    {
      name: 'each sensor, mean per hour',
      ...all,
      ...whole,
      bySeries: true,
      result: 'mean',
      every: 3600,
    },
    { name: 'each sensor, max', ...all, ...whole, bySeries: true, result: 'max', every: 0 },
    { name: 'last point of each sensor', ...all, ...ever, result: 'latest', every: 0 },
    { name: 'all above 40 degrees', ...all, ...whole, result: 'raw', every: 0, above: 40 },
  ]
}

/** The rows that a right answer has. */
export function expectedRows(data: PointSet, question: Question): Rows {
  const wanted = question.series ?? data.series.map((_, series) => series)
  const rows: Rows = new Map()
  if (question.result === 'raw' || question.result === 'latest') {
    for (const series of wanted) {
      const plain = plainRows(data, question, series)
      if (plain.length > 0) rows.set(data.series[series]!.tags[0]!, plain)
    }
    return rows
  }
  const groups = question.bySeries ? wanted.map((series) => [series]) : [wanted]
  for (const group of groups) {
    const name = question.bySeries ? data.series[group[0]!]!.tags[0]! : ''
    const found = bucketRows(data, question, group)
    rows.set(name, question.newest > 0 ? found.slice(-question.newest) : found)
  }
  return rows
}

function plainRows(data: PointSet, question: Question, series: number): number[][] {
  const { times, values } = data.series[series]!
  const columns = question.fields.map((name) => values[data.fields.indexOf(name)]!)
  if (question.result === 'latest') {
    return [[times.at(-1)!, ...columns.map((column) => column.at(-1)!)]]
  }
  const rows: number[][] = []
  for (let row = lowerBound(times, question.start); row < times.length; row++) {
    if (times[row]! >= question.end) break
    if (question.above !== null && values[0]![row]! <= question.above) continue
    rows.push([times[row]!, ...columns.map((column) => column[row]!)])
  }
  return rows
}

interface Bucket {
  count: number
  readonly sums: Float64Array
  readonly maxima: Float64Array
}

function bucketRows(data: PointSet, question: Question, group: readonly number[]): number[][] {
  const { fields, result, every, start, end } = question
  const buckets = new Map<number, Bucket>()
  const width = every * 1000
  for (const series of group) {
    const { times, values } = data.series[series]!
    const columns = fields.map((name) => values[data.fields.indexOf(name)]!)
    for (let row = lowerBound(times, start); row < times.length && times[row]! < end; row++) {
      const key = width === 0 ? 0 : Math.floor(times[row]! / width) * width
      let bucket = buckets.get(key)
      if (bucket === undefined) {
        const maxima = new Float64Array(columns.length).fill(-Infinity)
        buckets.set(key, (bucket = { count: 0, sums: new Float64Array(columns.length), maxima }))
      }
      bucket.count++
      columns.forEach((column, i) => {
        bucket.sums[i]! += column[row]!
        bucket.maxima[i] = Math.max(bucket.maxima[i]!, column[row]!)
      })
    }
  }
  return [...buckets]
    .sort(([a], [b]) => a - b)
    .map(([key, { count, sums, maxima }]) => {
      if (result === 'count') return [key, count]
      return [key, ...(result === 'max' ? maxima : sums.map((sum) => sum / count))]
    })
}

/** Null if a peer's rows are right, else what is wrong; means may differ in the twelfth digit. */
export function differenceOf(expected: Rows, found: Rows): string | null {
  for (const name of found.keys()) if (!expected.has(name)) return `group ${name} is not expected`
  for (const [name, rows] of expected) {
    const got = found.get(name)
    if (got === undefined) return `group ${name} is missing`
    if (got.length !== rows.length) return `${name} has ${got.length} rows, not ${rows.length}`
    for (const [i, row] of rows.entries()) {
      const isSame = row.every(
        (value, k) => Math.abs(value - got[i]![k]!) <= Math.abs(value) * 1e-12,
      )
      if (!isSame) return `${name}, row ${i}: ${got[i]!.join(' ')}, not ${row.join(' ')}`
    }
  }
  return null
}
