// The storage contracts in a dedicated worker of a real browser, on the origin's own file system.

import { openOpfsStorage } from '../../../engine/storage/opfs.ts'
import type { OpfsDirectory, OpfsLocks } from '../../../engine/storage/opfs-handle.ts'
import { runSegmentStorageContract } from '../../engine/storage/segments.contract.ts'
import { runShardStorageContract } from '../../engine/storage/storage.contract.ts'
import { runGathered } from './contract-vitest.ts'

const root = (await navigator.storage.getDirectory()) as unknown as OpfsDirectory
let count = 0

function makePlace() {
  const name = `contract-${count++}`
  const open = () =>
    openOpfsStorage(name, {
      root,
      locks: navigator.locks as OpfsLocks,
      pause: () => new Promise((resolve) => setTimeout(resolve, 0)),
      sleep: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
    })
  const dispose = async (): Promise<void> => {
    const folder = await root.getDirectoryHandle('omendb')
    await folder.removeEntry(name, { recursive: true })
  }
  return { open, dispose }
}

runShardStorageContract('OPFS', makePlace)
runSegmentStorageContract('OPFS', makePlace)
postMessage(await runGathered())
