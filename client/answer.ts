// From the JSON of an answer to what JavaScript can hold exactly: 64-bit integers and nanoseconds
// come as digit strings and are bigints here. Answers stay columnar until rows are asked for: an
// object per point costs more than the query.

import type { AnswerColumn, AnswerTime, FieldValue, TimeFormat } from './shapes.ts'

type Values = (FieldValue | null)[]
type Format = TimeFormat | null | undefined

/** Series as JSON has them, and as they are once `decodeSeries` was there. */
export interface PlainSeries {
  tags: Record<string, string | null>
  time: AnswerTime[]
  fields: Record<string, Values>
}

export interface PlainRow {
  time: AnswerTime
  [name: string]: AnswerTime | FieldValue | null
}

/** The members of a request whose answer loses no digit. */
export function exactly<R extends { time?: Format }>(request: R, unit?: TimeFormat): R {
  return { ...dateless(request, unit), integers: 'string' }
}

/** A request as the server takes it: it knows no Dates. */
export function dateless<R extends { time?: Format }>(request: R, unit?: TimeFormat): R {
  const time = request.time ?? unit
  return { ...request, time: time === 'date' ? 'ms' : time }
}

/** Turns the text of a time into what the request wants. */
export function decodeTime<T extends AnswerTime | null>(time: T, format: Format): T {
  if (time === null) return time
  if (format === 'ns') return BigInt(time as string) as T
  return format === 'date' ? (new Date(time as number) as T) : time
}

/** The columns whose values come as digits. */
export function integersOf(columns: readonly AnswerColumn[]): string[] {
  return columns.filter(({ type }) => /integer|unsigned/.test(type)).map(({ name }) => name)
}

export function decodeInteger<V>(value: V): V {
  return value === null ? value : (BigInt(value as string) as V)
}

/**
 * Decodes the series of an answer in place and gives it `rows`, which is not enumerable:
 * JSON.stringify and comparisons skip it.
 */
export function decodeSeries(
  answer: object,
  columns: readonly AnswerColumn[],
  format: Format,
): object {
  const { series } = answer as { series: PlainSeries[] }
  for (const one of series) {
    for (const name of integersOf(columns)) {
      if (name in one.fields) one.fields[name] = one.fields[name]!.map(decodeInteger)
    }
    one.time = one.time.map((time) => decodeTime(time, format))
  }
  return Object.defineProperty(answer, 'rows', { value: () => rowsOf(series) }) as object
}

function* rowsOf(series: readonly PlainSeries[]): Generator<PlainRow, void> {
  for (const { tags, time, fields } of series) {
    const columns = Object.entries(fields)
    // Own members from the start, so that none of them, `__proto__` say, is anything but a value.
    const empty = Object.fromEntries(columns.map(([name]) => [name, null]))
    for (const [index, at] of time.entries()) {
      const row: PlainRow = { time: at, ...tags, ...empty }
      for (const [name, values] of columns) row[name] = values[index] ?? null
      yield row
    }
  }
}
