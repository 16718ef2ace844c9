// Whether the tokens of long answers still hold. A request is answered by the verdict that it came with; a
// stream that goes on for hours must not outlive its token, so while it goes on the catalog is asked again,
// beside it: what it says counts from the next piece on.

import { OmenError } from '../../engine/error.ts'
import type { Verdict } from './verdict.ts'

/** How long the catalog's word is trusted. */
export const TRUST_MS = 5_000

/** Tokens that an object remembers. */
const REMEMBERED_MAX = 1_000

interface Known {
  isRevoked: boolean
  /** Milliseconds since 1970 when the catalog was last asked. */
  askedAt: number
}

export class Revocations {
  private readonly isKnown: (id: string) => Promise<boolean>
  private readonly now: () => number
  private readonly tokens = new Map<string, Known>()

  /** `isKnown` asks the catalog for a token; `now` is in milliseconds since 1970. */
  constructor(isKnown: (id: string) => Promise<boolean>, now: () => number) {
    this.isKnown = isKnown
    this.now = now
  }

  /** Throws `unauthorized` if the catalog has said that the token of a verdict is no more. */
  check({ holder, scopes }: Verdict): void {
    if (holder === null || scopes === null) return
    const known = this.known(holder.id)
    if (known.isRevoked) {
      this.tokens.delete(holder.id)
      throw new OmenError('unauthorized', `token '${holder.name}' was revoked`)
    }
    if (this.now() - known.askedAt < TRUST_MS) return
    known.askedAt = this.now()
    this.isKnown(holder.id).then(
      (isKnown) => (known.isRevoked = !isKnown),
      // The catalog does not answer: it is asked again.
      () => (known.askedAt = -Infinity),
    )
  }

  private known(id: string): Known {
    let known = this.tokens.get(id)
    if (known === undefined) {
      if (this.tokens.size >= REMEMBERED_MAX) this.tokens.clear()
      known = { isRevoked: false, askedAt: -Infinity }
      this.tokens.set(id, known)
    }
    return known
  }
}
