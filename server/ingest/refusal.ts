// What a request's reader refuses, row by row: counted all, kept the first hundred. With
// `partial=true` the good rows go on; without, the first refusal decides the answer.

import { OmenError, type ErrorCode, type LineError } from '../../engine/error.ts'
import { ERROR_INPUT_MAX, LISTED_ERRORS_MAX } from '../limits.ts'

/** Why one value or row is not taken; the place is the caller's to add. */
export class Refusal {
  readonly code: ErrorCode
  readonly message: string

  constructor(code: ErrorCode, message: string) {
    this.code = code
    this.message = message
  }
}

/** Where a refused value stands in its request. */
export interface Place {
  readonly line: number | null
  readonly pointer: string | null
  /** What stands there, for the values that the engine refuses. */
  readonly input?: string | null
}

export class Refusals {
  readonly errors: LineError[] = []
  private refusedCount = 0

  /** Rows refused, those not kept included. */
  get count(): number {
    return this.refusedCount
  }

  add({ code, message }: Refusal, place: Place, input: unknown): void {
    this.refusedCount++
    if (this.errors.length >= LISTED_ERRORS_MAX) return
    const { line, pointer } = place
    this.errors.push({ line, column: null, pointer, message, input: describeInput(input), code })
  }
}

/** A refused value as errors repeat it; null for undefined. */
export function describeInput(input: unknown): string | null {
  if (input === undefined) return null
  const text = typeof input === 'string' ? input : JSON.stringify(input)
  return text.length > ERROR_INPUT_MAX ? `${text.slice(0, ERROR_INPUT_MAX)}…` : text
}

/** The error of a request that is refused whole because of these lines, the first deciding. */
export function refuseAll(errors: readonly LineError[], count: number): OmenError {
  const first = errors[0]!
  const place = first.line === null ? first.pointer : `line ${first.line}`
  const more = count > 1 ? ` (and ${count - 1} more)` : ''
  return new OmenError(first.code, `${place || 'body'}: ${first.message}${more}`, {
    errors: [...errors],
  })
}
