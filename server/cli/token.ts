// `omendb token`: makes, lists and revokes tokens, of a server or in a directory that none uses.

import { readError } from '../../client/error.ts'
import { EVERY_DATABASE, SCOPES, type Scope } from '../grant.ts'
import { defineCommand } from './command.ts'
import { connect, CONNECTION_FLAGS, type Connection } from './connection.ts'
import { oneOf, type Given } from './flags.ts'
import { print, printable, UsageError, warn, type Terminal } from './terminal.ts'
import { textTable } from './text-table.ts'

const { url, token, data } = CONNECTION_FLAGS

const TOKEN_FLAGS = {
  admin: { help: 'create: it may do everything, in all databases' },
  scopes: { value: 'LIST', help: 'create: DATABASE:SCOPE,… of read, write, admin; * = all' },
  expires: { value: 'TIME', help: 'create: when it ends: 90d, 2027-01-01, RFC 3339' },
  json: { help: 'print the answer of the server as it is' },
  ...{ url, token, data },
} as const

type TokenFlags = Given<typeof TOKEN_FLAGS>

export const tokenCommand = defineCommand({
  name: 'token',
  operands: 'create NAME|list|revoke ID',
  operandCount: [1, 2],
  summary: 'make, list and revoke tokens',
  example: 'omendb token create telegraf --scopes metrics:write --expires 90d',
  notes: [
    'create prints the secret, once: the server keeps only its SHA-256. list has no secrets.',
    'From the first token on every request needs one; that one has to be --admin and not to expire.',
    'With --data it needs no token, so that who has lost all of them gets in again.',
  ],
  flags: TOKEN_FLAGS,
  async run({ flags, positionals: [what = '', operand] }, terminal) {
    const action = oneOf(what, 'token', ['create', 'list', 'revoke'])
    const isAlone = action === 'list'
    if (isAlone && operand !== undefined) throw new UsageError('token list takes no operand')
    if (!isAlone && operand === undefined) {
      throw new UsageError(`token ${action} takes ${action === 'create' ? 'NAME' : 'ID'}`)
    }
    const body = action === 'create' ? readWish(operand!, flags) : null
    const access = action === 'create' ? 'write' : 'read'
    const connection = await connect({ ...flags, db: undefined }, terminal, access)
    try {
      if (action === 'list') await list(connection, flags, terminal)
      else if (action === 'revoke') await revoke(connection, operand!, terminal)
      else await create(connection, body, flags, terminal)
    } finally {
      await connection.close()
    }
  },
})

interface Listed {
  readonly id: string
  readonly name: string
  readonly scopes: Readonly<Record<string, readonly Scope[]>>
  readonly createdAt: string
  readonly expiresAt: string | null
}

/** What is asked of the server. `90d` means in ninety days. */
function readWish(name: string, { admin, scopes, expires }: TokenFlags) {
  if ((admin === true) === (scopes !== undefined)) {
    throw new UsageError('token create needs --admin or --scopes DATABASE:SCOPE,…')
  }
  const expiresAt =
    expires !== undefined && /^\d+[a-z]+$/.test(expires) ? `now+${expires}` : expires
  return {
    name,
    scopes: scopes === undefined ? { [EVERY_DATABASE]: ['admin'] } : readScopes(scopes),
    expiresAt: expiresAt ?? null,
  }
}

/** `metrics:read,metrics:write,*:read` → lists by database. */
function readScopes(text: string): Record<string, Scope[]> {
  const scopes = new Map<string, Set<Scope>>()
  for (const entry of text.split(',')) {
    const colon = entry.lastIndexOf(':')
    if (colon < 1) throw new UsageError(`--scopes ${entry}: DATABASE:SCOPE is needed`)
    const database = entry.slice(0, colon)
    const scope = oneOf(entry.slice(colon + 1), `--scopes ${database}:`, SCOPES)
    scopes.set(database, (scopes.get(database) ?? new Set()).add(scope))
  }
  return Object.fromEntries(Array.from(scopes, ([database, own]) => [database, [...own]]))
}

async function create(
  { request }: Connection,
  body: object | null,
  { json }: TokenFlags,
  terminal: Terminal,
): Promise<void> {
  const answer = await request('/v1/tokens?time=rfc3339', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw await readError(answer, Date.now())
  const text = await answer.text()
  const made = JSON.parse(text) as Listed & { token: string }
  await print(terminal.stdout, `${json === true ? text : made.token}\n`)
  warn(terminal, `token ${made.id} (${printable(made.name)}): keep it, it is not shown again`)
}

async function list({ request }: Connection, { json }: TokenFlags, terminal: Terminal) {
  const answer = await request('/v1/tokens?time=rfc3339')
  if (!answer.ok) throw await readError(answer, Date.now())
  const text = await answer.text()
  if (json === true) return print(terminal.stdout, `${text}\n`)
  const { tokens } = JSON.parse(text) as { tokens: Listed[] }
  const rows = tokens.map(({ id, name, scopes, createdAt, expiresAt }) => [
    ...[id, name, formatScopes(scopes)],
    ...[createdAt.slice(0, 16), expiresAt?.slice(0, 16) ?? 'never'],
  ])
  const columns = ['id', 'name', 'scopes', 'created', 'expires'].map((column) => {
    return { name: column, isNumber: false }
  })
  for (const line of textTable(columns, rows)) await print(terminal.stdout, `${line}\n`)
}

function formatScopes(scopes: Listed['scopes']): string {
  const pairs = Object.entries(scopes).flatMap(([database, own]) =>
    own.map((scope) => `${database}:${scope}`),
  )
  return pairs.join(',')
}

async function revoke({ request }: Connection, id: string, terminal: Terminal): Promise<void> {
  const answer = await request(`/v1/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' })
  if (!answer.ok) throw await readError(answer, Date.now())
  await print(terminal.stdout, `revoked ${printable(id)}\n`)
}
