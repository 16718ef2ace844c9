// What commands do to the session: settings, transactions, cursors, prepared statements. Those of tables
// and databases are in ../commands.

import type { Batches } from '../batch.ts'
import { execute } from '../execute/execute.ts'
import { valueAt, vectorOf } from '../execute/vector.ts'
import { lower } from '../lower/lower.ts'
import type { PreparedStatement, RunOptions, Running } from '../session.ts'
import { SqlError } from '../sql-error.ts'
import type { Bound, BoundStatement, Command, Node } from '../tree.ts'
import { isEngineCommand, runEngineCommand } from './engine-command.ts'
import { runExplain } from './explain.ts'
import { FUNCTIONS } from './functions.ts'
import type { CommandOf, EngineSession } from './sql-session.ts'
import type { StatementRun } from './statement-run.ts'

/** One statement on its way. */
export interface Work {
  readonly statement: BoundStatement
  readonly parameters: readonly unknown[]
  readonly options: RunOptions
  /** Starts the run that holds it; without a time limit if that is false. */
  readonly begin: (isTimed?: boolean) => Promise<StatementRun>
}

type Handler<Kind extends Command['kind']> = (
  session: EngineSession,
  command: CommandOf<Kind>,
  work: Work,
) => Promise<Running> | Running

const done = (tag: string): Running => ({ kind: 'done', tag })

const HANDLERS: { readonly [Kind in Command['kind']]?: Handler<Kind> } = {
  nothing: (_session, _command, { statement }) =>
    statement.tag === '' ? { kind: 'empty' } : done(statement.tag),
  set: runSet,
  show: runShow,
  begin: (session, { isReadOnly }, { statement }) => {
    session.transaction.begin(isReadOnly, session.now())
    return done(statement.tag)
  },
  commit: (session) => endTransaction(session, true),
  rollback: (session) => endTransaction(session, false),
  savepoint: (session, { name }) => {
    session.transaction.savepoint(name)
    return done('SAVEPOINT')
  },
  release: (session, { name }) => {
    session.transaction.release(name)
    return done('RELEASE')
  },
  rollbackTo: (session, { name }) => {
    session.transaction.rollbackTo(name)
    return done('ROLLBACK')
  },
  declare: runDeclare,
  fetch: runFetch,
  closeCursor: async (session, { name }, { statement }) => {
    await session.cursors.close(name)
    return done(statement.tag)
  },
  prepare: runPrepare,
  execute: runExecute,
  deallocate: runDeallocate,
  discard: runDiscard,
  explain: (session, command, work) => runExplain(session, command, work, runSessionCommand),
}

/** Throws SqlError. */
export async function runSessionCommand(
  session: EngineSession,
  command: Command,
  work: Work,
): Promise<Running> {
  const handler = HANDLERS[command.kind] as Handler<Command['kind']> | undefined
  if (handler !== undefined) return handler(session, command as never, work)
  if (isEngineCommand(command)) return runEngineCommand(session, command, work)
  throw new SqlError('0A000', `${work.statement.tag} is not offered`)
}

function runSet(
  session: EngineSession,
  { name, value, isLocal }: CommandOf<'set'>,
  { statement }: Work,
): Running {
  // Of no transaction, as PostgreSQL says in a warning; it is checked all the same.
  const before = isLocal && session.status === 'idle' ? session.settings.state() : null
  session.settings.set(name, value, isLocal)
  if (before !== null) session.settings.restore(before)
  return done(statement.tag)
}

function runShow(session: EngineSession, { name }: CommandOf<'show'>, work: Work): Running {
  const columns = work.statement.columns!
  const rows = shownRows(session, name)
  const vectors = columns.map(({ type }, index) =>
    vectorOf(type, rows.length, (row) => rows[row]![index]),
  )
  return {
    kind: 'rows',
    columns,
    batches: once({ rowCount: rows.length, columns: vectors }),
    tag: () => 'SHOW',
  }
}

async function* once<T>(value: T): AsyncGenerator<T> {
  yield value
}

function shownRows({ settings }: EngineSession, name: string): (readonly string[])[] {
  if (name === 'all') {
    return settings.all().map(({ name: each, value, description }) => [each, value, description])
  }
  const value = settings.get(name)
  if (value !== null) return [[value]]
  throw new SqlError('42704', `unrecognized configuration parameter "${name}"`)
}

async function endTransaction(session: EngineSession, isCommit: boolean): Promise<Running> {
  const wasIdle = session.status === 'idle'
  const isKept = session.transaction.end(isCommit)
  await session.cursors.endTransaction(isKept)
  return done(isCommit && (isKept || wasIdle) ? 'COMMIT' : 'ROLLBACK')
}

async function runDeclare(
  session: EngineSession,
  { name, query, isHold }: CommandOf<'declare'>,
  { parameters, begin }: Work,
): Promise<Running> {
  if (session.status === 'idle' && !isHold) {
    throw new SqlError('25P01', 'DECLARE CURSOR can only be used in transaction blocks')
  }
  session.cursors.requireFree(name)
  const run = await begin(false)
  // What cancels this statement does not cancel the cursor.
  run.detach()
  const batches = run.guard(execute(lower(query, run, parameters), run, parameters))
  session.cursors.add(name, { columns: query.columns, batches, run, isHold })
  return done('DECLARE CURSOR')
}

async function runFetch(
  session: EngineSession,
  { name, count, isMove }: CommandOf<'fetch'>,
  { begin }: Work,
): Promise<Running> {
  const columns = session.cursors.columns(name)
  const run = await begin()
  const batches = run.guard(session.cursors.fetch(name, count, run.signal))
  const nameOf = session.cursors.nameOf(name)
  if (!isMove) return { kind: 'rows', columns, batches, nameOf, tag: (rows) => `FETCH ${rows}` }
  return done(`MOVE ${await countRows(batches)}`)
}

async function countRows(batches: Batches): Promise<number> {
  let count = 0
  for await (const { rowCount } of batches) count += rowCount
  return count
}

async function runPrepare(
  session: EngineSession,
  { name, text, types }: CommandOf<'prepare'>,
): Promise<Running> {
  if (session.prepared.has(name)) {
    throw new SqlError('42P05', `prepared statement "${name}" already exists`)
  }
  session.prepared.set(name, await session.prepare(text, types))
  return done('PREPARE')
}

function preparedOf({ prepared }: EngineSession, name: string): PreparedStatement {
  const found = prepared.get(name)
  if (found !== undefined) return found
  throw new SqlError('26000', `prepared statement "${name}" does not exist`)
}

async function runExecute(
  session: EngineSession,
  { name, arguments: given }: CommandOf<'execute'>,
  { parameters, options, begin }: Work,
): Promise<Running> {
  const prepared = preparedOf(session, name)
  const { parameters: types } = prepared
  if (given.length !== types.length) {
    const message = `wrong number of parameters for prepared statement "${name}"`
    const detail = `Expected ${types.length} parameters but got ${given.length}.`
    throw new SqlError('42601', message, { detail })
  }
  const columns = types.map((type, index) => ({ name: `$${index + 1}`, type }))
  const row = given.map((one, index) => castTo(one, types[index]!, index))
  const node: Node = { kind: 'values', rows: [row], columns }
  const run = await begin()
  const values = await run.complete(async () => {
    for await (const batch of execute(node, run, parameters)) {
      return types.map((type, index) => valueAt(batch.columns[index]!, type, 0))
    }
    return []
  })
  return session.nested(() => prepared.run(values, options))
}

function castTo(operand: Bound, type: BoundStatement['parameters'][number], index: number): Bound {
  if (operand.type.oid === type.oid) return operand
  const cast = FUNCTIONS.cast(operand.type, type)
  if (cast !== null) return { kind: 'cast', type, cast, operand, position: 0 }
  const message = `parameter $${index + 1} of type ${operand.type.title} cannot be coerced to the expected type ${type.title}`
  throw new SqlError('42804', message, { hint: 'You will need to rewrite or cast the expression.' })
}

function runDeallocate(
  session: EngineSession,
  { name }: CommandOf<'deallocate'>,
  { statement }: Work,
): Running {
  if (name === null) session.prepared.clear()
  else {
    preparedOf(session, name)
    session.prepared.delete(name)
  }
  return done(statement.tag)
}

async function runDiscard(
  session: EngineSession,
  _command: CommandOf<'discard'>,
  { statement }: Work,
): Promise<Running> {
  if (session.status !== 'idle') {
    throw new SqlError('25001', 'DISCARD ALL cannot run inside a transaction block')
  }
  await session.cursors.close(null)
  session.prepared.clear()
  session.settings.set('all', null, false)
  return done(statement.tag)
}
