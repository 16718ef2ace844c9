// A data directory as it would be if its manifest were another one, to be read and not changed: what a
// restore tries before it switches. Every change is refused like on a full disk, on which a database
// opens for reading.

import { OmenError } from '../error.ts'
import { fileName, parseFileName } from '../log/file-name.ts'
import { encodeManifest } from '../log/manifest-bytes.ts'
import type { Manifest } from '../log/manifest.ts'
import type { ShardStorage } from '../storage/storage.ts'

/** The files of `storage`, with `manifest` for its manifests. Closing it leaves `storage` open. */
export function previewStorage(storage: ShardStorage, manifest: Manifest): ShardStorage {
  const bytes = encodeManifest(manifest)
  const names = (['', 'copy'] as const).map((suffix) =>
    fileName('manifest', manifest.generation, suffix),
  )
  const isManifest = (name: string): boolean => parseFileName(name)?.kind === 'manifest'
  const refuse = (): never => {
    throw new OmenError('storage_full', `${storage.location}: a preview takes no changes`)
  }
  return {
    location: storage.location,
    list: () => [...storage.list().filter((name) => !isManifest(name)), ...names].sort(),
    has: (name) => (isManifest(name) ? names.includes(name) : storage.has(name)),
    size: (name) => (isManifest(name) ? bytes.length : storage.size(name)),
    read(name, offset, target) {
      if (!isManifest(name)) return storage.read(name, offset, target)
      const piece = bytes.subarray(offset, offset + target.length)
      target.set(piece)
      return piece.length
    },
    create: refuse,
    append: refuse,
    truncate: refuse,
    rename: refuse,
    remove: refuse,
    quarantine: refuse,
    sync: async () => {},
    syncDirectory: async () => {},
    close: async () => {},
  }
}
