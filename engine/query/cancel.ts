// How a caller calls off what it asked for: a signal that is asked between steps, and may tell those who
// wait. A host may pass less than an AbortController makes (server/node.ts).

import { OmenError } from '../error.ts'

/** What is used of an AbortSignal. */
export type CancelSignal = Pick<AbortSignal, 'aborted' | 'addEventListener' | 'removeEventListener'>

/** Throws `cancelled` when it is called after the signal was given. */
export function cancelCheck(signal: CancelSignal | undefined): () => void {
  return () => {
    if (signal?.aborted) throw new OmenError('cancelled', 'query: cancelled by the caller')
  }
}
