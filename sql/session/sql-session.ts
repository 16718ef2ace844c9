// A session: statements are planned against its settings and its transaction, and run one after the
// other. What each kind of command does is in commands.ts.

import { execute } from '../execute/execute.ts'
import { objectText } from '../catalogs/object-name.ts'
import type { CatalogRole, CatalogSnapshot } from '../catalogs/snapshot.ts'
import type { Surroundings } from '../function.ts'
import type {
  PreparedStatement,
  RunOptions,
  Running,
  SessionOptions,
  SqlSession,
  StatementAccess,
  TransactionStatus,
} from '../session.ts'
import { lower } from '../lower/lower.ts'
import { SqlError } from '../sql-error.ts'
import { parse, splitStatements } from '../syntax/parse.ts'
import type { SqlEngine } from '../tables/engine.ts'
import type { BoundStatement, Command, Named } from '../tree.ts'
import type { DataType } from '../type.ts'
import { runSessionCommand } from './commands.ts'
import { Cursors } from './cursors.ts'
import { CATALOG_FUNCTIONS, FUNCTIONS, FUNCTION_LISTS } from './functions.ts'
import { type Plan, type PlanPlace, catalogTables, planText, renewPlan } from './plan.ts'
import type { PlanCache } from './plan-cache.ts'
import { readDuration } from './setting-list.ts'
import { Settings } from './settings.ts'
import { StatementRun } from './statement-run.ts'
import { Transaction } from './transaction.ts'

export interface SessionHost {
  readonly engine: SqlEngine
  /** Who may connect, for the catalogs. */
  readonly roles: () => readonly CatalogRole[]
  /** Bytes that one statement may hold. */
  readonly bytesMax: number
  readonly plans: PlanCache
}

const NS_PER_MS = 1_000_000n

/** EXECUTEs within each other: a statement of the wire may be one, of itself too. */
const DEPTH_MAX = 100

export class EngineSession implements SqlSession {
  readonly settings: Settings
  readonly transaction: Transaction
  readonly cursors = new Cursors()
  readonly prepared = new Map<string, PreparedStatement>()
  readonly #host: SessionHost
  readonly #options: SessionOptions
  readonly #place: PlanPlace
  readonly #startedAt = nowInNanoseconds()
  #depth = 0

  /** Throws 42704, 22023 for settings that are not to be had. */
  constructor(host: SessionHost, options: SessionOptions) {
    this.#host = host
    this.#options = options
    const fixed = new Map([
      ['is_superuser', options.access.has('admin') ? 'on' : 'off'],
      ['session_authorization', options.user],
    ])
    this.settings = new Settings(fixed, options.settings ?? new Map())
    this.transaction = new Transaction(this.settings)
    this.#place = {
      engine: host.engine,
      database: options.database,
      functions: FUNCTIONS,
      catalogFunctions: CATALOG_FUNCTIONS,
      plans: host.plans,
    }
  }

  get engine(): SqlEngine {
    return this.#host.engine
  }

  get status(): TransactionStatus {
    return this.transaction.status
  }

  takeReports(): readonly (readonly [string, string])[] {
    return this.settings.takeReports()
  }

  split(text: string): Promise<readonly { readonly text: string; readonly offset: number }[]> {
    return splitStatements(text)
  }

  async prepare(
    text: string,
    types: readonly (DataType | null)[] = [],
  ): Promise<PreparedStatement> {
    await this.#requireUnfailed(text)
    const plan = await planText(this.#place, text, types, (uses) => this.#surroundings(uses))
    const { statement, access } = plan
    this.#requireAccess(access, statement)
    return {
      access,
      parameters: statement.parameters,
      columns: this.#columnsOf(statement),
      endsTransaction: endsTransaction(statement),
      run: (parameters, options) => this.#run(text, plan, parameters, options),
    }
  }

  cursorColumns(name: string): readonly Named[] | null {
    return this.cursors.has(name) ? this.cursors.columns(name) : null
  }

  fail(): void {
    this.transaction.fail()
  }

  /** Runs a statement of a statement. Throws 54001 for one that executes itself. */
  async nested(run: () => Promise<Running>): Promise<Running> {
    if (this.#depth >= DEPTH_MAX) throw new SqlError('54001', 'stack depth limit exceeded')
    this.#depth++
    try {
      return await run()
    } finally {
      this.#depth--
    }
  }

  /** A run over this session's limits, to be ended by whoever begins it. */
  async begin(usesCatalog: boolean, options: RunOptions, isTimed = true): Promise<StatementRun> {
    const timeout = this.settings.get('statement_timeout') ?? '0'
    const timeoutMs = isTimed ? readDuration('statement_timeout', timeout) : 0
    const { engine, bytesMax } = this.#host
    const surroundings = await this.#surroundings(usesCatalog)
    const limits = { bytesMax, timeoutMs }
    return new StatementRun(surroundings, limits, () => engine.pause(), options.signal)
  }

  now(): bigint {
    return nowInNanoseconds()
  }

  async close(): Promise<void> {
    await this.cursors.close(null)
  }

  async #run(
    text: string,
    planned: Plan,
    parameters: readonly unknown[],
    options: RunOptions = {},
  ): Promise<Running> {
    await this.#requireUnfailed(text)
    const surroundingsOf = (uses: boolean) => this.#surroundings(uses)
    const plan = await renewPlan(this.#place, text, planned, surroundingsOf)
    const { statement, usesCatalog, access } = plan
    this.#requireWritable(access, statement)
    const { body } = statement
    if ('command' in body) {
      const begin = (isTimed?: boolean) => this.begin(usesCatalog, options, isTimed)
      return runSessionCommand(this, body.command, { statement, parameters, options, begin })
    }
    const run = await this.begin(usesCatalog, options)
    return {
      kind: 'rows',
      columns: statement.columns ?? [],
      batches: run.guard(execute(lower(body.query, run, parameters), run, parameters)),
      nameOf: run.surroundings.nameOf,
      tag: (count) => `SELECT ${count}`,
    }
  }

  /** What a statement answers, as far as its binding does not say it. */
  #columnsOf({ columns, body }: BoundStatement): readonly Named[] | null {
    if (!('command' in body)) return columns
    const { command } = body
    if (command.kind === 'fetch' && !command.isMove) return this.cursorColumns(command.name)
    if (command.kind === 'execute') return this.prepared.get(command.name)?.columns ?? null
    return columns
  }

  async #surroundings(usesCatalog: boolean): Promise<Surroundings> {
    const { settings } = this
    const { database, user } = this.#options
    const catalog = await this.#snapshot(usesCatalog)
    return {
      now: this.transaction.startedAt ?? nowInNanoseconds(),
      timeZone: settings.get('timezone') ?? 'UTC',
      database,
      user,
      setting: (name) => settings.get(name),
      catalog,
      nameOf: (type, oid) => objectText(catalog, type, oid),
    }
  }

  async #snapshot(usesCatalog: boolean): Promise<CatalogSnapshot> {
    const { engine, roles } = this.#host
    const { database, user, access, processId = 0 } = this.#options
    const own = { name: user, isSuperuser: access.has('admin'), canWrite: access.has('write') }
    return {
      database,
      processId,
      user,
      startedAt: this.#startedAt,
      databases: usesCatalog ? engine.databases() : [database],
      tables: usesCatalog ? await catalogTables(engine, database) : [],
      roles: [own, ...roles().filter(({ name }) => name !== user)],
      settings: usesCatalog ? this.settings.all() : [],
      functions: FUNCTION_LISTS,
    }
  }

  /** After a failure only the end of the transaction is taken. */
  async #requireUnfailed(text: string): Promise<void> {
    if (this.transaction.status !== 'failed') return
    const { statements } = await parse(text)
    const tree = statements[0]?.tree
    if (tree === undefined) return
    const kind = 'TransactionStmt' in tree ? tree.TransactionStmt.kind : undefined
    if (kind !== undefined && ENDS.has(kind)) return
    const message =
      'current transaction is aborted, commands ignored until end of transaction block'
    throw new SqlError('25P02', message)
  }

  #requireAccess(access: StatementAccess, { tag }: BoundStatement): void {
    if (this.#options.access.has(access)) return
    throw new SqlError('42501', `permission denied for ${tag}`, {
      hint: `The token needs the scope "${access}" of database "${this.#options.database}".`,
    })
  }

  #requireWritable(access: StatementAccess, { tag }: BoundStatement): void {
    if (access === 'read') return
    const { status } = this.transaction
    const name = status === 'idle' ? 'default_transaction_read_only' : 'transaction_read_only'
    if (this.settings.get(name) !== 'on') return
    throw new SqlError('25006', `cannot execute ${tag} in a read-only transaction`)
  }
}

function endsTransaction({ body }: BoundStatement): boolean {
  return 'command' in body && ['commit', 'rollback', 'rollbackTo'].includes(body.command.kind)
}

const ENDS = new Set<string>(['TRANS_STMT_COMMIT', 'TRANS_STMT_ROLLBACK', 'TRANS_STMT_ROLLBACK_TO'])

const nowInNanoseconds = (): bigint => BigInt(Date.now()) * NS_PER_MS

/** Of one kind. */
export type CommandOf<Kind extends Command['kind']> = Extract<Command, { kind: Kind }>
