// Turns the error codes of operating systems into the engine's own errors, with the file named.
// One table for every adapter that sits on files, and for the simulated disk.

import { OmenError, type ErrorCode } from '../error.ts'

/** What was being done when it failed: reads that fail are damage, writes that fail are outages. */
export type StorageAction = 'read' | 'write' | 'sync' | 'open' | 'rename' | 'remove' | 'list'

const REASONS = new Map<string, [code: ErrorCode, reason: string]>([
  ['ENOSPC', ['storage_full', 'no space left on the disk']],
  ['EDQUOT', ['storage_full', 'the disk quota is used up']],
  ['EFBIG', ['storage_full', 'the file would be too large']],
  ['EROFS', ['unavailable', 'the file system is read-only']],
  ['EACCES', ['unavailable', 'permission denied']],
  ['EPERM', ['unavailable', 'permission denied']],
  ['EMFILE', ['unavailable', 'too many open files']],
  ['ENFILE', ['unavailable', 'too many open files in the system']],
  ['ENOENT', ['corrupt', 'the file is missing']],
  ['EEXIST', ['conflict', 'the file exists']],
  ['EISDIR', ['corrupt', 'is a directory']],
  ['ENOTDIR', ['unavailable', 'is not a directory']],
])

/** The OmenError for a failed call; what already is one passes unchanged. */
export function storageFailure(error: unknown, name: string, action: StorageAction): OmenError {
  if (error instanceof OmenError) return error
  const errno = errorCode(error)
  const [code, reason] = REASONS.get(errno) ?? [
    action === 'read' ? 'corrupt' : 'unavailable',
    errno === 'EIO' ? 'input/output error' : String(error),
  ]
  const suffix = errno === '' ? '' : ` (${errno})`
  return new OmenError(code, `${name}: ${action} failed, ${reason}${suffix}`, { cause: error })
}

/** `ENOSPC` and the like, or an empty string. */
export function errorCode(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return ''
  return typeof error.code === 'string' ? error.code : ''
}
