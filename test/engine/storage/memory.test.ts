// The memory adapter under the contract.

import { MemoryDisk, openMemoryStorage } from '../../../engine/storage/memory.ts'
import { runSegmentStorageContract } from './segments.contract.ts'
import { type StoragePlace, runShardStorageContract } from './storage.contract.ts'

function makePlace(): StoragePlace {
  const disk = new MemoryDisk()
  return { open: async () => openMemoryStorage(disk), dispose: async () => {} }
}

runShardStorageContract('memory', makePlace)
runSegmentStorageContract('memory', makePlace)
