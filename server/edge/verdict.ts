// What the router found out about who asks, on its way to the object that answers. It travels in a
// header that the router sets on every request it forwards, whatever was there before; objects can be
// reached through the bindings of this Worker alone, so nobody else can set it. It opens one database:
// an object that is asked about another one refuses.

import { OmenError } from '../../engine/error.ts'
import type { Access } from '../access.ts'
import {
  EVERY_DATABASE,
  fullGrant,
  NO_GRANT,
  type Grant,
  type Holder,
  type Scope,
  scopedGrant,
} from '../grant.ts'

/** The header's name. */
export const VERDICT_HEADER = 'OmenDB-Verdict'

/** Who asks, and what for. */
export interface Verdict {
  /** The database of the request; null: the catalog. */
  readonly database: string | null
  /** Of the map by which the object was chosen. */
  readonly epoch: number
  /** Whose token it is; null: none was needed. */
  readonly holder: Holder | null
  /** Scopes by database, `*` for all; null: everything is allowed. */
  readonly scopes: Readonly<Record<string, readonly Scope[]>> | null
  /** Nanoseconds since 1970, as text; null: the token does not end. */
  readonly expiresAt: string | null
}

/** The value of the header: ASCII, whatever the names are. */
export function encodeVerdict(verdict: Verdict): string {
  return encodeURIComponent(JSON.stringify(verdict))
}

/** The verdict of a forwarded request. Throws `forbidden` for one that the router did not send. */
export function readVerdict(headers: Headers): Verdict {
  const text = headers.get(VERDICT_HEADER)
  if (text === null) {
    throw new OmenError('forbidden', 'the request did not come by way of the router')
  }
  return JSON.parse(decodeURIComponent(text)) as Verdict
}

/**
 * What the verdict allows, in its own database and (`*`) beyond databases. `check` is asked by long
 * answers: it throws once the token is revoked.
 */
export function grantOf(verdict: Verdict, now: () => bigint, check: () => void = () => {}): Grant {
  const { holder, scopes, expiresAt } = verdict
  const end = expiresAt === null ? null : BigInt(expiresAt)
  const isOver = (): void => {
    if (end !== null && end <= now()) {
      throw new OmenError('unauthorized', `token '${holder?.name ?? ''}' has expired`)
    }
    check()
  }
  if (scopes === null || holder === null) return confine(fullGrant(holder), verdict.database)
  const known = Object.entries(scopes).map(([name, list]) => [name, new Set(list)] as const)
  return confine(scopedGrant(holder, new Map(known), isOver), verdict.database)
}

/** Access of an object's app: what the verdict of each request says. */
export function verdictAccess(now: () => bigint, check?: (verdict: Verdict) => void): Access {
  return {
    identify(c) {
      const verdict = readVerdict(c.req.raw.headers)
      return grantOf(verdict, now, () => check?.(verdict))
    },
    identifyOpen: () => NO_GRANT,
  }
}

/** The same grant in one database; in all, if that is null. */
function confine(grant: Grant, database: string | null): Grant {
  if (database === null) return grant
  const isHere = (name: string): boolean => name === database || name === EVERY_DATABASE
  return { ...grant, allows: (scope, name) => isHere(name) && grant.allows(scope, name) }
}
