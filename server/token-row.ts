// A token as a row, and where the rows of a server are: in a table of the system's own database, with the
// id as tag, the time when it was made as time, the scopes as JSON text. The edge keeps them elsewhere
// (edge/catalog-rows.ts).

import type { Database } from '../engine/database.ts'
import type { ColumnPoints } from '../engine/ingest/batch.ts'
import { OmenError } from '../engine/error.ts'
import { fieldTypeOf } from '../engine/field.ts'
import type { Answer, AnswerSeries } from '../engine/query/query.ts'
import { SYSTEM_DATABASE } from '../engine/reserved.ts'
import { EVERY_DATABASE, SCOPES, type Scope, type Scopes } from './grant.ts'

/** Everything about a token but its secret. Times are nanoseconds since 1970. */
export interface TokenRow {
  readonly id: string
  readonly name: string
  readonly scopes: Scopes
  readonly createdAt: bigint
  readonly expiresAt: bigint | null
  /** Of the secret: SHA-256 as 64 hexadecimal digits. */
  readonly digest: string
  /** What PostgreSQL's wire checks proofs with (scram-verifier.ts); null: it is not taken there. */
  readonly scram: string | null
}

/** Where the rows of tokens are kept. Every call throws what its storage throws. */
export interface TokenRows {
  read(): Promise<TokenRow[]>
  /** Durable when it resolves. */
  write(rows: readonly TokenRow[]): Promise<void>
  /** Gone for good when it resolves. */
  remove(id: string): Promise<void>
  /**
   * Before a restore, which needs an empty server: takes the rows away if there is nothing else, and
   * says whether there is nothing now.
   */
  makeWay(): Promise<boolean>
}

/** What rows use of a database. */
export type TokenDatabase = Pick<
  Database,
  'batch' | 'query' | 'deleteRows' | 'databases' | 'dropDatabase' | 'tables'
>

/** Their table in the system's database. */
const TOKEN_TABLE = 'tokens'
const INSIDE = { database: SYSTEM_DATABASE, system: true } as const

/** Rows in the system's own database. */
export function databaseTokenRows(db: TokenDatabase): TokenRows {
  const isThere = (): boolean => db.databases({ system: true }).includes(SYSTEM_DATABASE)
  return {
    read: async () => (isThere() ? readTokenRows(db) : []),
    async write(rows) {
      const batch = db.batch(INSIDE)
      try {
        for (const row of rows) batch.points(tokenRow(row))
        await batch.commit('fsync')
      } finally {
        batch.discard()
      }
    },
    async remove(id) {
      await db.deleteRows(TOKEN_TABLE, { ...INSIDE, where: { id } })
    },
    async makeWay() {
      const isEmpty = db.databases().length === 1 && (await db.tables('default')).length === 0
      if (isEmpty && isThere()) await db.dropDatabase(SYSTEM_DATABASE, INSIDE)
      return isEmpty
    },
  }
}

const [STRING, INTEGER] = [fieldTypeOf('string')!, fieldTypeOf('integer')!]

/** The row as points to write. */
function tokenRow(row: TokenRow): ColumnPoints {
  const { name: title, digest, scram } = row
  const texts = {
    ...{ name: title, scopes: formatScopes(row.scopes), digest },
    ...(scram === null ? {} : { scram }),
  }
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
async function readTokenRows(db: Pick<TokenDatabase, 'query'>): Promise<TokenRow[]> {
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
  const scram = valueOf('scram')
  const verifier = typeof scram === 'string' ? scram : null
  return { id, name, scopes: known, createdAt, expiresAt: end, digest, scram: verifier }
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

/** Scopes as text. */
export function formatScopes(scopes: Scopes): string {
  return JSON.stringify(plainScopes(scopes))
}

/** Scopes of a text, null if they are none. */
export function parseScopes(text: string): Scopes | null {
  try {
    const lists = Object.entries(JSON.parse(text) as Record<string, Scope[]>)
    const isKnown = lists.every(([, list]) => list.every((scope) => SCOPES.includes(scope)))
    return isKnown ? new Map(lists.map(([name, list]) => [name, new Set(list)])) : null
  } catch {
    return null
  }
}
