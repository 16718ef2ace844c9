// A stand-in for the engine, for tests of HTTP behaviour alone: it remembers what it was given and
// answers what a test told it to. Tests of data run on the real engine (end-to-end.test.ts).

import type { Versions } from '../../engine/query/version.ts'
import type { Backup } from '../../engine/backup/backup.ts'
import type { Batch, BatchOptions, ColumnPoints, WriteResult } from '../../engine/ingest/batch.ts'
import { OmenError, type LineError } from '../../engine/error.ts'
import type { KernelInstance } from '../../engine/kernel.ts'
import type { Answer, AnswerSeries, LatestRequest, QueryRequest } from '../../engine/query/query.ts'
import type { TableDescription } from '../../engine/database-types.ts'
import type { ServedDatabase } from '../../server/endpoint.ts'
import { openKernel } from '../kernel.ts'

const kernel: KernelInstance = await openKernel()

/** What a batch of the fake was given. */
export interface FakeBatch {
  options: BatchOptions
  text: string
  csv: { text: string; spec: unknown }
  points: ColumnPoints[]
  committed: string | undefined | null
  discarded: boolean
}

export interface FakeDatabase extends ServedDatabase {
  batches: FakeBatch[]
  requests: { kind: string; request: unknown; options: unknown }[]
  answer: Answer
  chunks: AnswerSeries[]
  /** Called once per chunk taken. */
  onChunk: () => void
  /** How often something made way for others. */
  pauses: number
  /** Thrown by whatever is called next. */
  failure: unknown
  lineErrors: LineError[]
  result: Partial<WriteResult>
}

export const EMPTY_STATS = {
  elapsedMs: 1.23456,
  series: 0,
  blocks: 0,
  blocksSkipped: 0,
  blocksFromSummary: 0,
  blocksDecoded: 0,
  bytesRead: 0,
  rollup: null,
  index: { pieces: 0, maxError: 0 },
}

export const EMPTY_ANSWER: Answer = {
  table: 'cpu',
  columns: [{ name: 'time', type: 'timestamp' }],
  series: [],
  rowCount: 0,
  cursor: null,
  stats: EMPTY_STATS,
}

const SHARED = {
  kernel,
  versions: { query: () => null, latest: () => null, list: () => 'v' } as unknown as Versions,
  tail: () => Promise.reject(new OmenError('unsupported', 'the fake has no tail')),
  columns: (name: string) =>
    Promise.resolve({ name, tags: ['host'], fields: {}, declaration: null }),
}

const METRICS = {
  walBytes: 1,
  memtableBytes: 2,
  memoryBytes: 3,
  memoryBytesMax: 30,
  cacheBytes: 1,
  stagingBytes: 0,
  stagingWaiting: 0,
  queriesRunning: 0,
  queriesWaiting: 0,
  tails: 0,
  tailBytes: 0,
  segments: 4,
  segmentBytes: 5,
  series: new Map([['default', 6]]),
  blocksSkipped: 7,
  blocksFromSummary: 8,
  blocksDecoded: 9,
  scanTasks: 4,
  compactionReadBytes: 10,
  flushBytes: 12,
  compactionWrittenBytes: 11,
  syncs: 12,
  syncSeconds: 13,
  isReadOnly: false,
}

function describedTable(name: string): TableDescription {
  const first = { firstTime: -1n, lastTime: 1_790_000_000_123_456_789n }
  const rest = {
    retention: null,
    rollups: [],
    points: 2,
    series: 1,
    diskBytes: 9,
    declaration: null,
  }
  return { name, tags: ['host'], fields: { n: 'integer' }, ...first, ...rest }
}

/** A database that stores nothing. */
export function createFake(): FakeDatabase {
  const fake = {
    batches: [] as FakeBatch[],
    requests: [] as FakeDatabase['requests'],
    answer: EMPTY_ANSWER,
    chunks: [] as AnswerSeries[],
    onChunk: () => {},
    pauses: 0,
    failure: null as unknown,
    lineErrors: [] as LineError[],
    result: {} as Partial<WriteResult>,
  }
  const note = (kind: string, request: unknown, options: unknown): void => {
    fake.requests.push({ kind, request, options })
    if (fake.failure !== null) throw fake.failure
  }
  async function* chunks(): AsyncGenerator<AnswerSeries> {
    for (const chunk of fake.chunks) {
      fake.onChunk()
      yield chunk
    }
  }
  return Object.assign(fake, {
    ...SHARED,
    batch: (options: BatchOptions = {}) => fakeBatch(fake, options),
    async query(request: QueryRequest, options?: object) {
      note('query', request, options)
      return fake.answer
    },
    async latest(request: LatestRequest, options?: object) {
      note('latest', request, options)
      return fake.answer
    },
    async export(request: QueryRequest, options?: object) {
      note('export', request, options)
      const { columns } = fake.answer
      return { columns, tags: ['host', 'rack'], isAggregate: false, chunks: chunks() }
    },
    async tables(database?: string) {
      note('tables', database, undefined)
      return [{ name: 'cpu', points: 2, series: 1 }]
    },
    async table(name: string, options?: object) {
      note('table', name, options)
      if (name === 'nope') throw new OmenError('not_found', `table 'nope' does not exist`)
      return describedTable(name)
    },
    async series(table: string, options?: object) {
      note('series', table, options)
      return { series: [{ tags: { host: 'a' } }], cursor: null }
    },
    async tagKeys(table: string, options?: object) {
      note('tagKeys', table, options)
      return ['host', 'rack']
    },
    async tagValues(table: string, key: string, options?: object) {
      note('tagValues', [table, key], options)
      return { values: ['a'], cursor: null }
    },
    async tableStats(table: string, options?: object) {
      note('tableStats', table, options)
      return { name: table, segments: 0, parts: 0, rows: 0, bytes: 0, columns: [] }
    },
    ...fakeLifecycle(note),
    ...fakeBackups(note, chunks),
    health: () => ({ status: 'pass' as const, message: 'ready' }),
    pause: async () => void fake.pauses++,
    metrics: () => METRICS,
  })
}

type Note = (kind: string, request: unknown, options: unknown) => void

function fakeBackups(note: Note, chunks: () => AsyncGenerator<AnswerSeries>) {
  return {
    async backup(options: { since?: string | null | undefined } = {}) {
      note('backup', options.since ?? null, undefined)
      return fakeBackup(chunks())
    },
    async restore(source: AsyncIterable<Uint8Array>) {
      note('restore', null, undefined)
      let points = 0
      for await (const bytes of source) points += bytes.length
      return { databases: 1, tables: 2, points }
    },
  }
}

/** 64 KiB for each chunk of the answer. */
function fakeBackup(chunks: AsyncGenerator<AnswerSeries>): Backup {
  return {
    id: 'state-1',
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      const { done } = await chunks.next()
      if (done === true) return { done, value: undefined }
      return { done: false, value: new Uint8Array(65_536) }
    },
    async return() {
      await chunks.return(undefined)
      return { done: true, value: undefined }
    },
  }
}

/** What makes, sets and drops. */
function fakeLifecycle(note: Note) {
  return {
    async putTable(name: string, settings: object, options?: object) {
      note('putTable', [name, settings], options)
      return describedTable(name)
    },
    async dropColumn(table: string, column: string, options?: object) {
      note('dropColumn', [table, column], options)
    },
    async deleteRows(table: string, options: { dryRun?: boolean } = {}) {
      note('deleteRows', table, options)
      return { deleted: 3, dryRun: options.dryRun ?? false }
    },
    databases({ system = false } = {}) {
      // That is how a server looks for tokens.
      if (!system) note('databases', undefined, undefined)
      return ['default', 'metrics']
    },
    async createDatabase(name: string) {
      note('createDatabase', name, undefined)
    },
    async dropDatabase(name: string) {
      note('dropDatabase', name, undefined)
    },
    async dropTable(table: string, options?: object) {
      note('dropTable', table, options)
    },
  }
}

type FakeState = Pick<FakeDatabase, 'batches' | 'failure' | 'lineErrors' | 'result'>

function fakeBatch(fake: FakeState, options: BatchOptions): Batch {
  const state: FakeBatch = {
    options,
    text: '',
    csv: { text: '', spec: null },
    points: [],
    committed: null,
    discarded: false,
  }
  fake.batches.push(state)
  const decoder = new TextDecoder()
  return {
    hasRoom: true,
    room: async () => {},
    lineProtocol(chunk: Uint8Array) {
      state.text += decoder.decode(chunk, { stream: true })
    },
    csv(chunk: Uint8Array, spec: unknown) {
      state.csv = { text: state.csv.text + decoder.decode(chunk, { stream: true }), spec }
    },
    points(points: ColumnPoints) {
      state.points.push(points)
    },
    *message() {},
    rowCount: 0,
    byteSize: 0,
    errors: fake.lineErrors,
    async commit(ack?: 'fsync' | 'memory') {
      if (fake.failure !== null) throw fake.failure
      state.committed = ack
      return { written: 1, rejected: 0, ack: ack ?? 'fsync', errors: [], ...fake.result }
    },
    discard() {
      state.discarded = true
    },
  }
}
