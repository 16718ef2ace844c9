// A question as SQL. Dialects differ in how they write a time, a bucket and the last point.

import type { SetShape } from './point-set.ts'
import type { Question } from './questions.ts'

export interface Dialect {
  /** Milliseconds as a constant of the time column's type. */
  time(milliseconds: number): string
  /** The start of the bucket that column `time` is in, in milliseconds. */
  bucket(seconds: number): string
  /** Column `time` in milliseconds. */
  readonly milliseconds: string
  /** The condition that the series' name is one of these; they need no escapes. */
  among(names: readonly string[]): string
  /** The points. */
  readonly source: string
  /** The points with the names of their series, the name, and what to group by to get a group for each. */
  readonly namedSource: string
  readonly name: string
  readonly seriesKey: string
  /** Name, milliseconds and fields of each series' newest point. */
  lastPoint(fields: readonly string[]): string
}

/** Columns: the series' name, milliseconds (of the bucket, or 0), then a value for each field. */
export function sqlOf(data: SetShape, question: Question, dialect: Dialect): string {
  const { fields, result, every, bySeries, newest } = question
  if (result === 'latest') return dialect.lastPoint(fields)
  const where = conditionsOf(data, question, dialect).join(' AND ')
  if (result === 'raw') {
    const columns = [dialect.name, dialect.milliseconds, ...fields].join(', ')
    return `SELECT ${columns} FROM ${dialect.namedSource} WHERE ${where}`
  }
  const name = bySeries ? dialect.name : `''`
  const bucket = every > 0 ? dialect.bucket(every) : '0'
  const call = result === 'mean' ? 'avg' : 'max'
  const values = fields.length === 0 ? ['count(*)'] : fields.map((field) => `${call}(${field})`)
  const keys = [...(bySeries ? [dialect.seriesKey] : []), ...(every > 0 ? ['2'] : [])]
  const group = keys.length > 0 ? ` GROUP BY ${keys.join(', ')} ORDER BY ${keys.join(', ')}` : ''
  const page = newest > 0 ? ` DESC LIMIT ${newest}` : ''
  const columns = [`${name} AS n`, `${bucket} AS b`, ...values].join(', ')
  const source = bySeries ? dialect.namedSource : dialect.source
  return `SELECT ${columns} FROM ${source} WHERE ${where}${group}${page}`
}

function conditionsOf(data: SetShape, question: Question, dialect: Dialect): string[] {
  const { series, start, end, above } = question
  const range = [`time >= ${dialect.time(start)}`, `time < ${dialect.time(end)}`]
  const names = series?.map((number) => data.series[number]!.tags[0]!)
  return [
    ...(names === undefined ? [] : [dialect.among(names)]),
    ...range,
    ...(above === null ? [] : [`${data.fields[0]} > ${above}`]),
  ]
}

/**
 * For tables of rows with series by number, their tags in a table \`series\`; times are integers of
 * milliseconds.
 */
export function rowDialect(
  { table, tagKeys }: SetShape,
  lastPoint: (columns: string) => string,
): Dialect {
  const name = `s.${tagKeys[0]}`
  return {
    time: String,
    milliseconds: 'time',
    bucket: (seconds) => `time / ${seconds * 1000} * ${seconds * 1000}`,
    among: (names) => `series IN (SELECT id FROM series WHERE ${tagKeys[0]} IN (${quoted(names)}))`,
    source: table,
    namedSource: `${table} p JOIN series s ON s.id = p.series`,
    name,
    seriesKey: 's.id',
    lastPoint: (fields) => lastPoint([name, 'time', ...fields].join(', ')),
  }
}

export const quoted = (names: readonly string[]): string =>
  names.map((name) => `'${name}'`).join(', ')
