// The object-store port over any shard storage: objects are files, `/` in a key is `_` in a name.
// Makes an object store of local files or of memory, for tests and for tiers on a local disk; a
// put is whole or absent because the file gets its name when it is complete and synced.

import { type SegmentStorage, type ShardStorage, checkKey, missingFile } from './storage.ts'

/** Keeps its objects in `storage`, which it should have for itself and which the caller closes. */
export function openSegments(storage: ShardStorage): SegmentStorage {
  const putting = new Map<string, Promise<void>>()
  const existing = (key: string): string => {
    const name = nameOf(key)
    if (!storage.has(name)) throw missingFile(key)
    return name
  }
  return {
    async put(key, bytes) {
      const name = nameOf(key)
      if (putting.has(key)) await putting.get(key)!.catch(() => {})
      if (storage.has(name) || putting.has(key)) return false
      const writing = writeObject(storage, name, bytes)
      putting.set(key, writing)
      await writing.finally(() => putting.delete(key))
      return true
    },
    async read(key, offset, target) {
      return storage.read(existing(key), offset, target)
    },
    async readSuffix(key, target) {
      const name = existing(key)
      const size = storage.size(name)
      return { size, count: storage.read(name, Math.max(0, size - target.length), target) }
    },
    async list(prefix) {
      const names = storage.list().filter((name) => !name.endsWith('_'))
      return names
        .map((name) => name.replaceAll('_', '/'))
        .filter((key) => key.startsWith(prefix))
        .sort()
    },
    async remove(key) {
      const name = nameOf(key)
      if (!storage.has(name)) return
      storage.remove(name)
      await storage.syncDirectory()
    },
  }
}

function nameOf(key: string): string {
  checkKey(key)
  return key.replaceAll('/', '_')
}

/** The temporary name ends in `_`, as no key does; one that a crash left behind is overwritten. */
async function writeObject(storage: ShardStorage, name: string, bytes: Uint8Array): Promise<void> {
  const temporary = `${name}_`
  if (storage.has(temporary)) storage.remove(temporary)
  storage.create(temporary)
  storage.append(temporary, [bytes])
  await storage.sync(temporary)
  storage.rename(temporary, name)
  await storage.syncDirectory()
}
