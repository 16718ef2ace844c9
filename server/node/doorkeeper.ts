// Who may come over PostgreSQL's wire: the tokens of the server, as passwords of any user. A token that
// was made before tokens had verifiers is not among them; it has to be made anew.

import { fullGrant, SCOPES, type Grant } from '../grant.ts'
import type { Account, Doorkeeper } from '../postgres/connection.ts'
import { readVerifier, SCRAM_SALT, verifierOf, type ScramVerifier } from '../scram-verifier.ts'
import type { TokenStore } from '../token-store.ts'

/** Null while there is no token: everybody who can connect may do everything. */
export type FindDoorkeeper = () => Doorkeeper | null

/** `token` is that of the environment. */
export async function doorkeeperOf(
  tokens: TokenStore,
  token: string | undefined,
): Promise<FindDoorkeeper> {
  const admin =
    token === undefined ? [] : [account(fullGrant(null), await verifierOf(token, SCRAM_SALT))]
  return () => {
    if (tokens.size === 0 && admin.length === 0) return null
    return { ...SCRAM_SALT, accounts: (user) => [...admin, ...accountsOf(tokens, user)] }
  }
}

function accountsOf(tokens: TokenStore, user: string): Account[] {
  const rows = tokens.list().filter(({ scram }) => scram !== null)
  const first = rows.filter(({ name }) => name === user)
  const others = rows.filter(({ name }) => name !== user)
  return [...first, ...others].flatMap(({ digest, scram }) => {
    const [verifier, grant] = [readVerifier(scram!), tokens.find(digest)]
    return verifier === null || grant === null ? [] : [account(grant, verifier)]
  })
}

function account(grant: Grant, verifier: ScramVerifier): Account {
  return {
    verifier,
    access: (database) => new Set(SCOPES.filter((scope) => grant.allows(scope, database))),
    check: () => grant.check(),
  }
}
