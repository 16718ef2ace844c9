// SCRAM-SHA-256, the server's side of an exchange; what is kept of tokens is in ../scram-verifier.ts.
// Sources: RFC 5802, RFC 7677; PostgreSQL 18, section "SASL Authentication".

import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { SqlError } from '../../sql/sql-error.ts'
import type { ScramSalt, ScramVerifier } from '../scram-verifier.ts'

export const SCRAM = 'SCRAM-SHA-256'

const KEY_BYTES = 32
/** Of the server's part of the nonce. */
const NONCE_BYTES = 18

const hmac = (key: Uint8Array, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest()
const hash = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

const malformed = (what: string): SqlError =>
  new SqlError('08P01', `malformed SCRAM message: ${what}`)

/** One exchange: the client's first message, then its final one. */
export class ScramExchange {
  private readonly by: ScramSalt
  private readonly header: string
  private readonly nonce: string
  private readonly bare: string

  /** Throws 08P01 for what is no first message, or wants channel binding. */
  constructor(clientFirst: string, by: ScramSalt) {
    const found = /^([ny],(?:a=[^,]*)?,)((?:n=([^,]*)),r=([\x21-\x2b\x2d-\x7e]+)(?:,.*)?)$/s.exec(
      clientFirst,
    )
    if (found === null) throw malformed('client-first-message')
    this.by = by
    this.header = found[1]!
    this.bare = found[2]!
    this.nonce = found[4]! + randomBytes(NONCE_BYTES).toString('base64')
  }

  /** The server's first message. */
  get challenge(): string {
    const { salt, iterations } = this.by
    return `r=${this.nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`
  }

  /**
   * Which of the verifiers the proof was made for, and the server's final message; null: none of them.
   * Throws 08P01 for what is no final message of this exchange.
   */
  verify(
    clientFinal: string,
    verifiers: readonly ScramVerifier[],
  ): { index: number; answer: string } | null {
    const found = /^(c=([^,]*),r=([^,]*)(?:,.*)?),p=([^,]*)$/s.exec(clientFinal)
    if (found === null) throw malformed('client-final-message')
    const [, withoutProof, binding, nonce, encoded] = found
    if (Buffer.from(binding!, 'base64').toString() !== this.header) throw malformed('binding')
    if (nonce !== this.nonce) throw malformed('nonce')
    const proof = Buffer.from(encoded!, 'base64')
    if (proof.length !== KEY_BYTES) throw malformed('proof')
    const message = `${this.bare},${this.challenge},${withoutProof!}`
    const index = verifiers.findIndex(({ storedKey }) => isProof(proof, storedKey, message))
    if (index === -1) return null
    const signature = hmac(verifiers[index]!.serverKey, message)
    return { index, answer: `v=${signature.toString('base64')}` }
  }
}

function isProof(proof: Buffer, storedKey: Uint8Array, message: string): boolean {
  const key = hmac(storedKey, message)
  for (let i = 0; i < key.length; i++) key[i]! ^= proof[i]!
  return timingSafeEqual(hash(key), storedKey)
}
