// Rows out of a columnar answer, for those who want objects. Answers stay columnar until asked:
// an object per point costs more than the query.

import type { Answer, AnswerTime, FieldValue } from './shapes.ts'

/** One point or bucket: `time`, the tags of its series, and its fields. */
export type Row<T extends AnswerTime = AnswerTime> = { time: T } & Record<string, FieldValue>

/** Walks the rows of an answer, series by series, each in the answer's order. */
export function* rows<T extends AnswerTime>(answer: Answer<T>): Generator<Row<T>, void> {
  const names = answer.columns.slice(1).map((column) => column.name)
  for (const { tags, time, fields } of answer.series) {
    const columns = names.map((name) => fields[name] ?? [])
    for (const [index, at] of time.entries()) {
      const row: Record<string, FieldValue> = { time: at, ...tags }
      for (const [place, name] of names.entries()) row[name] = columns[place]![index] ?? null
      yield row as Row<T>
    }
  }
}
