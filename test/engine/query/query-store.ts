// A store for tests of the executor: real memtables, real parts over files in memory, no log. It takes
// the reference's points and answers requests through the real planner and executor.

import { TIME_MIN } from '../../../engine/calendar.ts'
import { Cache } from '../../../engine/segment/cache.ts'
import { runSync } from '../../../engine/drive.ts'
import { OmenError } from '../../../engine/error.ts'
import { answerQuery } from '../../../engine/query/executor.ts'
import { Exporter } from '../../../engine/query/export.ts'
import { fieldTypeOf } from '../../../engine/field.ts'
import { flushMemtable } from '../../../engine/segment/flush.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import { Memtable } from '../../../engine/memtable.ts'
import { PartReader } from '../../../engine/segment/part.ts'
import { type PlanTable, type TagTerm, planQuery } from '../../../engine/query/plan.ts'
import { NaiveCatalog } from './naive-catalog.ts'
import type {
  Answer,
  AnswerSeries,
  LatestRequest,
  Query,
  QueryLimits,
  QueryRequest,
} from '../../../engine/query/query.ts'
import { type QueryContext, parseLatest, parseQuery } from '../../../engine/query/request.ts'
import type { Snapshot } from '../../../engine/query/scan.ts'
import { NO_ROLLUPS } from '../../../engine/rollup/registry.ts'
import { SegmentWriter, segmentName } from '../../../engine/segment/segment.ts'
import type { Execution } from '../../../engine/step.ts'
import { compareText } from '../../../engine/catalog/tags.ts'
import type { ReferencePoint, Value } from '../../reference.ts'
import { openKernel } from '../../kernel.ts'
import { applyPoints, encodeRows, finish, type Point, TestCatalog } from '../segment/rows.ts'

export const NOW = 1_790_000_000_000_000_000n
export const LIMITS: QueryLimits = {
  maxPoints: 1e9,
  maxBuckets: 1e6,
  queryBytes: 2 ** 40,
  timeoutMs: 30_000,
}

interface StoreTable {
  readonly id: number
  readonly partitionSeconds: number
  readonly columns: Map<string, { id: number; name: string; type: 0 | 1 | 2 | 3 | 4 }>
  readonly series: Map<string, number>
  readonly tagKeys: Set<string>
}

export class QueryStore extends NaiveCatalog {
  readonly instance: KernelInstance
  readonly cache: Cache
  readonly parts: PartReader[] = []
  readonly files = new Map<string, Uint8Array>()
  memtables: Memtable[]
  reads = 0
  steps = 0
  private snapshots = 0
  /** Called before each step of an execution; may throw. */
  check: () => void = () => undefined
  private readonly catalog: TestCatalog
  private readonly tables = new Map<string, StoreTable>()
  private readonly tags: ReadonlyMap<string, string>[] = []

  private constructor(instance: KernelInstance) {
    super()
    this.instance = instance
    this.cache = new Cache(instance.memory, 64 << 20)
    this.catalog = new TestCatalog(instance)
    this.memtables = [this.memtable(0)]
  }

  static async open(): Promise<QueryStore> {
    return new QueryStore(await openKernel())
  }

  /** The next table gets this partition width. */
  createTable(name: string, partitionSeconds: number): void {
    const id = this.catalog.table(partitionSeconds)
    this.tables.set(name, {
      ...{ id, partitionSeconds },
      columns: new Map(),
      series: new Map(),
      tagKeys: new Set(),
    })
  }

  /** Writes points to the active memtable. */
  write(points: readonly ReferencePoint[]): void {
    const rows = points.map((point) => this.pointOf(point))
    const active = this.memtables.at(-1)!
    if (!applyPoints(this.instance, active, this.catalog, rows)) throw new Error('memtable is full')
  }

  /** `count` points of one series with one float field, in bulk: times at `step`, values by index. */
  writeRegular(spec: {
    readonly table: string
    readonly tags: ReferencePoint['tags']
    readonly field: string
    readonly start: bigint
    readonly step: bigint
    readonly count: number
    readonly value: (index: number) => number
  }): void {
    const { memory } = this.instance
    const first = { ...spec, time: spec.start, fields: { [spec.field]: floatField(spec.value(0)) } }
    const { rows } = encodeRows(this.catalog, [this.pointOf(first)])
    const region = memory.allocate(rows.length * spec.count)
    for (let i = 0; i < spec.count; i++) {
      const at = region.offset + i * rows.length
      memory.u8.set(rows, at)
      memory.i64[(at + 16) >>> 3] = spec.start + BigInt(i) * spec.step
      memory.f64[(at + 24) >>> 3] = spec.value(i)
    }
    const active = this.memtables.at(-1)!
    const bytes = rows.length * spec.count
    if (!active.reserve(bytes, 0)) throw new Error('memtable is full')
    finish(active.apply(region.offset, bytes, region.offset, 0) as never)
    memory.release(region)
  }

  /** Bytes of kernel memory that neither cache nor memtables hold: what an execution must give back. */
  get loose(): number {
    return this.instance.memory.used - this.cache.used
  }

  /** Seals the active memtable: later writes go to the other. */
  seal(): void {
    if (this.memtables.length > 1) throw new Error('sealed already')
    this.memtables.push(this.memtable(1))
  }

  /** All memtables to parts, the oldest first. */
  flush(): void {
    for (const memtable of this.memtables) {
      const file = this.files.size + 1
      const chunks: Uint8Array[] = []
      const writer = new SegmentWriter(this.instance, file, (bytes) => chunks.push(bytes.slice()))
      const written = finish(flushMemtable(this.instance, memtable, writer, BigInt(file)) as never)
        .value as ConstructorParameters<typeof PartReader>[2][]
      writer.release()
      this.files.set(segmentName(file), Buffer.concat(chunks))
      for (const part of written) this.parts.push(new PartReader(this.instance, this.cache, part))
      finish(memtable.reset() as never)
      memtable.dispose()
    }
    this.memtables = [this.memtable(0)]
  }

  query(request: Partial<QueryRequest>, limits: Partial<QueryLimits> = {}): Answer {
    return this.run(answerQuery(this.parse(request, limits), this.snapshot()))
  }

  /** The answer of a snapshot that was taken before. */
  ask(request: Partial<QueryRequest>, snapshot: Snapshot): Answer {
    return this.run(answerQuery(this.parse(request), snapshot))
  }

  latest(request: Partial<LatestRequest>): Answer {
    const query = parseLatest({ table: 't', ...request }, this.context({}))
    return this.run(answerQuery(query, this.snapshot()))
  }

  /** All chunks of an export. */
  export(request: Partial<QueryRequest>): AnswerSeries[] {
    const limit = { default: Infinity, max: Infinity }
    const context = { ...this.context({}), limit }
    const plan = planQuery(parseQuery({ table: 't', ...request }, context), this)
    const exporter = new Exporter(plan, this.snapshot())
    const chunks: AnswerSeries[] = []
    for (let chunk; (chunk = this.run(exporter.next())) !== null;) chunks.push(chunk)
    exporter.close()
    return chunks
  }

  parse(request: Partial<QueryRequest>, limits: Partial<QueryLimits> = {}): Query {
    return parseQuery({ table: 't', precision: 'ns', ...request }, this.context(limits))
  }

  context(limits: Partial<QueryLimits>): QueryContext {
    const limit = { default: 1_000_000, max: 1_000_000 }
    return { database: 'default', now: NOW, limits: { ...LIMITS, ...limits }, limit }
  }

  snapshot(): Snapshot {
    let now = 0n
    return {
      instance: this.instance,
      cache: this.cache,
      catalog: this,
      memtables: this.memtables.map((memtable) => ({ memtable, snapshot: memtable.snapshot() })),
      holes: () => null,
      rollups: NO_ROLLUPS,
      partVersion: this.snapshots++,
      parts: (table) => this.parts.filter(({ description }) => description.table === table),
      now: () => (now += 1_000_000n),
    }
  }

  run<T>(execution: Execution<T>): T {
    const { memory } = this.instance
    return runSync(execution, {
      cache: this.cache,
      source: {
        read: (file, offset, target) => {
          this.reads++
          const bytes = this.files.get(file)!.subarray(offset, offset + target.length)
          target.set(bytes)
          if (target.buffer !== memory.u8.buffer) throw new Error('a copy was filled')
          return bytes.length
        },
      },
      check: () => {
        this.steps++
        this.check()
      },
    })
  }

  planTable(_database: string, name: string): PlanTable {
    const table = this.tables.get(name)
    if (table === undefined) throw new OmenError('not_found', `table '${name}' does not exist`)
    return {
      ...{ id: table.id, name, partitionSeconds: table.partitionSeconds },
      columns: [...table.columns.values()].sort((a, b) => compareText(a.name, b.name)),
      tagKeys: [...table.tagKeys].sort(compareText),
      cutoff: TIME_MIN,
    }
  }

  matchSeries(id: number, terms: readonly TagTerm[]): Uint32Array {
    const table = [...this.tables.values()].find((candidate) => candidate.id === id)!
    const matched = [...table.series.values()].filter((series) =>
      terms.every(({ key, values, accepts }) => {
        const value = this.tags[series]!.get(key) ?? null
        const listed = values === null || (value !== null && values.includes(value))
        if (values !== null && listed !== accepts(value)) throw new Error('values ≠ accepts')
        return accepts(value)
      }),
    )
    return Uint32Array.from(matched)
  }

  seriesTags(series: number): ReadonlyMap<string, string> {
    return this.tags[series]!
  }

  private memtable(which: 0 | 1): Memtable {
    const { kernel, memory } = this.instance
    const options = { catalog: this.catalog, which, rowBytes: 1 << 25, arenaBytes: 1 << 22 }
    return new Memtable(kernel, memory, options)
  }

  private pointOf({ table: name, tags, time, fields }: ReferencePoint): Point {
    if (!this.tables.has(name)) this.createTable(name, 86_400)
    const table = this.tables.get(name)!
    const slots = new Map<number, bigint | string>()
    for (const [field, entry] of Object.entries(fields)) {
      if (entry === null) continue
      const type = fieldTypeOf(entry.type)!
      let column = table.columns.get(field)
      if (column === undefined) {
        column = { id: this.catalog.column(table.id, type), name: field, type }
        table.columns.set(field, column)
      }
      slots.set(column.id, slotOf(entry.value))
    }
    return { series: this.seriesOf(table, tags), time, fields: slots }
  }

  private seriesOf(table: StoreTable, tags: ReferencePoint['tags']): number {
    const pairs = Object.entries(tags).filter(([, value]) => value !== '')
    pairs.sort(([a], [b]) => compareText(a, b))
    const key = JSON.stringify(pairs)
    const known = table.series.get(key)
    if (known !== undefined) return known
    const id = this.catalog.addSeries(table.id)
    table.series.set(key, id)
    this.tags[id] = new Map(pairs)
    for (const [name] of pairs) table.tagKeys.add(name)
    return id
  }
}

function floatField(value: number): { type: 'float'; value: number } {
  return { type: 'float', value }
}

const floats = new Float64Array(1)
const bits = new BigUint64Array(floats.buffer)

function slotOf(value: Value): bigint | string {
  if (typeof value === 'string') return value
  if (typeof value === 'boolean') return value ? 1n : 0n
  if (typeof value === 'bigint') return BigInt.asUintN(64, value)
  floats[0] = value
  return bits[0]!
}
