// The rows of one question that the engine answers, as a relation: a scan of it runs where a block of
// a statement stood.

import type { AnswerSeries, QueryRequest } from '../../engine/query/query.ts'
import type { Batches } from '../batch.ts'
import { vectorOf } from '../execute/vector.ts'
import type { Relation, RelationColumn, RunContext, Scan, ScanRequest } from '../relation.ts'
import { type Source, batchesOf } from '../tables/series-batches.ts'
import type { TableRelation } from '../tables/table-relation.ts'
import type { Named } from '../tree.ts'

export interface Question {
  readonly table: TableRelation
  readonly request: QueryRequest
  /** No point is asked for. */
  readonly isEmpty: boolean
  /** Lines of EXPLAIN on the points. */
  readonly explain: readonly string[]
  readonly columns: readonly Named[]
  /** Where each column is in the answer. */
  readonly sources: readonly Source[]
  /** What the one row without any points says; null: there is no such row. */
  readonly nothing: readonly unknown[] | null
}

export class AnswerRelation implements Relation {
  readonly schema: string
  readonly name: string
  readonly oid: number
  readonly columns: readonly RelationColumn[]
  readonly question: Question

  constructor(question: Question) {
    const { table, columns } = question
    this.schema = table.schema
    this.name = table.name
    this.oid = table.oid
    this.columns = columns.map(({ name, type }) => ({ name, type, kind: null, isNullable: true }))
    this.question = question
  }

  scan({ columns, conditions }: ScanRequest): Scan {
    return {
      left: conditions,
      explain: [...this.question.explain, ...askedLines(this.question.request)],
      batches: (run) => this.#rows(columns, run),
    }
  }

  async *#rows(columns: readonly number[], run: RunContext): Batches {
    const { isEmpty, sources, nothing } = this.question
    const own = columns.map((index) => sources[index]!)
    let rowCount = 0
    for await (const batch of isEmpty ? none() : this.#answered(own, run)) {
      rowCount += batch.rowCount
      yield batch
    }
    if (rowCount > 0 || nothing === null) return
    const vectors = columns.map((index) =>
      vectorOf(this.columns[index]!.type, 1, () => nothing[index]),
    )
    yield { rowCount: 1, columns: vectors }
  }

  async *#answered(sources: readonly Source[], run: RunContext): Batches {
    const { table, request } = this.question
    let cursor: string | null = null
    do {
      run.check()
      const answer = await table.query({ ...request, cursor }, run.signal)
      run.watch?.(this, answer.stats)
      const bytes = 8 * answer.rowCount * answer.columns.length
      run.hold(bytes)
      try {
        yield* batchesOf(each(answer.series), sources, Infinity, run)
      } finally {
        run.hold(-bytes)
      }
      ;({ cursor } = answer)
      // A limit is all that was asked for; else a page ends where the engine ends one.
    } while (cursor !== null && request.limit === undefined)
  }
}

function askedLines({
  select,
  by,
  every = null,
  tz = null,
  order,
  limit = null,
}: QueryRequest): string[] {
  const lines = [`Aggregates: ${Object.values(select ?? {}).join(', ')}`]
  if (Array.isArray(by)) lines.push(`Groups: ${by.join(', ')}`)
  if (every !== null) lines.push(`Buckets: ${every}${tz === null ? '' : ` ${tz}`}`)
  if (limit !== null) lines.push(`Limit: ${limit} ${order ?? 'asc'}`)
  return lines
}

async function* none(): Batches {}

async function* each(series: readonly AnswerSeries[]): AsyncIterable<AnswerSeries> {
  yield* series
}
