// Commands about the session: settings, transactions, cursors, prepared statements.
// Source: PostgreSQL 15, src/backend/tcop/utility.c.

import type {
  ClosePortalStmt,
  DeallocateStmt,
  DeclareCursorStmt,
  DiscardStmt,
  ExecuteStmt,
  FetchStmt,
  PrepareStmt,
  TransactionStmt,
  TypeName,
  VariableSetStmt,
  VariableShowStmt,
  Node as Tree,
} from 'libpg-query'
import type { Command } from '../tree.ts'
import { typeOf } from '../type.ts'
import { literalText, readType } from './cast.ts'
import { settle } from './coercion.ts'
import type { Context } from './context.ts'
import { readOptions } from './option.ts'
import { bindExpression, bindQuery } from './recursion.ts'
import { NO_FROM, OUTERMOST, openScope } from './scope.ts'
import { clause } from './site.ts'
import { type Binding, type Unfinished, done } from './unfinished.ts'

function bindSet(context: Context, set: VariableSetStmt): Unfinished {
  const { kind, name = '', args = [], is_local: isLocal = false } = set
  const make = (value: string | null, tag = 'SET'): Unfinished =>
    done(tag, { kind: 'set', name: name.toLowerCase(), value, isLocal })
  switch (kind) {
    case 'VAR_RESET_ALL':
      return done('RESET', { kind: 'set', name: 'all', value: null, isLocal: false })
    case 'VAR_RESET':
      return make(null, 'RESET')
    case 'VAR_SET_DEFAULT':
      return make(null)
    case 'VAR_SET_VALUE':
      return make(args.map((arg) => settingText(context, arg)).join(', '))
    case 'VAR_SET_MULTI':
      return bindTransactionModes(context, name, args)
    default:
      return context.refuse('SET … FROM CURRENT', -1)
  }
}

function settingText(context: Context, tree: Tree): string {
  // SET TIME ZONE INTERVAL '1' HOUR, whose text is the hours.
  const written = 'TypeCast' in tree ? tree.TypeCast.arg : tree
  return literalText(written) ?? context.refuse('this value of a setting', context.startOf(tree))
}

/** `SET TRANSACTION …`, `SET SESSION CHARACTERISTICS AS TRANSACTION …`. */
function bindTransactionModes(context: Context, name: string, args: readonly Tree[]): Unfinished {
  if (name.endsWith('SNAPSHOT')) context.refuse('SET TRANSACTION SNAPSHOT', -1)
  const isSession = name.startsWith('SESSION')
  const options = readOptions(context, args)
  const mode = options.find((one) => one.name === 'transaction_read_only') ?? options[0]
  if (mode === undefined) return done('SET', { kind: 'nothing' })
  const isFlag = mode.name !== 'transaction_isolation'
  const value = isFlag ? (mode.text === '1' ? 'on' : 'off') : mode.text
  const setting = isSession ? `default_${mode.name}` : mode.name
  return done('SET', { kind: 'set', name: setting, value, isLocal: !isSession })
}

const SHOWN = ['name', 'setting', 'description'] as const

function bindShow(_context: Context, { name = '' }: VariableShowStmt): Unfinished {
  const names = name.toLowerCase() === 'all' ? SHOWN : [shownName(name)]
  const columns = names.map((one) => ({ name: one, type: typeOf('text') }))
  const command: Command = { kind: 'show', name: name.toLowerCase() }
  return { body: { command }, columns, tag: 'SHOW' }
}

/** Settings whose names PostgreSQL writes with capitals. */
const CAPITALS: Readonly<Record<string, string>> = {
  timezone: 'TimeZone',
  datestyle: 'DateStyle',
  intervalstyle: 'IntervalStyle',
}

function shownName(name: string): string {
  return CAPITALS[name.toLowerCase()] ?? name.toLowerCase()
}

function bindTransaction(context: Context, transaction: TransactionStmt): Unfinished {
  const { kind, options = [], savepoint_name: name = '', chain } = transaction
  if (chain === true) context.refuse('AND CHAIN', -1, 'Send BEGIN.')
  switch (kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START': {
      const modes = readOptions(context, options)
      const isReadOnly = modes.some(
        (one) => one.name === 'transaction_read_only' && one.text === '1',
      )
      const tag = kind === 'TRANS_STMT_BEGIN' ? 'BEGIN' : 'START TRANSACTION'
      return done(tag, { kind: 'begin', isReadOnly })
    }
    case 'TRANS_STMT_COMMIT':
      return done('COMMIT', { kind: 'commit' })
    case 'TRANS_STMT_ROLLBACK':
      return done('ROLLBACK', { kind: 'rollback' })
    case 'TRANS_STMT_SAVEPOINT':
      return done('SAVEPOINT', { kind: 'savepoint', name })
    case 'TRANS_STMT_RELEASE':
      return done('RELEASE', { kind: 'release', name })
    case 'TRANS_STMT_ROLLBACK_TO':
      return done('ROLLBACK', { kind: 'rollbackTo', name })
    default:
      return context.refuse('a prepared transaction', -1)
  }
}

const BINARY = 1
const HOLD = 32

function bindDeclare(context: Context, declare: DeclareCursorStmt): Unfinished {
  const { portalname, options = 0, query } = declare
  if ((options & BINARY) !== 0) {
    context.refuse('a binary cursor', -1, 'Ask for binary results with the extended protocol.')
  }
  const { node } = bindQuery(context, query!, OUTERMOST)
  const isHold = (options & HOLD) !== 0
  return done('DECLARE CURSOR', { kind: 'declare', name: portalname!, query: node, isHold })
}

/** What the grammar writes for ALL. */
const ALL = 2 ** 31 - 1

function bindFetch(context: Context, fetch: FetchStmt): Unfinished {
  const { direction, howMany, portalname, ismove: isMove = false } = fetch
  const wanted = Number(howMany ?? 0)
  if (direction !== 'FETCH_FORWARD' || wanted < 0) {
    const hint = 'Cursors go forward: FETCH NEXT, FETCH n, FETCH ALL.'
    context.fail('0A000', 'cursor can only scan forward', -1, { hint })
  }
  const count = wanted >= ALL ? Infinity : wanted
  return done(isMove ? 'MOVE' : 'FETCH', { kind: 'fetch', name: portalname!, count, isMove })
}

function bindClose(_context: Context, { portalname }: ClosePortalStmt): Unfinished {
  const tag = portalname === undefined ? 'CLOSE CURSOR ALL' : 'CLOSE CURSOR'
  return done(tag, { kind: 'closeCursor', name: portalname ?? null })
}

function bindDeallocate(_context: Context, { name }: DeallocateStmt): Unfinished {
  const tag = name === undefined ? 'DEALLOCATE ALL' : 'DEALLOCATE'
  return done(tag, { kind: 'deallocate', name: name ?? null })
}

function bindDiscard(_context: Context, { target }: DiscardStmt): Unfinished {
  const tag = (target ?? 'DISCARD_ALL').replace('_', ' ')
  return done(tag, { kind: target === 'DISCARD_ALL' ? 'discard' : 'nothing' })
}

function bindPrepare(context: Context, prepare: PrepareStmt, text: string): Unfinished {
  const { name, argtypes = [] } = prepare
  const types = argtypes.map(
    (tree) => readType(context, (tree as { TypeName: TypeName }).TypeName).type,
  )
  return done('PREPARE', { kind: 'prepare', name: name!, text: afterAs(text), types })
}

/** Comments, quoted names and strings, words, and every other character by itself. */
const TOKENS = /--[^\n]*|\/\*[^]*?\*\/|"(?:[^"]|"")*"|'(?:[^']|'')*'|\w+|[^]/gu

/** The statement behind PREPARE's AS, with blanks before it: positions in it stay what they are. */
function afterAs(text: string): string {
  let depth = 0
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === '(') depth += 1
    if (token === ')') depth -= 1
    if (depth > 0 || token.toLowerCase() !== 'as') continue
    const end = index + token.length
    return ' '.repeat([...text.slice(0, end)].length) + text.slice(end)
  }
  throw new Error('prepare: the grammar has seen AS')
}

function bindExecute(context: Context, { name, params = [] }: ExecuteStmt): Unfinished {
  const scope = openScope(OUTERMOST, NO_FROM)
  const site = { context, scope, clause: clause('EXECUTE parameters'), block: null }
  const bound = params.map((tree) => settle(context, bindExpression(site, tree)))
  return done('EXECUTE', { kind: 'execute', name: name!, arguments: bound })
}

export const SESSION_COMMANDS = {
  VariableSetStmt: bindSet,
  VariableShowStmt: bindShow,
  TransactionStmt: bindTransaction,
  DeclareCursorStmt: bindDeclare,
  FetchStmt: bindFetch,
  ClosePortalStmt: bindClose,
  DeallocateStmt: bindDeallocate,
  DiscardStmt: bindDiscard,
  PrepareStmt: bindPrepare,
  ExecuteStmt: bindExecute,
} as Readonly<Record<string, Binding>>
