// What a call that must fail fails with.

import { OmenError } from '../engine/error.ts'

/** The OmenError that `run` throws; any other outcome is an error of the test. */
export function failure(run: () => unknown): OmenError {
  try {
    run()
  } catch (error) {
    if (error instanceof OmenError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}
