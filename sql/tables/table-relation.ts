// A table of the engine as a relation: time, tags, fields. A scan is one export of the engine, with
// the range of times, the conditions that its own grammar says exactly, and the fields that are read.

import type { TableColumns } from '../../engine/database-types.ts'
import type { Answer, LatestRequest, QueryRequest, ValueType } from '../../engine/query/query.ts'
import type { Batches } from '../batch.ts'
import { tableOid } from '../catalogs/oid.ts'
import type { Relation, RelationColumn, RunContext, Scan, ScanRequest } from '../relation.ts'
import type { Bound } from '../tree.ts'
import { typeOf } from '../type.ts'
import { declarationOf } from './declaration.ts'
import type { SqlEngine } from './engine.ts'
import { printPredicate } from './predicate.ts'
import { type Source, batchesOf } from './series-batches.ts'
import { TimeRange } from './time-range.ts'

const TYPES: Readonly<Record<ValueType, string>> = {
  float: 'float8',
  integer: 'int8',
  unsigned: 'numeric',
  boolean: 'bool',
  string: 'text',
}

/** Time, tags, fields; tags and fields in byte order. */
function columnsOf({ tags, fields }: TableColumns, time: string): RelationColumn[] {
  return [
    { name: time, type: typeOf('timestamptz'), kind: 'time', isNullable: false },
    ...tags.map((name): RelationColumn => ({
      name,
      type: typeOf('text'),
      kind: 'tag',
      isNullable: true,
    })),
    ...Object.entries(fields).map(([name, type]): RelationColumn => ({
      name,
      type: typeOf(TYPES[type]),
      kind: 'field',
      isNullable: true,
    })),
  ]
}

/** Declared columns as they were declared, then those that writes have added. */
function declaredColumns(described: TableColumns): RelationColumn[] {
  const declaration = declarationOf(described)
  const names = [...described.tags, ...Object.keys(described.fields)]
  // A table of this name that was made anew, by writes.
  if (declaration === null || names.includes(declaration.time)) return columnsOf(described, 'time')
  const columns = columnsOf(described, declaration.time)
  const declared = declaration.columns.flatMap(({ name, isNotNull }) => {
    const column = columns.find((one) => one.name === name)
    return column === undefined ? [] : [{ ...column, isNullable: !isNotNull }]
  })
  const added = columns.filter(({ name }) => !declared.some((one) => one.name === name))
  return [...declared, ...added]
}

/** Conditions parted into what the engine answers and what is left to do. */
interface Pushed {
  readonly range: TimeRange
  readonly where: readonly string[]
  readonly left: readonly Bound[]
}

/** The engine's question for all points that meet conditions; `select` and the like are the asker's. */
export interface PointsQuestion {
  /** Lines of EXPLAIN. */
  readonly explain: () => readonly string[]
  readonly request: QueryRequest
  /** No time meets the conditions. */
  readonly isEmpty: boolean
  /** Conditions that it does not say. */
  readonly left: readonly Bound[]
}

/** As it was described: a statement sees the columns that the table had when it began. */
export class TableRelation implements Relation {
  readonly schema = 'public'
  readonly name: string
  readonly oid: number
  readonly columns: readonly RelationColumn[]
  readonly #engine: SqlEngine
  readonly #database: string
  /** Of conditions that came before: trees of statements are kept, and run again. */
  readonly #texts = new WeakMap<Bound, string | null>()

  constructor(engine: SqlEngine, database: string, description: TableColumns) {
    this.name = description.name
    this.oid = tableOid(description.name)
    this.columns = declaredColumns(description)
    this.#engine = engine
    this.#database = database
  }

  /** Rows by series, then time; with a limit, any rows. */
  scan({ columns, conditions, limit }: ScanRequest): Scan {
    const pushed = this.#push(conditions)
    const { range, where, left } = pushed
    const fields = columns.filter((index) => this.columns[index]!.kind === 'field')
    const request = this.#request(pushed, fields)
    const rowsMax = left.length === 0 ? (limit ?? Infinity) : Infinity
    return {
      left,
      explain: () => [...explain(range, where), ...this.#fieldLines(fields)],
      batches: (run) =>
        range.isEmpty || rowsMax === 0
          ? none()
          : this.#read(request, columns, fields, rowsMax, run),
    }
  }

  /** What to ask the engine for the points that meet the conditions, which are constants by now. */
  question(conditions: readonly Bound[]): PointsQuestion {
    const pushed = this.#push(conditions)
    const { range, where, left } = pushed
    const lines = () => explain(range, where)
    return { explain: lines, request: this.#request(pushed, []), isEmpty: range.isEmpty, left }
  }

  /** Of raw points all, with values or without. Throws OmenError. */
  query(request: QueryRequest, signal: RunContext['signal']): Promise<Answer> {
    return this.#engine.query(request, { database: this.#database, signal, keepsEmpty: true })
  }

  /** The newest point of each series. Throws OmenError. */
  latest(request: LatestRequest, signal: RunContext['signal']): Promise<Answer> {
    return this.#engine.latest(request, { database: this.#database, signal })
  }

  /** Series of the table, with or without points that are asked for. */
  async seriesCount(): Promise<number> {
    return (await this.#engine.table(this.name, { database: this.#database })).series
  }

  #push(conditions: readonly Bound[]): Pushed {
    const range = new TimeRange()
    const where: string[] = []
    const left: Bound[] = []
    for (const condition of conditions.flatMap(conjuncts)) {
      if (range.narrow(condition, this.columns)) continue
      const text = this.#printed(condition)
      // One request is parsed whole, so all of its conditions share a limit.
      if (text === null || where.length === CONDITIONS_MAX) left.push(condition)
      else where.push(text)
    }
    return { range, where, left }
  }

  #printed(condition: Bound): string | null {
    let text = this.#texts.get(condition)
    if (text === undefined) {
      text = printPredicate(condition, this.columns)
      this.#texts.set(condition, text)
    }
    return text
  }

  #fieldLines(fields: readonly number[]): string[] {
    const names = fields.map((index) => this.columns[index]!.name)
    const all = this.columns.filter(({ kind }) => kind === 'field').length
    return names.length === all ? [] : [`Fields: ${names.length === 0 ? 'none' : names.join(', ')}`]
  }

  #request({ range, where }: Pushed, fields: readonly number[]): QueryRequest {
    return {
      table: this.name,
      select: fields.map((index) => quoted(this.columns[index]!.name)),
      precision: 'ns',
      start: range.start,
      end: range.end,
      where: where.length === 0 ? null : where.join(' AND '),
    }
  }

  async *#read(
    request: QueryRequest,
    columns: readonly number[],
    fields: readonly number[],
    rowsMax: number,
    run: RunContext,
  ): Batches {
    run.check()
    const { chunks } = await this.#engine.export(request, {
      database: this.#database,
      signal: run.signal,
      // A point without a value in any of them is a row all the same.
      keepsEmpty: true,
      chunksOnly: true,
      ...(run.watch === undefined ? {} : { onStats: (stats) => run.watch?.(this, stats) }),
    })
    const sources = columns.map((index): Source => {
      const { kind, name } = this.columns[index]!
      if (kind === 'time') return { kind: 'time' }
      return kind === 'tag'
        ? { kind: 'tag', key: name }
        : { kind: 'field', index: fields.indexOf(index) }
    })
    yield* batchesOf(chunks, sources, rowsMax, run)
  }
}

const CONDITIONS_MAX = 64

async function* none(): Batches {}

function conjuncts(condition: Bound): readonly Bound[] {
  return condition.kind === 'and' ? condition.operands.flatMap(conjuncts) : [condition]
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function explain(range: TimeRange, where: readonly string[]): string[] {
  const lines: string[] = []
  if (range.isEmpty) lines.push('Time: no time meets the conditions')
  else if (range.start !== null || range.end !== null) {
    lines.push(`Time: [${range.start ?? '-infinity'}, ${range.end ?? 'infinity'}) ns`)
  }
  if (where.length > 0) lines.push(`Index Cond: ${where.join(' AND ')}`)
  return lines
}
