// The tokens that a server gives out. They are rows, by default of a table in the system's own database,
// written with an fsync and deleted like any others, so they survive what points survive and are in every
// backup; all of them are in memory too, found by the digest of their secret, which is kept nowhere.

import { OmenError } from '../engine/error.ts'
import { EVERY_DATABASE, scopedGrant, type Grant, type Scopes } from './grant.ts'
import { makeVerifier } from './scram-verifier.ts'
import type { TokenRow, TokenRows } from './token-row.ts'
import { digestOf, hexadecimal, isSameDigest } from './tokens.ts'

/** A token as its holder asked for it. Times are nanoseconds since 1970; null: it does not end. */
export interface TokenWish {
  readonly name: string
  readonly scopes: Scopes
  readonly expiresAt: bigint | null
}

/** Tokens that one server keeps. */
export const TOKENS_MAX = 10_000

const SECRET_BYTES = 32
const ID_BYTES = 8

interface Entry {
  readonly row: TokenRow
  readonly grant: Grant
  /** Its secret opens nothing any more; it may still be on the disk. */
  isRevoked: boolean
}

export interface TokenStoreOptions {
  /** Nanoseconds since 1970. */
  readonly now: () => bigint
  /** There is an admin whom no revocation takes away. */
  readonly hasAdmin: boolean
}

export class TokenStore {
  private readonly rows: TokenRows
  private readonly options: TokenStoreOptions
  private readonly byId = new Map<string, Entry>()
  private readonly byDigest = new Map<string, Entry>()
  private loading: Promise<void> | null = null
  private loaded = false
  /** Changes come one after the other. */
  private turn: Promise<unknown> = Promise.resolve()

  constructor(rows: TokenRows, options: TokenStoreOptions) {
    this.rows = rows
    this.options = options
  }

  /** Whether `load` has resolved. */
  get isLoaded(): boolean {
    return this.loaded
  }

  get size(): number {
    return this.byId.size
  }

  /** Reads the tokens, once; one that failed is tried again. Throws what a query throws. */
  load(): Promise<void> {
    this.loading ??= this.read().catch((error: unknown) => {
      this.loading = null
      throw error
    })
    return this.loading
  }

  /** What the holder of a secret with this digest may do, null if there is none. It may be over: check it. */
  find(digest: string): Grant | null {
    const entry = this.byDigest.get(digest)
    if (entry === undefined || entry.isRevoked) return null
    return isSameDigest(entry.row.digest, digest) ? entry.grant : null
  }

  /** The token of a secret with this digest, null if there is none. It may be over. */
  lookUp(digest: string): TokenRow | null {
    return this.find(digest) === null ? null : this.byDigest.get(digest)!.row
  }

  /** Whether there is a token with this id. It may be over. */
  has(id: string): boolean {
    return this.byId.get(id)?.isRevoked === false
  }

  /** By name, then time. */
  list(): TokenRow[] {
    const rows = Array.from(this.byId.values(), ({ row }) => row)
    return rows.sort((a, b) => compare(a.name, b.name) || compare(a.createdAt, b.createdAt))
  }

  /** Throws `not_found`. */
  get(id: string): TokenRow {
    return this.entry(id).row
  }

  /**
   * Makes a token; its secret is in the answer and nowhere else. Durable when it resolves. Throws
   * `conflict` if nobody could make others then, `limit_exceeded`, and what a write throws.
   */
  create(wish: TokenWish): Promise<{ row: TokenRow; secret: string }> {
    return this.exclusive(async () => {
      this.refuseLockout(wish)
      if (this.size >= TOKENS_MAX) {
        throw new OmenError('limit_exceeded', `tokens: there are ${TOKENS_MAX} already`)
      }
      const secret = `omen_${base64url(randomBytes(SECRET_BYTES))}`
      const createdAt = (this.options.now() / 1_000_000n) * 1_000_000n
      const [digest, scram] = await Promise.all([digestOf(secret), makeVerifier(secret)])
      const row = { ...wish, id: hexadecimal(randomBytes(ID_BYTES)), createdAt, digest, scram }
      await this.rows.write([row])
      this.add(row)
      return { row, secret }
    })
  }

  /**
   * Ends a token: it opens nothing from the call on, and is gone for good when this resolves. Throws
   * `not_found`, `conflict` for the last admin, and what a delete throws: it opens nothing then either,
   * until a restart; revoke it again.
   */
  async revoke(id: string): Promise<void> {
    const entry = this.entry(id)
    if (!entry.isRevoked) this.refuseLastAdmin(entry)
    entry.isRevoked = true
    await this.exclusive(async () => {
      if (!this.byId.has(id)) throw unknownToken(id)
      await this.rows.remove(id)
      this.remove(entry)
    })
  }

  /**
   * Runs a restore, which needs an empty server: the tokens make way for those of the backup, and are
   * there again if it fails. The one that asked for it stays in any case.
   */
  restore<T>(asker: string | null, run: () => Promise<T>): Promise<T> {
    return this.exclusive(async () => {
      const before = Array.from(this.byId.values(), ({ row }) => row)
      const isEmpty = await this.rows.makeWay()
      try {
        const result = await run()
        await this.keep(asker)
        return result
      } catch (error) {
        if (isEmpty && before.length > 0 && this.size === before.length) {
          await this.rows.write(before)
        }
        throw error
      }
    })
  }

  /** Reads the tokens again, and makes sure that one of those of before is among them. */
  private async keep(id: string | null): Promise<void> {
    const kept = id === null ? undefined : this.byId.get(id)?.row
    await this.read()
    if (kept === undefined || this.byId.has(kept.id)) return
    await this.rows.write([kept])
    this.add(kept)
  }

  private entry(id: string): Entry {
    const entry = this.byId.get(id)
    if (entry === undefined) throw unknownToken(id)
    return entry
  }

  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work)
    this.turn = done.catch(() => {})
    return done
  }

  private async read(): Promise<void> {
    const rows = await this.rows.read()
    this.byId.clear()
    this.byDigest.clear()
    for (const row of rows) this.add(row)
    this.loaded = true
  }

  private add(row: TokenRow): void {
    const { id, name, scopes } = row
    const entry: Entry = {
      row,
      grant: scopedGrant({ id, name }, scopes, () => this.checkEntry(entry)),
      isRevoked: false,
    }
    this.byId.set(id, entry)
    this.byDigest.set(row.digest, entry)
  }

  private remove({ row }: Entry): void {
    this.byId.delete(row.id)
    this.byDigest.delete(row.digest)
  }

  private checkEntry(entry: Entry): void {
    const { name, expiresAt } = entry.row
    // After a restore another entry may stand for the same token, or none.
    if (entry.isRevoked || !this.byId.has(entry.row.id)) {
      throw new OmenError('unauthorized', `token '${name}' was revoked`)
    }
    if (expiresAt !== null && expiresAt <= this.options.now()) {
      throw new OmenError('unauthorized', `token '${name}' has expired`)
    }
  }

  /** With the first token the server asks everybody for one: somebody has to be able to make more. */
  private refuseLockout({ scopes, expiresAt }: TokenWish): void {
    if (this.options.hasAdmin || this.size > 0) return
    if (isAdmin(scopes) && expiresAt === null) return
    const wanted = 'an admin of all databases that does not expire, {"*":["admin"]}'
    throw new OmenError('conflict', `tokens: the first one has to be ${wanted}`)
  }

  private refuseLastAdmin({ row }: Entry): void {
    if (this.options.hasAdmin || !isLasting(row)) return
    const others = [...this.byId.values()].filter((one) => !one.isRevoked && isLasting(one.row))
    if (others.length > 1) return
    const advice = 'make another one first, or start the server with OMENDB_TOKEN'
    throw new OmenError('conflict', `token '${row.name}' is the last admin: ${advice}`)
  }
}

function isAdmin(scopes: Scopes): boolean {
  return scopes.get(EVERY_DATABASE)?.has('admin') ?? false
}

const isLasting = ({ scopes, expiresAt }: TokenRow): boolean =>
  isAdmin(scopes) && expiresAt === null

function unknownToken(id: string): OmenError {
  return new OmenError('not_found', `token '${id.slice(0, 100)}' does not exist`)
}

function compare<T extends string | bigint>(a: T, b: T): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

const randomBytes = (size: number): Uint8Array => crypto.getRandomValues(new Uint8Array(size))

function base64url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}
