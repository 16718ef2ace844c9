// The tiered storage: as a storage without cold files, and what becomes of files that move to an object
// store, whatever fails or ends in between.

import { describe, expect, test } from 'vitest'
import { crc32c } from '../../../engine/crc.ts'
import { MemoryDisk, openMemoryStorage } from '../../../engine/storage/memory.ts'
import type { ShardStorage } from '../../../engine/storage/storage.ts'
import { openTiered } from '../../../engine/storage/tiered.ts'
import { randomOf } from '../../random.ts'
import { SimulatedDisk } from '../../simulated-storage.ts'
import { ColdObjects } from './cold-objects.ts'
import { bytesOf, expectError, readAll, runShardStorageContract } from './storage.contract.ts'

let openings = 0

/** Random bytes differ from opening to opening, as those of a real host do. */
function randomFill(): (target: Uint8Array) => void {
  const random = randomOf(++openings)
  return (target) => {
    for (let i = 0; i < target.length; i++) target[i] = random.int(256)
  }
}

function tier(hot: ShardStorage, cold: ColdObjects, prefix = 'shards/7'): ShardStorage {
  return openTiered({ hot, cold, prefix, random: randomFill(), readAheadBytes: 4_096 })
}

runShardStorageContract('tiered over memory, nothing cold', () => {
  const disk = new MemoryDisk()
  const cold = new ColdObjects()
  return { open: async () => tier(openMemoryStorage(disk), cold), dispose: async () => {} }
})

const content = Uint8Array.from({ length: 10_000 }, (_, i) => (i * 7) ^ (i >> 5))
const checksum = crc32c(content)
const pause = async (): Promise<void> => {}

/** A durable file of `content`. */
async function write(storage: ShardStorage, name: string): Promise<void> {
  storage.create(name)
  storage.append(name, [content])
  await storage.sync(name)
  await storage.syncDirectory()
}

/** All of a file, wherever it is. */
async function contentOf(storage: ShardStorage, name: string): Promise<Uint8Array> {
  const { cold } = storage
  return cold?.has(name) === true ? cold.read(name, 0, storage.size(name)) : readAll(storage, name)
}

interface Place {
  readonly disk: MemoryDisk
  readonly objects: ColdObjects
  storage: ShardStorage
  reopen(): Promise<void>
}

async function place(): Promise<Place> {
  const disk = new MemoryDisk()
  const objects = new ColdObjects()
  const at = {
    disk,
    objects,
    storage: tier(openMemoryStorage(disk), objects),
    async reopen() {
      await at.storage.close()
      at.storage = tier(openMemoryStorage(disk), objects)
    },
  }
  await write(at.storage, 'segment-12')
  return at
}

describe('a cold file', () => {
  test('has the name, the size and the bytes that it had, also after a restart', async () => {
    const at = await place()
    expect(await at.storage.cold!.store('segment-12', checksum, pause)).toBe(true)
    for (let round = 0; round < 2; round++) {
      const { storage } = at
      expect(storage.list()).toEqual(['segment-12'])
      expect([storage.has('segment-12'), storage.size('segment-12')]).toEqual([true, 10_000])
      expect(await storage.cold!.read('segment-12', 0, 10_000)).toEqual(content)
      expect(await storage.cold!.read('segment-12', 9_990, 100)).toEqual(content.slice(9_990))
      expect(await storage.cold!.read('segment-12', 10_000, 5)).toEqual(new Uint8Array(0))
      expect(await storage.cold!.read('segment-12', 20_000, 5)).toEqual(new Uint8Array(0))
      expect(storage.cold!.counts).toMatchObject({ files: 1, bytes: 10_000 })
      await at.reopen()
    }
    expect(at.disk.files.has('segment-12')).toBe(false)
    expect([...at.objects.objects.values()]).toEqual([content])
    expect([...at.objects.objects.keys()][0]).toMatch(
      /^shards\/7\/[0-9a-f]{16}\/1\/segment-12-[0-9a-f]{8}-[0-9a-f]{16}$/,
    )
  })

  test('answers reads of its header at once and refuses others', async () => {
    const { storage, objects } = await place()
    await storage.cold!.store('segment-12', checksum, pause)
    const target = new Uint8Array(32)
    expect(storage.read('segment-12', 0, target)).toBe(32)
    expect(target).toEqual(content.slice(0, 32))
    await expectError(
      () => storage.read('segment-12', 1, target),
      'internal',
      /segment-12: is cold/,
    )
    expect(objects.calls.filter((call) => call.startsWith('read'))).toEqual([])
  })

  test('takes no changes', async () => {
    const { storage } = await place()
    await storage.cold!.store('segment-12', checksum, pause)
    expect(() => storage.append('segment-12', [bytesOf(1)])).toThrow(/is cold/)
    expect(() => storage.truncate('segment-12', 0)).toThrow(/is cold/)
    expect(() => storage.rename('segment-12', 'segment-13')).toThrow(/is cold/)
    await expectError(() => storage.create('segment-12'), 'conflict')
    storage.create('segment-13')
    await expectError(() => storage.rename('segment-13', 'segment-12'), 'conflict')
    await storage.sync('segment-12')
  })

  test('is removed stub first, object later, and its key is never used again', async () => {
    const at = await place()
    await at.storage.cold!.store('segment-12', checksum, pause)
    const [key] = at.objects.objects.keys()
    at.storage.remove('segment-12')
    expect([at.storage.list(), at.storage.has('segment-12')]).toEqual([[], false])
    expect(at.objects.objects.size).toBe(1)
    await expectError(() => at.storage.remove('segment-12'), 'corrupt', /missing/)
    await expectError(() => at.storage.cold!.read('segment-12', 0, 1), 'corrupt', /missing/)
    await at.storage.cold!.clean()
    expect(at.objects.objects.size).toBe(0)
    expect(at.storage.cold!.counts).toMatchObject({ files: 0, bytes: 0, removes: 1 })
    await write(at.storage, 'segment-12')
    await at.storage.cold!.store('segment-12', checksum, pause)
    expect([...at.objects.objects.keys()]).not.toEqual([key])
  })

  test('that is quarantined keeps its object when it is removed, swept and opened again', async () => {
    const at = await place()
    await at.storage.cold!.store('segment-12', checksum, pause)
    expect(at.storage.quarantine('segment-12')).toBe('segment-12.kept')
    expect(at.storage.quarantine('segment-12')).toBe('segment-12.kept')
    at.storage.remove('segment-12')
    for (let round = 0; round < 2; round++) {
      await at.storage.cold!.clean()
      await at.storage.cold!.sweep()
      expect(at.objects.objects.size).toBe(1)
      expect(at.storage.list()).toEqual([])
      await at.reopen()
    }
  })

  test('whose object is gone or too short is corrupt by name', async () => {
    const { storage, objects } = await place()
    await storage.cold!.store('segment-12', checksum, pause)
    const [key] = objects.objects.keys()
    objects.objects.set(key!, content.slice(0, 9_000))
    await expectError(
      () => storage.cold!.read('segment-12', 8_999, 10),
      'corrupt',
      /^segment-12: its object .* ends at 9000, before 9009/,
    )
    objects.objects.clear()
    await expectError(
      () => storage.cold!.read('segment-12', 0, 40),
      'corrupt',
      /^segment-12: .*missing/,
    )
    expect(await storage.cold!.sweep()).toEqual(['segment-12'])
  })

  test('with a damaged stub stops the opening by name', async () => {
    const at = await place()
    await at.storage.cold!.store('segment-12', checksum, pause)
    at.disk.files.get('segment-12.cold')!.bytes[20]! ^= 1
    await expectError(() => at.reopen(), 'corrupt', /^segment-12\.cold: fails its checksum/)
  })
})

describe('reads along', () => {
  test('a range takes what lies around it along, and others are answered from that', async () => {
    const { storage, objects } = await place()
    await storage.cold!.store('segment-12', checksum, pause)
    const cold = storage.cold!
    const footer = await cold.read('segment-12', 9_900, 100, { start: 8_000, end: 10_000 })
    expect(footer).toEqual(content.slice(9_900))
    expect(await cold.read('segment-12', 8_000, 1_500)).toEqual(content.slice(8_000, 9_500))
    expect(objects.calls.filter((call) => call.startsWith('read')).length).toBe(1)
    expect(cold.counts).toMatchObject({ reads: 1, readBytes: 2_000 })
    expect(await cold.read('segment-12', 7_999, 10)).toEqual(content.slice(7_999, 8_009))
    expect(cold.counts.reads).toBe(2)
  })

  test('of reads at the same moment one asks the object store', async () => {
    const { storage } = await place()
    await storage.cold!.store('segment-12', checksum, pause)
    const cold = storage.cold!
    const along = { start: 4_000, end: 6_000 }
    const answers = await Promise.all([
      cold.read('segment-12', 5_000, 10, along),
      cold.read('segment-12', 5_500, 10, along),
      cold.read('segment-12', 4_000, 2_000),
    ])
    expect(answers[1]).toEqual(content.slice(5_500, 5_510))
    expect(answers[2]).toEqual(content.slice(4_000, 6_000))
    expect(cold.counts.reads).toBe(1)
  })

  test('what failed is asked for again, and what was kept longest goes first', async () => {
    const { storage, objects } = await place()
    await storage.cold!.store('segment-12', checksum, pause)
    const cold = storage.cold!
    const read = (start: number): Promise<Uint8Array> =>
      cold.read('segment-12', start, 10, { start, end: start + 2_000 })
    objects.failing = /^read/
    await expectError(() => read(0), 'unavailable', /^segment-12: read .*told to fail/)
    objects.failing = null
    await read(0)
    await read(2_000)
    await read(100)
    expect(cold.counts.reads).toBe(3)
    // 4,096 bytes are kept.
    await read(4_000)
    expect(await read(1_500)).toEqual(content.slice(1_500, 1_510))
    expect(cold.counts.reads).toBe(4)
    await read(2_100)
    expect(cold.counts.reads).toBe(5)
  })
})

describe('a move', () => {
  test('of bytes that are not what the manifest names stores nothing', async () => {
    const { storage, objects } = await place()
    await expectError(
      () => storage.cold!.store('segment-12', checksum + 1, pause),
      'corrupt',
      /^segment-12: fails the manifest's checksum/,
    )
    expect(objects.objects.size).toBe(0)
    expect(readAll(storage, 'segment-12')).toEqual(content)
  })

  test('of a file that goes meanwhile ends, and its object goes', async () => {
    for (const when of ['put', 'swap']) {
      const { storage, objects } = await place()
      const moving = storage.cold!.store('segment-12', checksum, pause)
      for (let i = 0; i < (when === 'put' ? 4 : 12); i++) await Promise.resolve()
      if (storage.has('segment-12')) storage.remove('segment-12')
      await moving
      expect(storage.list(), when).toEqual([])
      await storage.cold!.clean()
      expect(objects.objects.size, when).toBe(0)
    }
  })

  test('of a file that is gone, or cold already, is none', async () => {
    const { storage, objects } = await place()
    expect(await storage.cold!.store('segment-13', 0, pause)).toBe(false)
    await storage.cold!.store('segment-12', checksum, pause)
    expect(await storage.cold!.store('segment-12', checksum, pause)).toBe(false)
    expect(objects.objects.size).toBe(1)
  })

  test('that the object store fails leaves the file hot, whatever became of the object', async () => {
    for (const isLost of [false, true]) {
      const { storage, objects } = await place()
      objects.failing = /^put/
      objects.isLost = isLost
      await expectError(() => storage.cold!.store('segment-12', checksum, pause), 'unavailable')
      expect(readAll(storage, 'segment-12')).toEqual(content)
      expect(objects.objects.size).toBe(isLost ? 1 : 0)
      objects.failing = null
      await storage.cold!.clean()
      expect(objects.objects.size).toBe(0)
      expect(await storage.cold!.store('segment-12', checksum, pause)).toBe(true)
    }
  })

  test('that lasts while others read is seen by them in one step', async () => {
    const { storage } = await place()
    const state = { isDone: false }
    const moving = storage
      .cold!.store('segment-12', checksum, pause)
      .then(() => (state.isDone = true))
    while (!state.isDone) {
      expect(await contentOf(storage, 'segment-12')).toEqual(content)
      await Promise.resolve()
    }
    await moving
    expect(storage.cold!.has('segment-12')).toBe(true)
  })
})

describe('a sweep', () => {
  test('takes what nothing names, but nothing of another owner or of a later epoch', async () => {
    const at = await place()
    await at.storage.cold!.store('segment-12', checksum, pause)
    const [named] = [...at.objects.objects.keys()]
    const own = named!.slice(0, named!.indexOf('1/segment'))
    const kept = [
      named!,
      `${own}2/segment-12-00000000-0000000000000000`,
      `${own}somebody-else`,
      'shards/7/ffffffffffffffff/1/segment-12-00000000-0000000000000000',
      'shards/77/1/segment-12-00000000-0000000000000000',
    ]
    const left = [`${own}1/segment-12-00000000-0000000000000000`, `${own}1/segment-9-1-2`]
    for (const key of [...kept, ...left]) at.objects.objects.set(key, content)
    expect(await at.storage.cold!.sweep()).toEqual([])
    expect([...at.objects.objects.keys()].sort()).toEqual(kept.sort())
    await at.reopen()
    expect(await at.storage.cold!.sweep()).toEqual([])
    expect(at.objects.objects.has(kept[1]!)).toBe(false)
    expect(await contentOf(at.storage, 'segment-12')).toEqual(content)
  })

  test('of an opener that was replaced takes nothing of its successor', async () => {
    const disk = new SimulatedDisk(1)
    const objects = new ColdObjects()
    const old = tier(disk.open(), objects)
    await write(old, 'segment-1')
    await old.cold!.store('segment-1', checksum, pause)
    // The old one goes on: its storage takes no more changes, but its requests arrive.
    const list = objects.list.bind(objects)
    let go = (): void => {}
    const blocked = new Promise<void>((resolve) => (go = resolve))
    const state = { isListing: false }
    objects.list = async (prefix) => {
      state.isListing = true
      await blocked
      return list(prefix)
    }
    const sweeping = old.cold!.sweep()
    while (!state.isListing) await Promise.resolve()
    disk.kill()
    const next = tier(disk.open(), objects)
    await write(next, 'segment-2')
    await next.cold!.store('segment-2', checksum, pause)
    objects.list = list
    go()
    await sweeping
    expect(await contentOf(next, 'segment-1')).toEqual(content)
    expect(await contentOf(next, 'segment-2')).toEqual(content)
    expect(await next.cold!.sweep()).toEqual([])
  })

  test('leaves what is being stored alone', async () => {
    const { storage, objects } = await place()
    let open = (): void => {}
    const gate = new Promise<void>((resolve) => (open = resolve))
    const put = objects.put.bind(objects)
    objects.put = async (key, bytes) => {
      await put(key, bytes)
      await gate
      return true
    }
    const moving = storage.cold!.store('segment-12', checksum, pause)
    while (objects.objects.size === 0) await Promise.resolve()
    await storage.cold!.sweep()
    open()
    expect(await moving).toBe(true)
    expect(await contentOf(storage, 'segment-12')).toEqual(content)
  })

  test('and removals that fail are tried again by the next', async () => {
    const { storage, objects } = await place()
    await storage.cold!.store('segment-12', checksum, pause)
    storage.remove('segment-12')
    objects.failing = /^remove/
    await expectError(() => storage.cold!.clean(), 'unavailable')
    objects.failing = null
    await storage.cold!.clean()
    expect(objects.objects.size).toBe(0)
  })
})

describe('a crash', () => {
  test('at any call of a move leaves the file hot or cold, and a sweep the object of no other', async () => {
    for (let call = 1, isOver = false; !isOver; call++) {
      const disk = new SimulatedDisk(call)
      const objects = new ColdObjects()
      const before = tier(disk.open(), objects)
      await write(before, 'segment-12')
      disk.crashAt(disk.calls + call)
      const moved = await before.cold!.store('segment-12', checksum, pause).catch(() => null)
      isOver = moved === true && !disk.hasFired
      disk.crash()
      for (let round = 0; round < 2; round++) {
        const after = tier(disk.open(), objects)
        expect(after.list(), `call ${call}`).toEqual(['segment-12'])
        expect(await contentOf(after, 'segment-12'), `call ${call}`).toEqual(content)
        await after.cold!.clean()
        // Without a list: what was left is remembered.
        expect(objects.objects.size, `call ${call}`).toBe(after.cold!.has('segment-12') ? 1 : 0)
        expect(await after.cold!.sweep()).toEqual([])
        expect(objects.objects.size, `call ${call}`).toBe(after.cold!.has('segment-12') ? 1 : 0)
        if (round === 1) await after.cold!.store('segment-12', checksum, pause)
        expect(await contentOf(after, 'segment-12'), `call ${call}`).toEqual(content)
        disk.crash()
      }
    }
  })

  test('at any call of a removal leaves no file without its object', async () => {
    // Which names a power cut brings back is up to the seed.
    for (let seed = 0; seed < 12; seed++) {
      let call = 1
      while (await removalCrashes(call, 1_000 * seed + call)) call++
      expect(call).toBeGreaterThan(4)
    }
  })

  test.each(['EIO', 'ENOSPC'])(
    '%s at any call of a move leaves the file readable',
    async (errno) => {
      for (let call = 1, isOver = false; !isOver; call++) {
        const disk = new SimulatedDisk(200 + call)
        const objects = new ColdObjects()
        const storage = tier(disk.open(), objects)
        await write(storage, 'segment-12')
        disk.failAt(disk.calls + call, errno)
        const moved = await storage.cold!.store('segment-12', checksum, pause).catch(() => null)
        isOver = !disk.hasFired
        if (isOver) break
        expect(await contentOf(storage, 'segment-12')).toEqual(content)
        const isCold = (await storage.cold!.store('segment-12', checksum, pause)) || moved === true
        expect([isCold, storage.cold!.has('segment-12')], `call ${call}`).toEqual([true, true])
        await storage.cold!.clean()
        expect(await storage.cold!.sweep()).toEqual([])
        expect(objects.objects.size, `call ${call}`).toBe(1)
        disk.crash()
        expect(await contentOf(tier(disk.open(), objects), 'segment-12')).toEqual(content)
      }
    },
  )
})

/** Crashes at a call of a removal and checks what is there; false: it has fewer calls. */
async function removalCrashes(call: number, seed: number): Promise<boolean> {
  const where = `call ${call}, seed ${seed}`
  const disk = new SimulatedDisk(seed)
  const objects = new ColdObjects()
  const before = tier(disk.open(), objects)
  await write(before, 'segment-12')
  await before.cold!.store('segment-12', checksum, pause)
  disk.crashAt(disk.calls + call)
  try {
    before.remove('segment-12')
    await before.cold!.clean()
  } catch {
    // The machine has stopped.
  }
  const { hasFired } = disk
  disk.crash()
  const after = tier(disk.open(), objects)
  if (after.has('segment-12')) {
    expect(await contentOf(after, 'segment-12'), where).toEqual(content)
    after.remove('segment-12')
  }
  await after.cold!.clean()
  expect(objects.objects.size, where).toBe(0)
  expect(disk.contents().has('segment-12.gone'), where).toBe(false)
  expect(await after.cold!.sweep()).toEqual([])
  return hasFired
}
