// A session for tests of the wire: it knows a handful of statements and answers them with known rows,
// so that what a client gets is the wire's doing alone.

import type { SqlBatch, SqlVector } from '../../sql/batch.ts'
import { Decimal } from '../../sql/decimal.ts'
import type {
  CopyChunk,
  PreparedStatement,
  RunOptions,
  Running,
  SqlSession,
  TransactionStatus,
} from '../../sql/session.ts'
import { SqlError } from '../../sql/sql-error.ts'
import type { CopyOptions, Named } from '../../sql/tree.ts'
import { typeOf, type DataType } from '../../sql/type.ts'
import { readValue } from '../../sql/value-text.ts'
import { Bytes, Interval, SqlArray } from '../../sql/value.ts'

const ALL: readonly (readonly [string, string, unknown])[] = [
  ['b', 'bool', true],
  ['i2', 'int2', -7],
  ['i4', 'int4', 2_147_483_647],
  ['i8', 'int8', 9_007_199_254_740_993n],
  ['f4', 'float4', 1.5],
  ['f8', 'float8', 0.1],
  ['n', 'numeric', Decimal.parse('-12345.6700')],
  ['t', 'text', 'Käse "x"\n'],
  ['d', 'date', 20_000],
  ['ts', 'timestamptz', 1_700_000_000_123_456_000n],
  ['iv', 'interval', new Interval(14, 3, 4_000_000_000n)],
  ['by', 'bytea', new Bytes(Uint8Array.of(0, 255, 92))],
  ['a', '_int4', new SqlArray(typeOf('int4'), [1, null, 3])],
  ['nothing', 'text', null],
]

export const MILLION = 1_000_000
const START = 1_700_000_000_000_000_000n

const named = (name: string, type: string): Named => ({ name, type: typeOf(type) })

function vectorOf(type: DataType, value: unknown): SqlVector {
  const valid = value === null ? Uint8Array.of(0) : null
  switch (type.layout) {
    case 'boolean':
      return { values: Uint8Array.of(value ? 1 : 0), valid }
    case 'number':
      return { values: Float64Array.of(Number(value ?? 0)), valid }
    case 'bigint':
      return { values: BigInt64Array.of((value ?? 0n) as bigint), valid }
    default:
      return { values: [value], valid }
  }
}

async function* once(batch: SqlBatch): AsyncGenerator<SqlBatch> {
  yield batch
}

function rows(columns: readonly Named[], batches: AsyncIterable<SqlBatch>): Running {
  return { kind: 'rows', columns, batches, tag: (count) => `SELECT ${count}` }
}

const MANY = [named('time', 'timestamptz'), named('value', 'float8')]

async function* many(count: number, signal?: RunOptions['signal']): AsyncGenerator<SqlBatch> {
  for (let start = 0; start < count; start += 4096) {
    if (signal?.aborted) throw cancelled()
    const rowCount = Math.min(4096, count - start)
    const time = BigInt64Array.from({ length: rowCount }, (_, i) => {
      return START + BigInt(start + i) * 1_000_000n
    })
    const value = Float64Array.from({ length: rowCount }, (_, i) => (start + i) * 0.25)
    yield {
      rowCount,
      columns: [
        { values: time, valid: null },
        { values: value, valid: null },
      ],
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}

const cancelled = (): SqlError => new SqlError('57014', 'canceling statement due to user request')

const TEXT_COPY: CopyOptions = {
  format: 'text',
  delimiter: '\t',
  nullText: '\\N',
  hasHeader: false,
  quote: '"',
  escape: '"',
}

/** What the statements of one server did. */
export interface Scene {
  copied: Buffer[]
  open: number
}

export class TestSession implements SqlSession {
  status: TransactionStatus = 'idle'
  readonly prepared = new Map<string, PreparedStatement>()
  private readonly scene: Scene
  private reports: (readonly [string, string])[] = []

  constructor(scene: Scene) {
    this.scene = scene
    scene.open++
  }

  takeReports(): readonly (readonly [string, string])[] {
    const { reports } = this
    this.reports = []
    return reports
  }

  async split(text: string): Promise<{ text: string; offset: number }[]> {
    const parts: { text: string; offset: number }[] = []
    for (const found of text.matchAll(/[^;]+/g)) {
      if (found[0].trim() !== '') parts.push({ text: found[0], offset: found.index })
    }
    return parts
  }

  async prepare(
    text: string,
    types: readonly (DataType | null)[] = [],
  ): Promise<PreparedStatement> {
    const statement = text.trim().toLowerCase()
    if (this.status === 'failed' && !/^(rollback|commit)/.test(statement)) {
      throw new SqlError('25P02', 'current transaction is aborted')
    }
    if (statement.includes('syntax')) {
      throw new SqlError('42601', 'syntax error', { position: text.indexOf('syntax') + 1 })
    }
    const echo = /^select \$1(?:::(\w+))?$/.exec(statement)
    const type = echo ? (types[0] ?? typeOf(echo[1] ?? 'text')) : null
    return {
      access: 'read',
      parameters: type === null ? [] : [type],
      columns: this.columnsOf(statement, type),
      endsTransaction: /^(rollback|commit)/.test(statement),
      run: async (parameters, options) => this.run(statement, type, parameters, options?.signal),
    }
  }

  cursorColumns(): null {
    return null
  }

  fail(): void {
    if (this.status === 'open') this.status = 'failed'
  }

  async close(): Promise<void> {
    this.scene.open--
  }

  private columnsOf(statement: string, echo: DataType | null): readonly Named[] | null {
    if (echo !== null) return [{ name: 'echo', type: echo }]
    if (statement === 'select all types') return ALL.map(([name, type]) => named(name, type))
    if (/^select \d+ rows/.test(statement)) return MANY
    if (/^select \d+$/.test(statement) || statement === 'sleep') return [named('?column?', 'int4')]
    return null
  }

  private async run(
    statement: string,
    echo: DataType | null,
    parameters: readonly unknown[],
    signal?: RunOptions['signal'],
  ): Promise<Running> {
    const columns = this.columnsOf(statement, echo)
    if (echo !== null) {
      return rows(columns!, once({ rowCount: 1, columns: [vectorOf(echo, parameters[0])] }))
    }
    if (statement === 'sleep') return sleep(signal)
    if (statement === 'select all types') {
      const vectors = ALL.map(([, type, value]) => vectorOf(typeOf(type), value))
      return rows(columns!, once({ rowCount: 1, columns: vectors }))
    }
    if (columns === MANY) return rows(MANY, many(Number(/\d+/.exec(statement)![0]), signal))
    if (columns !== null) {
      const value = readValue(typeOf('int4'), statement.slice(7), { now: 0n, timeZone: 'UTC' })
      return rows(columns, once({ rowCount: 1, columns: [vectorOf(typeOf('int4'), value)] }))
    }
    return this.runCommand(statement)
  }

  private runCommand(statement: string): Running {
    if (statement === '' || statement.startsWith('--')) return { kind: 'empty' }
    if (statement === 'begin') {
      this.status = 'open'
      return { kind: 'done', tag: 'BEGIN' }
    }
    if (statement === 'rollback' || statement === 'commit') {
      this.status = 'idle'
      return { kind: 'done', tag: 'ROLLBACK' }
    }
    const zone = /^set timezone to '(.*)'$/.exec(statement)
    if (zone) {
      this.reports.push(['TimeZone', zone[1]!])
      return { kind: 'done', tag: 'SET' }
    }
    if (statement.startsWith('copy t from')) return this.copyIn()
    if (statement.startsWith('copy t to')) return copyOut()
    if (statement === 'bug') throw new Error('a secret of the server')
    throw new SqlError('0A000', `${statement.slice(0, 20)} is not supported`, { hint: 'Ask less.' })
  }

  private copyIn(): Running {
    return {
      kind: 'copyIn',
      options: TEXT_COPY,
      columns: MANY,
      copy: async (chunks) => {
        this.scene.copied = []
        for await (const chunk of chunks) this.scene.copied.push(Buffer.from(chunk))
        const text = Buffer.concat(this.scene.copied).toString()
        if (text.includes('wrong')) throw new SqlError('22P02', 'wrong row')
        return `COPY ${text.split('\n').length - 1}`
      },
    }
  }
}

function copyOut(): Running {
  async function* chunks(): AsyncGenerator<CopyChunk> {
    for (let i = 0; i < 3; i++) {
      const bytes = Buffer.from(`${i}\t${i / 2}\n`)
      yield { bytes, ends: [bytes.length] }
    }
  }
  return {
    kind: 'copyOut',
    options: TEXT_COPY,
    columns: MANY,
    chunks: chunks(),
    tag: () => 'COPY 3',
  }
}

/** Until it is cancelled. */
function sleep(signal?: RunOptions['signal']): Running {
  async function* batches(): AsyncGenerator<SqlBatch> {
    await new Promise<void>((resolve) => {
      if (signal?.aborted) resolve()
      else signal?.addEventListener('abort', () => resolve())
    })
    yield* many(1, AbortSignal.abort())
  }
  return rows([named('?column?', 'int4')], batches())
}
