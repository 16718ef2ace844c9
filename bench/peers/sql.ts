// A question as SQL. Dialects differ in how they write a time, a bucket and the last point.

import type { PointSet } from './point-set.ts'
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
  /** Expression and source for the name of a series. */
  readonly name: string
  readonly source: string
  /** Name, milliseconds and fields of each series' newest point. */
  lastPoint(fields: readonly string[]): string
}

/** Columns: the series' name, milliseconds (of the bucket, or 0), then a value for each field. */
export function sqlOf(data: PointSet, question: Question, dialect: Dialect): string {
  const { fields, result, every, bySeries, newest } = question
  if (result === 'latest') return dialect.lastPoint(fields)
  const where = conditionsOf(data, question, dialect).join(' AND ')
  if (result === 'raw') {
    const columns = [dialect.name, dialect.milliseconds, ...fields].join(', ')
    return `SELECT ${columns} FROM ${dialect.source} WHERE ${where}`
  }
  const name = bySeries ? dialect.name : `''`
  const bucket = every > 0 ? dialect.bucket(every) : '0'
  const call = result === 'mean' ? 'avg' : 'max'
  const values = fields.length === 0 ? ['count(*)'] : fields.map((field) => `${call}(${field})`)
  const keys = [...(bySeries ? ['1'] : []), ...(every > 0 ? ['2'] : [])]
  const group = keys.length > 0 ? ` GROUP BY ${keys.join(', ')} ORDER BY ${keys.join(', ')}` : ''
  const page = newest > 0 ? ` DESC LIMIT ${newest}` : ''
  const columns = [`${name} AS n`, `${bucket} AS b`, ...values].join(', ')
  return `SELECT ${columns} FROM ${dialect.source} WHERE ${where}${group}${page}`
}

function conditionsOf(data: PointSet, question: Question, dialect: Dialect): string[] {
  const { series, start, end, above } = question
  const range = [`time >= ${dialect.time(start)}`, `time < ${dialect.time(end)}`]
  const names = series?.map((number) => data.series[number]!.tags[0]!)
  return [
    ...(names === undefined ? [] : [dialect.among(names)]),
    ...range,
    ...(above === null ? [] : [`${data.fields[0]} > ${above}`]),
  ]
}

export const quoted = (names: readonly string[]): string =>
  names.map((name) => `'${name}'`).join(', ')
