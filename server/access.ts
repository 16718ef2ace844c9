// Who may do what. With a token, every request but the open ones must carry it. Without one, the
// server is for this machine alone: a Host that is not loopback (DNS rebinding) and a foreign
// Origin (a web page's request) are refused, on every route.

import { OmenError } from '../engine/error.ts'
import { hostName, isLoopback } from './config.ts'
import type { ServerContext } from './endpoint.ts'
import { bearerToken, createTokenCheck, influxToken, type TokenCheck } from './tokens.ts'

/** `open`: no token. `token`: Bearer or Token. `influx1`: also Basic and `p`. */
export type AccessRule = 'open' | 'token' | 'influx1'

export interface AccessOptions {
  /** The admin token; empty or absent = none. */
  readonly token?: string | undefined
  /** Serves any Host without a token. */
  readonly insecure?: boolean | undefined
}

/** Decides about requests. */
export interface Access {
  /** Throws `unauthorized` or `forbidden`, or rejects with it; without a token nothing is waited for. */
  check(c: ServerContext, rule: AccessRule): Promise<void> | undefined
}

export function createAccess({ token, insecure }: AccessOptions): Access {
  const checkToken = token ? createTokenCheck(token) : null
  if (checkToken === null) return { check: createHostCheck(insecure ?? false) }
  return {
    check: (c, rule) => (rule === 'open' ? undefined : refuseOtherTokens(c, rule, checkToken)),
  }
}

async function refuseOtherTokens(
  c: ServerContext,
  rule: AccessRule,
  checkToken: TokenCheck,
): Promise<void> {
  for (const given of givenTokens(c, rule)) {
    if (await checkToken(given)) return
  }
  throw new OmenError('unauthorized', 'a valid token is needed: Authorization: Bearer TOKEN')
}

/** Without a token. What passed last most likely comes again, and is not looked at twice. */
function createHostCheck(insecure: boolean): Access['check'] {
  let passed = { host: '', authority: '' }
  return (c) => {
    const authority = authorityOf(c.req.url)
    const host = c.req.header('host') ?? authority
    if (!insecure && (host !== passed.host || authority !== passed.authority)) {
      refuseForeignHost(host, authority)
      passed = { host, authority }
    }
    refuseForeignOrigin(c.req.header('origin'), host)
    return undefined
  }
}

function givenTokens(c: ServerContext, rule: AccessRule): string[] {
  const authorization = c.req.header('authorization') ?? null
  if (rule === 'influx1') return influxToken(authorization, c.req.query('p') ?? null)
  const token = bearerToken(authorization)
  return token === null ? [] : [token]
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

function refuseForeignOrigin(origin: string | undefined, own: string): void {
  if (origin === undefined) return
  if (authorityOf(origin).toLowerCase() === own.toLowerCase()) return
  throw new OmenError('forbidden', `origin ${origin}: without a token, pages of others are refused`)
}
