// Who asks, as an isolate of the Worker finds out: the admin of the environment by its digest, everybody
// else by the catalog's word, which is trusted for some seconds. So a token that was revoked lives on for
// that long where it was used just before; one that has expired does not, because its end is known.

import { neonToken } from '../neon.ts'
import { refuseForeign } from '../access.ts'
import { OmenError } from '../../engine/error.ts'
import type { Holder, Scope } from '../grant.ts'
import { bearerToken, digestOf, influxToken, isSameDigest, type Credentials } from '../tokens.ts'
import { CATALOG_NAME, type Identified } from './catalog-stub.ts'
import { edgeOptions, type EdgeEnv, wallClock } from './environment.ts'
import { TRUST_MS } from './revocations.ts'

/** Tokens, known and unknown ones, that an isolate remembers. */
const REMEMBERED_MAX = 10_000

/** The name under which OMENDB_TOKEN stands in logs and limits. */
const ADMIN: Holder = { id: 'OMENDB_TOKEN', name: 'OMENDB_TOKEN' }

/** The part of a verdict that is about who asks. */
export interface Asker {
  readonly holder: Holder | null
  readonly scopes: Readonly<Record<string, readonly Scope[]>> | null
  readonly expiresAt: string | null
}

interface Remembered {
  readonly identified: Identified
  readonly at: number
}

export class Askers {
  private readonly env: EdgeEnv
  private readonly corsOrigins: readonly string[]
  private adminDigest: string | null = null
  private readonly remembered = new Map<string, Remembered>()

  constructor(env: EdgeEnv) {
    this.env = env
    this.corsOrigins = edgeOptions(env).corsOrigins ?? []
  }

  /** Who asks. Rejects with `unauthorized`, `forbidden`, or `unavailable` if the catalog is. */
  async identify(request: Request, credentials: Credentials): Promise<Asker> {
    for (const given of givenTokens(request, credentials)) {
      const digest = await digestOf(given)
      if (await this.isAdmin(digest)) return { holder: ADMIN, scopes: null, expiresAt: null }
      const { token } = await this.ask(digest)
      if (token === null) continue
      const { id, name, scopes, expiresAt } = token
      if (expiresAt !== null && BigInt(expiresAt) <= wallClock()) {
        throw new OmenError('unauthorized', `token '${name}' has expired`)
      }
      return { holder: { id, name }, scopes, expiresAt }
    }
    if (await this.isAsking()) {
      const message = 'a valid token is needed: Authorization: Bearer TOKEN'
      throw new OmenError('unauthorized', message)
    }
    this.refuseForeign(request)
    return { holder: null, scopes: null, expiresAt: null }
  }

  /** What is asked of requests that need no token. Rejects with `forbidden`. */
  async admit(request: Request): Promise<void> {
    if (!(await this.isAsking())) this.refuseForeign(request)
  }

  /** Asks the catalog again from now on. */
  forget(): void {
    this.remembered.clear()
  }

  private async isAdmin(digest: string): Promise<boolean> {
    const { OMENDB_TOKEN: token } = this.env
    if (!token) return false
    this.adminDigest ??= await digestOf(token)
    return isSameDigest(this.adminDigest, digest)
  }

  private async isAsking(): Promise<boolean> {
    return Boolean(this.env.OMENDB_TOKEN) || (await this.ask(null)).isAsking
  }

  private async ask(digest: string | null): Promise<Identified> {
    const key = digest ?? ''
    const known = this.remembered.get(key)
    if (known !== undefined && Date.now() - known.at < TRUST_MS) return known.identified
    const at = Date.now()
    const identified = await this.env.CATALOG.getByName(CATALOG_NAME).identify(digest)
    if (this.remembered.size >= REMEMBERED_MAX) this.remembered.clear()
    this.remembered.set(key, { identified, at })
    return identified
  }

  private refuseForeign(request: Request): void {
    try {
      refuseForeign(request, this.corsOrigins)
    } catch (error) {
      if (!(error instanceof OmenError)) throw error
      const message = `${error.message} (npx wrangler secret put OMENDB_TOKEN)`
      throw new OmenError(error.code, message)
    }
  }
}

function givenTokens(request: Request, credentials: Credentials): string[] {
  const authorization = request.headers.get('authorization')
  if (credentials === 'influx1') {
    return influxToken(authorization, new URL(request.url).searchParams.get('p'))
  }
  const connection = request.headers.get('neon-connection-string') ?? undefined
  const token =
    bearerToken(authorization) ?? (credentials === 'neon' ? neonToken(connection) : null)
  return token === null ? [] : [token]
}
