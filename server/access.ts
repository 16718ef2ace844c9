// Who asks. With a token, given at the start or made since, every request but the open ones must carry
// one, and may do what its scopes say (grant.ts). Without any, the server is for this machine alone: a
// Host that is not loopback (DNS rebinding) and a foreign Origin (a web page's request) are refused, on
// every route.

import { OmenError } from '../engine/error.ts'
import { hostName, isLoopback } from './config.ts'
import type { ServerContext } from './endpoint.ts'
import { fullGrant, NO_GRANT, type Grant } from './grant.ts'
import { neonToken } from './neon.ts'
import type { TokenStore } from './token-store.ts'
import { bearerToken, digestOf, influxToken, isSameDigest, type Credentials } from './tokens.ts'

export interface AccessOptions {
  /** The admin token of the environment; empty or absent = none. */
  readonly token?: string | undefined
  /** Serves any Host without a token. */
  readonly insecure?: boolean | undefined
  /** Whoever calls owns the data: nobody is asked for anything. */
  readonly trusted?: boolean | undefined
  /** Pages that may call, by origin; `*` = all, of a server with tokens. */
  readonly corsOrigins?: readonly string[] | undefined
}

/** Decides about requests. */
export interface Access {
  /**
   * What whoever asks may do. Throws or rejects with `unauthorized` or `forbidden`; without tokens
   * nothing is waited for.
   */
  identify(c: ServerContext, credentials: Credentials): Grant | Promise<Grant>
  /** The same on a route that is open to all. */
  identifyOpen(c: ServerContext): Grant
}

const EVERYBODY = fullGrant(null)

export function createAccess(options: AccessOptions, store: TokenStore): Access {
  const { trusted = false } = options
  const admin = options.token ? createAdmin(options.token) : null
  const checkHost = createHostCheck(options)
  const isAsking = (): boolean => admin !== null || store.size > 0
  const identify = (c: ServerContext, credentials: Credentials): Grant | Promise<Grant> => {
    if (trusted) return EVERYBODY
    if (isAsking()) return identifyToken(c, credentials, admin, store)
    checkHost(c)
    return EVERYBODY
  }
  return {
    identify: (c, credentials) => {
      if (store.isLoaded) return identify(c, credentials)
      return store.load().then(() => identify(c, credentials))
    },
    identifyOpen: (c) => {
      if (!trusted && !isAsking()) checkHost(c)
      return NO_GRANT
    },
  }
}

/** Finds the admin of the environment. */
type AdminCheck = (digest: string) => Promise<Grant | null>

/** The name under which OMENDB_TOKEN stands in logs and limits. */
export const ADMIN_NAME = 'OMENDB_TOKEN'

function createAdmin(token: string): AdminCheck {
  const grant = fullGrant({ id: ADMIN_NAME, name: ADMIN_NAME })
  let expected: Promise<string> | null = null
  return async (digest) => {
    expected ??= digestOf(token)
    return isSameDigest(await expected, digest) ? grant : null
  }
}

async function identifyToken(
  c: ServerContext,
  credentials: Credentials,
  admin: AdminCheck | null,
  store: TokenStore,
): Promise<Grant> {
  for (const given of givenTokens(c, credentials)) {
    const digest = await digestOf(given)
    const grant = (await admin?.(digest)) ?? store.find(digest)
    grant?.check()
    if (grant) return grant
  }
  throw new OmenError('unauthorized', 'a valid token is needed: Authorization: Bearer TOKEN')
}

function givenTokens(c: ServerContext, credentials: Credentials): string[] {
  const authorization = c.req.header('authorization') ?? null
  if (credentials === 'influx1') return influxToken(authorization, c.req.query('p') ?? null)
  const token =
    bearerToken(authorization) ??
    (credentials === 'neon' ? neonToken(c.req.header('neon-connection-string')) : null)
  return token === null ? [] : [token]
}

/** Without a token. What passed last most likely comes again, and is not looked at twice. */
function createHostCheck({
  insecure = false,
  corsOrigins = [],
}: AccessOptions): (c: ServerContext) => void {
  let passed = { host: '', authority: '' }
  return (c) => {
    const authority = authorityOf(c.req.url)
    const host = c.req.header('host') ?? authority
    if (!insecure && (host !== passed.host || authority !== passed.authority)) {
      refuseForeignHost(host, authority)
      passed = { host, authority }
    }
    refuseForeignOrigin(c.req.header('origin'), host, corsOrigins)
  }
}

/**
 * What a server without a token checks of every request: that it is for this machine, and of none of the
 * web's pages but those of `corsOrigins`. Throws `forbidden`.
 */
export function refuseForeign(request: Request, corsOrigins: readonly string[]): void {
  const authority = authorityOf(request.url)
  const host = request.headers.get('host') ?? authority
  refuseForeignHost(host, authority)
  refuseForeignOrigin(request.headers.get('origin') ?? undefined, host, corsOrigins)
}

/** Host and port of a URL, as a Host header has them. */
function authorityOf(url: string): string {
  return /^\w+:\/\/([^/?#]*)/.exec(url)?.[1] ?? ''
}

function refuseForeignHost(...hosts: string[]): void {
  for (const host of hosts) {
    if (isLoopback(hostName(host))) continue
    throw new OmenError(
      'forbidden',
      `host ${hostName(host)}: without a token only this machine is served; set OMENDB_TOKEN`,
    )
  }
}

function refuseForeignOrigin(
  origin: string | undefined,
  own: string,
  corsOrigins: readonly string[],
): void {
  // Only by name: `*` would let every page on the web have what lies on this machine.
  if (origin === undefined || corsOrigins.includes(origin)) return
  if (authorityOf(origin).toLowerCase() === own.toLowerCase()) return
  throw new OmenError('forbidden', `origin ${origin}: without a token, pages of others are refused`)
}
