// What the parts of a table take: all their bytes, and those of them that lie in an object store.

import { fileName } from '../log/file-name.ts'
import type { ColdFiles } from '../storage/storage.ts'
import type { PartReader } from './part.ts'

export interface TableBytes {
  /** In segments, wherever those are. */
  readonly diskBytes: number
  /** Those of them in an object store; absent where there is none. */
  readonly coldBytes?: number
}

/** Bytes of these parts; `cold`: the files in the object store, if there is one. */
export function bytesOfParts(
  parts: readonly PartReader[],
  cold: Pick<ColdFiles, 'has'> | undefined,
): TableBytes {
  const sizeOf = (some: readonly PartReader[]): number =>
    some.reduce((sum, { description }) => sum + description.size, 0)
  const diskBytes = sizeOf(parts)
  if (cold === undefined) return { diskBytes }
  const coldParts = parts.filter(({ description: { file } }) => cold.has(fileName('segment', file)))
  return { diskBytes, coldBytes: sizeOf(coldParts) }
}

/** The bytes of several shards. */
export function sumOfBytes(all: readonly TableBytes[]): TableBytes {
  const diskBytes = all.reduce((sum, one) => sum + one.diskBytes, 0)
  if (all.every(({ coldBytes }) => coldBytes === undefined)) return { diskBytes }
  return { diskBytes, coldBytes: all.reduce((sum, { coldBytes = 0 }) => sum + coldBytes, 0) }
}
