// Who may do what. With a token, every request but the open ones must carry it. Without one, the
// server is for this machine alone: a Host that is not loopback (DNS rebinding) and a foreign
// Origin (a web page's request) are refused, on every route.

import { OmenError } from '../engine/error.ts'
import { hostName, isLoopback } from './config.ts'
import type { ServerContext } from './endpoint.ts'
import { bearerToken, createTokenCheck, influxToken } from './tokens.ts'

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
  /** Throws `unauthorized` or `forbidden`. */
  check(c: ServerContext, rule: AccessRule): Promise<void>
}

export function createAccess({ token, insecure }: AccessOptions): Access {
  const checkToken = token ? createTokenCheck(token) : null
  return {
    async check(c, rule) {
      if (checkToken === null) {
        if (!insecure) refuseForeignHost(c)
        refuseForeignOrigin(c)
        return
      }
      if (rule === 'open') return
      for (const given of givenTokens(c, rule)) {
        if (await checkToken(given)) return
      }
      throw new OmenError('unauthorized', 'a valid token is needed: Authorization: Bearer TOKEN')
    },
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

function refuseForeignHost(c: ServerContext): void {
  const authority = authorityOf(c.req.url)
  for (const host of [c.req.header('host') ?? authority, authority]) {
    if (isLoopback(hostName(host))) continue
    throw new OmenError(
      'forbidden',
      `host ${hostName(host)}: without a token only this machine is served; set OMENDB_TOKEN`,
    )
  }
}

function refuseForeignOrigin(c: ServerContext): void {
  const origin = c.req.header('origin')
  if (origin === undefined) return
  const own = c.req.header('host') ?? authorityOf(c.req.url)
  if (authorityOf(origin).toLowerCase() === own.toLowerCase()) return
  throw new OmenError('forbidden', `origin ${origin}: without a token, pages of others are refused`)
}
