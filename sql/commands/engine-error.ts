// What the engine refuses, as errors of SQL.

import type { ErrorCode, LineError } from '../../engine/error.ts'
import { SqlError } from '../sql-error.ts'

/** Whether something thrown is the engine's error of this code. */
export function hasCode(error: unknown, code: ErrorCode): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === code
}

/** Runs a call of the engine; its errors of these codes become what `errors` makes of their message. */
export async function translated<Value>(
  work: () => Promise<Value>,
  errors: Readonly<Partial<Record<ErrorCode, (message: string) => SqlError>>>,
): Promise<Value> {
  try {
    return await work()
  } catch (error) {
    const { code, message } = error as { code?: ErrorCode; message: string }
    const make = code === undefined ? undefined : errors[code]
    if (make === undefined) throw error
    throw make(message)
  }
}

const STATES: Readonly<Partial<Record<ErrorCode, string>>> = {
  expired: '23514',
  limit_exceeded: '54000',
  too_large: '54000',
  type_conflict: '42804',
  out_of_range: '22003',
  unsupported: '0A000',
}

/** A point that the engine does not take. */
export function refusalOf({ code, message, pointer }: LineError): SqlError {
  if (pointer?.startsWith('/time/') && code === 'bad_request') {
    return new SqlError('22008', 'timestamp out of range')
  }
  return new SqlError(STATES[code] ?? '22023', message)
}

/** Errors of a commit: what changed meanwhile, or does not fit. */
export const COMMIT_ERRORS = {
  type_conflict: (message: string) => new SqlError('42804', message),
  // The table went, became a rollup, or another write came first.
  conflict: (message: string) => new SqlError('55006', message),
  expired: (message: string) => new SqlError('23514', message),
  limit_exceeded: (message: string) => new SqlError('54000', message),
  too_large: (message: string) => new SqlError('54000', message),
} as const

/** More than one batch of the engine holds. */
export function tooLarge(message: string, hint: string): SqlError {
  return new SqlError('54000', message, { hint })
}
