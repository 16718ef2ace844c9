// What every adapter of the storage ports has to do, as one suite. An adapter's own test file runs it
// and adds what only that adapter can show (crashes, full disks, locks of other processes).

import * as vitest from 'vitest'
import { OmenError, type ErrorCode } from '../../../engine/error.ts'
import { type ShardStorage, readExactly } from '../../../engine/storage/storage.ts'
import { randomOf } from '../../random.ts'

const { expect } = vitest

/** Runs a body where the storage may be used; an object's is usable in the object alone. */
export type Inside = (body: () => unknown) => Promise<unknown>

let inside: Inside = async (body) => body()

/** Everything that `register` adds runs where `where` says. */
export function registerInside(where: Inside, register: () => void): void {
  const before = inside
  inside = where
  register()
  inside = before
}

/** The body as vitest may call it, from outside. */
function entered(body: () => unknown): () => Promise<void> {
  const where = inside
  return async () => void (await where(body))
}

/** vitest's `test`, inside. */
export function test(name: string, body: () => unknown): void {
  vitest.test(name, entered(body))
}

/** vitest's `describe`, for tests inside. */
export function describe(name: string, register: () => void): void {
  const where = inside
  // Called later than this.
  vitest.describe(name, () => registerInside(where, register))
}

/** Where storages can be opened, one at a time; empty at first. */
export interface StoragePlace {
  open(): Promise<ShardStorage>
  dispose(): Promise<void>
}

/** Asserts that `run` throws an OmenError of this code whose message matches. */
export async function expectError(
  run: () => unknown,
  code: ErrorCode,
  message: RegExp = /./,
): Promise<void> {
  let thrown: unknown
  try {
    await run()
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(OmenError)
  expect([(thrown as OmenError).code, (thrown as OmenError).message]).toEqual([
    code,
    expect.stringMatching(message),
  ])
}

export function bytesOf(...values: number[]): Uint8Array {
  return Uint8Array.from(values)
}

export function readAll(storage: ShardStorage, name: string): Uint8Array {
  const bytes = new Uint8Array(storage.size(name))
  readExactly(storage, name, 0, bytes)
  return bytes
}

/** The storage of the running test. */
export interface Opened {
  readonly place: StoragePlace
  readonly storage: ShardStorage
  /** Closes the storage and opens it again, as a restart does. */
  reopen(): Promise<void>
}

/** Opens a new place before each test of the describe block it is called in. */
export function openEach(makePlace: () => StoragePlace): Opened {
  let place: StoragePlace
  let storage: ShardStorage
  const open = async (): Promise<void> => {
    place = makePlace()
    storage = await place.open()
  }
  const dispose = async (): Promise<void> => {
    await storage.close()
    await place.dispose()
  }
  vitest.beforeEach(entered(open))
  vitest.afterEach(entered(dispose))
  return {
    get place() {
      return place
    },
    get storage() {
      return storage
    },
    async reopen() {
      await storage.close()
      storage = await place.open()
    },
  }
}

/** Runs the whole suite on new places. */
export function runShardStorageContract(adapter: string, makePlace: () => StoragePlace): void {
  describe(adapter, () => {
    const at = openEach(makePlace)
    byteTests(at)
    nameTests(at)
    errorTests(at)
    durabilityTests(at)
    lockTests(at)
    randomTests(at)
  })
}

function byteTests(at: Opened): void {
  describe('files', () => {
    test('a new storage is empty', () => {
      expect(at.storage.list()).toEqual([])
      expect(at.storage.has('wal-1')).toBe(false)
    })

    test('parts are appended in order and read back from any offset', () => {
      at.storage.create('wal-1')
      at.storage.append('wal-1', [bytesOf(1, 2), new Uint8Array(0), bytesOf(3)])
      at.storage.append('wal-1', [])
      at.storage.append('wal-1', [bytesOf(4, 5)])
      expect(at.storage.size('wal-1')).toBe(5)
      expect([...readAll(at.storage, 'wal-1')]).toEqual([1, 2, 3, 4, 5])
      const middle = new Uint8Array(2)
      expect(at.storage.read('wal-1', 2, middle)).toBe(2)
      expect([...middle]).toEqual([3, 4])
    })

    test('a read stops at the end of the file and leaves the rest of the target alone', () => {
      at.storage.create('wal-1')
      at.storage.append('wal-1', [bytesOf(1, 2, 3)])
      const target = new Uint8Array(8).fill(9)
      expect(at.storage.read('wal-1', 1, target.subarray(2, 6))).toBe(2)
      expect([...target]).toEqual([9, 9, 2, 3, 9, 9, 9, 9])
      expect(at.storage.read('wal-1', 3, target)).toBe(0)
      expect(at.storage.read('wal-1', 1000, target)).toBe(0)
      expect(at.storage.read('wal-1', 0, new Uint8Array(0))).toBe(0)
    })

    test('reading past the end with readExactly is corrupt and names the file', async () => {
      at.storage.create('wal-1')
      at.storage.append('wal-1', [bytesOf(1)])
      const read = () => readExactly(at.storage, 'wal-1', 0, new Uint8Array(2))
      await expectError(read, 'corrupt', /^wal-1: ends at 1/)
    })

    test('appended bytes are copied: the source may change afterwards', () => {
      const source = bytesOf(1, 2, 3)
      at.storage.create('a')
      at.storage.append('a', [source])
      source.fill(0)
      expect([...readAll(at.storage, 'a')]).toEqual([1, 2, 3])
    })

    test('more parts than one system call takes are written in order', () => {
      const parts = Array.from({ length: 3000 }, (_, i) => bytesOf(i & 255, i >> 8))
      at.storage.create('a')
      at.storage.append('a', parts)
      const bytes = readAll(at.storage, 'a')
      expect(bytes.length).toBe(6000)
      parts.forEach((part, i) => expect(bytes[2 * i]! + 256 * bytes[2 * i + 1]!).toBe(i))
    })
  })
}

function nameTests(at: Opened): void {
  describe('names and sizes', () => {
    test('truncate cuts, and the next append goes on there', () => {
      at.storage.create('a')
      at.storage.append('a', [bytesOf(1, 2, 3, 4)])
      at.storage.truncate('a', 1)
      at.storage.append('a', [bytesOf(5)])
      expect([...readAll(at.storage, 'a')]).toEqual([1, 5])
      expect(() => at.storage.truncate('a', 3)).toThrow()
    })

    test('a list is sorted and follows creates, renames and removes', () => {
      for (const name of ['segment-2.tmp', 'wal-10', 'catalog-1']) at.storage.create(name)
      at.storage.rename('segment-2.tmp', 'segment-2')
      at.storage.remove('catalog-1')
      expect(at.storage.list()).toEqual(['segment-2', 'wal-10'])
    })

    test('a renamed file keeps its bytes, synced or not, and takes more', async () => {
      at.storage.create('a')
      at.storage.append('a', [bytesOf(1)])
      await at.storage.sync('a')
      at.storage.append('a', [bytesOf(2)])
      at.storage.rename('a', 'b')
      at.storage.append('b', [bytesOf(3)])
      await at.storage.sync('b')
      expect([...readAll(at.storage, 'b')]).toEqual([1, 2, 3])
      expect(at.storage.has('a')).toBe(false)
    })

    test('a removed name can be used again for another file', () => {
      at.storage.create('a')
      at.storage.append('a', [bytesOf(1)])
      at.storage.remove('a')
      at.storage.create('a')
      expect(at.storage.size('a')).toBe(0)
    })

    test('five hundred files can be written and read, in any order', () => {
      const names = Array.from({ length: 500 }, (_, i) => `segment-${i}`)
      for (const name of names) {
        at.storage.create(name)
        at.storage.append(name, [new TextEncoder().encode(name)])
      }
      for (const name of names.toReversed()) {
        expect(new TextDecoder().decode(readAll(at.storage, name))).toBe(name)
      }
    })
  })
}

function errorTests(at: Opened): void {
  describe('errors', () => {
    test('an existing name is a conflict for create and rename', async () => {
      at.storage.create('a')
      at.storage.create('b')
      await expectError(() => at.storage.create('a'), 'conflict', /^a: /)
      await expectError(() => at.storage.rename('a', 'b'), 'conflict', /^b: /)
      await expectError(() => at.storage.rename('a', 'a'), 'conflict', /^a: /)
    })

    test('a missing file is corrupt and named, whatever is asked of it', async () => {
      const calls = [
        () => at.storage.size('wal-7'),
        () => at.storage.read('wal-7', 0, new Uint8Array(1)),
        () => at.storage.append('wal-7', [bytesOf(1)]),
        () => at.storage.truncate('wal-7', 0),
        () => at.storage.sync('wal-7'),
        () => at.storage.rename('wal-7', 'wal-8'),
        () => at.storage.remove('wal-7'),
        () => at.storage.quarantine('wal-7'),
      ]
      for (const call of calls) await expectError(call, 'corrupt', /^wal-7: .*missing/)
    })

    test('a name that could leave the directory never reaches it', () => {
      const names = [
        '',
        '.',
        '..',
        '../a',
        'a/b',
        '/a',
        '.a',
        'A',
        'a b',
        'a\0',
        'ä',
        'a'.repeat(101),
      ]
      for (const name of names) {
        expect(() => at.storage.create(name), JSON.stringify(name)).toThrow(/assertion failed/)
        expect(() => at.storage.has(name), JSON.stringify(name)).toThrow(/assertion failed/)
      }
      expect(at.storage.list()).toEqual([])
    })

    test('a closed storage refuses everything, and closing again is no error', async () => {
      at.storage.create('a')
      await at.storage.close()
      await at.storage.close()
      const calls = [
        () => at.storage.list(),
        () => at.storage.has('a'),
        () => at.storage.size('a'),
        () => at.storage.read('a', 0, new Uint8Array(1)),
        () => at.storage.create('b'),
        () => at.storage.append('a', [bytesOf(1)]),
        () => at.storage.sync('a'),
        () => at.storage.rename('a', 'b'),
        () => at.storage.remove('a'),
        () => at.storage.syncDirectory(),
        () => at.storage.quarantine('a'),
      ]
      for (const call of calls) await expectError(call, 'unavailable', /closed/)
    })
  })
}

function durabilityTests(at: Opened): void {
  describe('durability', () => {
    test('what was synced is there after closing and opening', async () => {
      at.storage.create('wal-1')
      at.storage.append('wal-1', [bytesOf(1, 2)])
      await at.storage.sync('wal-1')
      await at.storage.syncDirectory()
      await at.reopen()
      expect(at.storage.list()).toEqual(['wal-1'])
      at.storage.append('wal-1', [bytesOf(3)])
      await at.storage.sync('wal-1')
      await at.reopen()
      expect([...readAll(at.storage, 'wal-1')]).toEqual([1, 2, 3])
    })

    test('appends, reads and other syncs go on while a sync runs', async () => {
      at.storage.create('a')
      at.storage.append('a', [bytesOf(1)])
      const first = at.storage.sync('a')
      at.storage.append('a', [bytesOf(2)])
      const second = at.storage.sync('a')
      at.storage.append('a', [bytesOf(3)])
      expect([...readAll(at.storage, 'a')]).toEqual([1, 2, 3])
      await Promise.all([first, second])
      await at.storage.sync('a')
      expect([...readAll(at.storage, 'a')]).toEqual([1, 2, 3])
    })

    test('closing waits for the syncs that run', async () => {
      at.storage.create('a')
      at.storage.append('a', [bytesOf(1)])
      let isSynced = false
      void at.storage.sync('a').then(() => (isSynced = true))
      await at.storage.close()
      for (let turn = 0; turn < 10; turn++) await Promise.resolve()
      expect(isSynced).toBe(true)
    })

    test('a file may be removed while its sync runs', async () => {
      at.storage.create('a')
      at.storage.append('a', [bytesOf(1)])
      const sync = at.storage.sync('a')
      at.storage.remove('a')
      await sync
      expect(at.storage.list()).toEqual([])
    })
  })
}

function lockTests(at: Opened): void {
  describe('quarantine and lock', () => {
    test('a quarantined file stays, and is copied once for each content', () => {
      at.storage.create('wal-1')
      at.storage.append('wal-1', [bytesOf(1)])
      const first = at.storage.quarantine('wal-1')
      expect(first).toBe('quarantine/wal-1')
      expect(at.storage.quarantine('wal-1')).toBe(first)
      at.storage.append('wal-1', [bytesOf(2)])
      const second = at.storage.quarantine('wal-1')
      expect(second).not.toBe(first)
      expect(at.storage.quarantine('wal-1')).toBe(second)
      expect(at.storage.list()).toEqual(['wal-1'])
    })

    test('a second storage on the same place is refused until the first is closed', async () => {
      await expectError(() => at.place.open(), 'locked', /is held by/)
      at.storage.create('a')
      await at.reopen()
      expect(at.storage.list()).toEqual(['a'])
    })
  })
}

function randomTests(at: Opened): void {
  const agrees = async (seed: number): Promise<void> => {
    const random = randomOf(seed)
    const model = new Map<string, number[]>()
    for (let i = 0; i < 400; i++) {
      const name = `segment-${random.int(6)}`
      const other = `segment-${random.int(6)}`
      const have = model.get(name)
      const step = random.int(8)
      if (have === undefined) {
        at.storage.create(name)
        model.set(name, [])
      } else if (step < 3) {
        const bytes = Array.from({ length: random.int(700) }, () => random.int(256))
        at.storage.append(name, [
          Uint8Array.from(bytes.slice(0, 9)),
          Uint8Array.from(bytes.slice(9)),
        ])
        have.push(...bytes)
      } else if (step === 3) {
        have.length = random.int(have.length + 1)
        at.storage.truncate(name, have.length)
      } else if (step === 4 && !model.has(other)) {
        at.storage.rename(name, other)
        model.delete(name)
        model.set(other, have)
      } else if (step === 5) {
        at.storage.remove(name)
        model.delete(name)
      } else if (step === 6) {
        await at.storage.sync(name)
      } else if (random.chance(0.1)) {
        await at.reopen()
      }
      expect(at.storage.list(), `seed ${seed}, step ${i}`).toEqual([...model.keys()].sort())
      const content = model.get(name) ?? []
      const found = model.has(name) ? [...readAll(at.storage, name)] : []
      expect(found, `seed ${seed}, step ${i}`).toEqual(content)
    }
  }
  for (const seed of [1, 2, 3]) {
    test(`random calls agree with a plain map, seed ${seed}`, () => agrees(seed))
  }
}
