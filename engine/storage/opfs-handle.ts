// What the OPFS adapter uses of the File System standard, as shapes: so that it runs over the browser's
// own and over the simulated one of the tests. And its exceptions, as errors of ours.
// https://fs.spec.whatwg.org/

import { type ErrorCode, OmenError } from '../error.ts'
import type { StorageAction } from './failure.ts'

/** FileSystemSyncAccessHandle: exclusive, synchronous, in dedicated workers only. */
export interface SyncHandle {
  read(target: Uint8Array, options: { at: number }): number
  write(source: Uint8Array, options: { at: number }): number
  truncate(size: number): void
  getSize(): number
  /** Returns when the bytes are with the device: Chromium calls fdatasync (F_FULLFSYNC on macOS). */
  flush(): void
  close(): void
}

/** FileSystemDirectoryHandle, as far as it is needed. */
export interface OpfsDirectory {
  keys(): AsyncIterable<string>
  getFileHandle(name: string, options?: { create?: boolean }): Promise<OpfsFile>
  getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<OpfsDirectory>
  removeEntry(name: string, options?: { recursive?: boolean }): Promise<void>
}

/** FileSystemFileHandle. */
export interface OpfsFile {
  createSyncAccessHandle(): Promise<SyncHandle>
}

/** LockManager, as far as it is needed. */
export interface OpfsLocks {
  request<T>(
    name: string,
    options: { ifAvailable: true },
    hold: (lock: object | null) => Promise<T>,
  ): Promise<T>
}

const REASONS = new Map<string, [code: ErrorCode, reason: string]>([
  ['QuotaExceededError', ['storage_full', 'the quota of this origin is used up']],
  ['NotFoundError', ['corrupt', 'the file is missing']],
  ['NoModificationAllowedError', ['locked', 'it is held by another tab or worker']],
  ['NotAllowedError', ['unavailable', 'the browser does not allow it']],
  ['SecurityError', ['unavailable', 'the browser does not allow it']],
])

/** The OmenError for a failed call; what already is one, and an assert, passes unchanged. */
export function opfsFailure(error: unknown, name: string, action: StorageAction): Error {
  if (error instanceof OmenError) return error
  const kind = exceptionName(error)
  if (kind === 'Error') return error as Error
  const [code, reason] = REASONS.get(kind) ?? [
    action === 'read' ? 'corrupt' : 'unavailable',
    error instanceof Error ? error.message : String(error),
  ]
  return new OmenError(code, `${name}: ${action} failed, ${reason} (${kind})`, { cause: error })
}

/** `QuotaExceededError` and the like; a DOMException is an Error in browsers, and not everywhere. */
export function exceptionName(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('name' in error)) return ''
  return String(error.name)
}
