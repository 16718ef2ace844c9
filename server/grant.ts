// What whoever asks may do: scopes by database, and until when. A grant is found once a request
// (access.ts) and asked by the route's rule, by listings for what to show, and by long answers whether
// it still holds.

import { OmenError } from '../engine/error.ts'
import { isReserved } from '../engine/reserved.ts'

/** `admin` is both of the others, and the rest. */
export const SCOPES = ['read', 'write', 'admin'] as const

export type Scope = (typeof SCOPES)[number]

/** Scopes by database; `*` is all of them. */
export type Scopes = ReadonlyMap<string, ReadonlySet<Scope>>

/** Stands for every database in scopes. */
export const EVERY_DATABASE = '*'

/**
 * Who may call a route. `open`: everyone. `listing`: whoever has a token; the handler shows what that
 * one sees. `reader`: who may read some database. `read`, `write`, `admin`: who has that scope in the
 * database of the request, which is its parameter `db` unless the route says otherwise. `server`: an
 * admin of all databases.
 */
export type AccessRule = 'open' | 'listing' | 'reader' | Scope | 'server'

/** What a rule asks for, as the API document says it. */
export const RULE_TEXTS: Readonly<Record<AccessRule, string | null>> = {
  open: null,
  listing: 'Any token.',
  reader: 'Token with `read` of some database.',
  read: 'Token with `read` of the database.',
  write: 'Token with `write` of the database.',
  admin: 'Token with `admin` of the database.',
  server: 'Token with `admin` of all databases (`*`).',
}

export interface Grant {
  /** The token's, for logs and limits; null: none was needed. */
  readonly holder: Holder | null
  /** True if this one has the scope in a database, `*` for all. */
  allows(scope: Scope, database: string): boolean
  /** True if there may be some database where this one has the scope. */
  allowsSomewhere(scope: Scope): boolean
  /** Throws `unauthorized` once the token is revoked or over. */
  check(): void
}

/** Whose token it is. */
export interface Holder {
  readonly id: string
  readonly name: string
}

/** Of who may do everything. */
export function fullGrant(holder: Holder | null): Grant {
  return { holder, allows: () => true, allowsSomewhere: () => true, check: () => {} }
}

/** Of who came without a token to a route that is open. */
export const NO_GRANT: Grant = {
  holder: null,
  allows: () => false,
  allowsSomewhere: () => false,
  check: () => {},
}

/** Of a token with scopes; `check` is the grant's. */
export function scopedGrant(holder: Holder, scopes: Scopes, check: () => void): Grant {
  const has = (database: string, scope: Scope): boolean => {
    const own = scopes.get(database)
    return own !== undefined && (own.has(scope) || own.has('admin'))
  }
  return {
    holder,
    allows: (scope, database) => has(EVERY_DATABASE, scope) || has(database, scope),
    allowsSomewhere: (scope) => [...scopes.keys()].some((database) => has(database, scope)),
    check,
  }
}

/** True if this one may know that a database is there. */
export function sees(grant: Grant, database: string): boolean {
  return SCOPES.some((scope) => grant.allows(scope, database))
}

/**
 * Holds a grant against the rule of a route. Throws `forbidden` naming the scope that lacks, before
 * anything shows whether the database exists; and refuses the system's own to everyone.
 */
export function permit(grant: Grant, rule: AccessRule, database: string | undefined): void {
  if (rule === 'open' || rule === 'listing') return
  if (rule === 'reader') {
    if (!grant.allowsSomewhere('read')) throw lacking(grant, 'read', 'a database')
    return
  }
  if (rule === 'server') {
    if (!grant.allows('admin', EVERY_DATABASE)) throw lacking(grant, 'admin', 'all databases (*)')
    return
  }
  if (database === undefined) throw new Error(`a route of ${rule} does not name its database`)
  if (!grant.allows(rule, database)) throw lacking(grant, rule, `database '${database}'`)
  if (isReserved(database)) throw hidden(rule, database)
}

function lacking({ holder }: Grant, scope: Scope, where: string): OmenError {
  const who = holder === null ? 'the request' : `token '${holder.name}'`
  return new OmenError('forbidden', `${who} lacks the scope ${scope} of ${where}`)
}

/** To readers it is not there; the others hear why their name is not to be had. */
function hidden(scope: Scope, database: string): OmenError {
  if (scope === 'read') {
    return new OmenError('not_found', `database '${database}' does not exist`)
  }
  const message = `database '${database}': names that begin with _omendb are the server's own`
  return new OmenError('forbidden', message)
}
