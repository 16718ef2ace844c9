// The rows of one question that the engine answers, as a relation: a scan of it runs where a block of
// a statement stood.

import type { Answer, LatestRequest, QueryRequest } from '../../engine/query/query.ts'
import type { Batches } from '../batch.ts'
import { vectorOf } from '../execute/vector.ts'
import type { Relation, RelationColumn, RunContext, Scan, ScanRequest } from '../relation.ts'
import { type Source, batchesOfSeries } from '../tables/series-batches.ts'
import type { TableRelation } from '../tables/table-relation.ts'
import { SqlError } from '../sql-error.ts'
import type { Named } from '../tree.ts'

/** One call of the engine. */
export type Asked =
  | { readonly kind: 'query'; readonly request: QueryRequest }
  | { readonly kind: 'latest'; readonly request: LatestRequest }

export interface Question {
  readonly table: TableRelation
  /** Their rows follow each other. */
  readonly asked: readonly Asked[]
  /** The points that it is about; `select` says nothing. */
  readonly points: QueryRequest
  /** No point is asked for. */
  readonly isEmpty: boolean
  /** Lines of EXPLAIN on the points. */
  readonly explain: () => readonly string[]
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
      explain: () => [...this.question.explain(), ...this.question.asked.flatMap(askedLines)],
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
    for (const asked of this.question.asked) {
      for await (const answer of pagesOf(this.question.table, asked, run)) {
        run.watch?.(this, answer.stats)
        const bytes = 8 * answer.rowCount * answer.columns.length
        run.hold(bytes)
        try {
          for (const batch of batchesOfSeries(answer.series, sources)) yield batch
        } finally {
          run.hold(-bytes)
        }
      }
    }
  }
}

/** The answer, page by page where the engine ends one; a limit is all that was asked for. */
async function* pagesOf(
  table: TableRelation,
  { kind, request }: Asked,
  run: RunContext,
): AsyncIterable<Answer> {
  run.check()
  if (kind === 'latest') {
    yield await table.latest(request, run.signal)
    return
  }
  let cursor: string | null = null
  do {
    run.check()
    const answer: Answer = await table.query({ ...request, cursor }, run.signal).catch(refused)
    yield answer
    ;({ cursor } = answer)
  } while (cursor !== null && request.limit === undefined)
}

/** In the words of SQL: the names of the answer's columns are not those of the statement. */
function refused(error: unknown): never {
  const isSum = (error as { code?: unknown }).code === 'out_of_range'
  throw isSum ? new SqlError('22003', 'bigint out of range') : error
}

function askedLines({ kind, request }: Asked): string[] {
  if (kind === 'latest') return ['Points: the newest of each series']
  const { select, by, every = null, tz = null, order, limit = null } = request
  const isRaw = Array.isArray(select) || select === null
  const lines = isRaw ? [] : [`Aggregates: ${Object.values(select ?? {}).join(', ')}`]
  if (Array.isArray(by)) lines.push(`Groups: ${by.join(', ')}`)
  if (every !== null) lines.push(`Buckets: ${every}${tz === null ? '' : ` ${tz}`}`)
  if (limit !== null) lines.push(`Limit: ${limit}, order by time${order === 'desc' ? ' DESC' : ''}`)
  return lines
}

async function* none(): Batches {}
