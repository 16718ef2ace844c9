// A token as a row: its id is the tag, its time is when it was made, its scopes are JSON text.

import type { ColumnPoints } from '../engine/ingest/batch.ts'
import { OmenError } from '../engine/error.ts'
import { fieldTypeOf } from '../engine/field.ts'
import type { Answer, AnswerSeries } from '../engine/query/query.ts'
import { SYSTEM_DATABASE } from '../engine/reserved.ts'
import { EVERY_DATABASE, SCOPES, type Scope, type Scopes } from './grant.ts'
import type { TokenDatabase } from './token-store.ts'

/** Everything about a token but its secret. Times are nanoseconds since 1970. */
export interface TokenRow {
  readonly id: string
  readonly name: string
  readonly scopes: Scopes
  readonly createdAt: bigint
  readonly expiresAt: bigint | null
  /** Of the secret: SHA-256 as 64 hexadecimal digits. */
  readonly digest: string
}

/** Its table in the system's database. */
export const TOKEN_TABLE = 'tokens'

const [STRING, INTEGER] = [fieldTypeOf('string')!, fieldTypeOf('integer')!]

/** The row as points to write. */
export function tokenRow(row: TokenRow): ColumnPoints {
  const texts = { name: row.name, scopes: formatScopes(row.scopes), digest: row.digest }
  const fields: ColumnPoints['fields'] = Object.entries(texts).map(([name, text]) => {
    return { name, type: STRING, values: [text], valid: null, declared: true }
  })
  if (row.expiresAt !== null) {
    const values = BigInt64Array.of(row.expiresAt)
    fields.push({ name: 'expiresAt', type: INTEGER, values, valid: null, declared: true })
  }
  return {
    table: TOKEN_TABLE,
    tags: new Map([['id', row.id]]),
    times: BigInt64Array.of(row.createdAt),
    fields,
  }
}

/** All rows that are stored. Throws `corrupt` for one that is no token, and what a query throws. */
export async function readTokenRows(db: Pick<TokenDatabase, 'query'>): Promise<TokenRow[]> {
  const answer = await queryTokens(db)
  if (answer === null) return []
  const names = answer.columns.slice(1).map(({ name }) => name)
  return answer.series.flatMap((series) =>
    Array.from(series.time, (createdAt, row) => readRow(series, names, row, createdAt)),
  )
}

async function queryTokens(db: Pick<TokenDatabase, 'query'>): Promise<Answer | null> {
  try {
    return await db.query({ table: TOKEN_TABLE }, { database: SYSTEM_DATABASE })
  } catch (error) {
    if (error instanceof OmenError && error.code === 'not_found') return null
    throw error
  }
}

function readRow(
  { tags, fields }: AnswerSeries,
  names: readonly string[],
  row: number,
  createdAt: bigint,
): TokenRow {
  const valueOf = (name: string): string | number | bigint | null => {
    const vector = fields[names.indexOf(name)]
    if (vector === undefined || vector.valid?.[row] === 0) return null
    return vector.values[row] ?? null
  }
  const id = tags.get('id')
  const [name, digest, scopes] = [valueOf('name'), valueOf('digest'), valueOf('scopes')]
  const expiresAt = valueOf('expiresAt')
  const isToken =
    typeof id === 'string' &&
    typeof name === 'string' &&
    typeof scopes === 'string' &&
    typeof digest === 'string' &&
    /^[0-9a-f]{64}$/.test(digest)
  const known = isToken ? parseScopes(scopes) : null
  if (!isToken || known === null) {
    throw new OmenError('corrupt', `tokens: row '${String(id)}' is no token`)
  }
  const end = typeof expiresAt === 'bigint' ? expiresAt : null
  return { id, name, scopes: known, createdAt, expiresAt: end, digest }
}

/** Scopes as JSON has them: databases in byte order, `*` first. */
export function plainScopes(scopes: Scopes): Record<string, Scope[]> {
  const names = [...scopes.keys()].sort()
  const first = names.filter((name) => name === EVERY_DATABASE)
  const entries = [...new Set([...first, ...names])].map((name): [string, Scope[]] => {
    const own = scopes.get(name)!
    return [name, SCOPES.filter((scope) => own.has(scope))]
  })
  return Object.fromEntries(entries)
}

function formatScopes(scopes: Scopes): string {
  return JSON.stringify(plainScopes(scopes))
}

function parseScopes(text: string): Scopes | null {
  try {
    const lists = Object.entries(JSON.parse(text) as Record<string, Scope[]>)
    const isKnown = lists.every(([, list]) => list.every((scope) => SCOPES.includes(scope)))
    return isKnown ? new Map(lists.map(([name, list]) => [name, new Set(list)])) : null
  } catch {
    return null
  }
}
