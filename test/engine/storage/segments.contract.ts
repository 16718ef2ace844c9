// What every object store has to do, run over every shard storage.

import { beforeEach, describe, expect, test } from 'vitest'
import { openSegments } from '../../../engine/storage/segments.ts'
import type { SegmentStorage } from '../../../engine/storage/storage.ts'
import { type StoragePlace, bytesOf, expectError, openEach } from './storage.contract.ts'

/** Runs the whole suite over the files of new places. */
export function runSegmentStorageContract(adapter: string, makePlace: () => StoragePlace): void {
  describe(adapter, () => {
    const at = openEach(makePlace)
    let opened: SegmentStorage | null = null
    let storage: unknown = null
    const open = (): SegmentStorage => {
      if (opened === null || storage !== at.storage) opened = openSegments(at.storage)
      storage = at.storage
      return opened
    }
    objectTests(open)
    keyTests(open)
  })
}

/** The same on new, empty object stores. */
export function runObjectStoreContract(adapter: string, make: () => SegmentStorage): void {
  describe(adapter, () => {
    let opened: SegmentStorage
    beforeEach(() => {
      opened = make()
    })
    const open = (): SegmentStorage => opened
    objectTests(open)
    keyTests(open)
  })
}

function objectTests(open: () => SegmentStorage): void {
  describe('objects', () => {
    test('an object is stored once: the second put changes nothing', async () => {
      expect(await open().put('shard-1/segment-7', bytesOf(1, 2, 3))).toBe(true)
      expect(await open().put('shard-1/segment-7', bytesOf(9))).toBe(false)
      const target = new Uint8Array(3)
      expect(await open().read('shard-1/segment-7', 0, target)).toBe(3)
      expect([...target]).toEqual([1, 2, 3])
    })

    test('of puts at the same moment one wins', async () => {
      const puts = [1, 2, 3].map((value) => open().put('a', bytesOf(value, value)))
      expect((await Promise.all(puts)).filter(Boolean).length).toBe(1)
      expect((await open().readSuffix('a', new Uint8Array(2))).size).toBe(2)
      expect(await open().list('')).toEqual(['a'])
    })

    test('a range read stops at the end of the object', async () => {
      await open().put('a', bytesOf(1, 2, 3))
      const target = new Uint8Array(4).fill(9)
      expect(await open().read('a', 2, target)).toBe(1)
      expect([...target]).toEqual([3, 9, 9, 9])
      expect(await open().read('a', 3, target)).toBe(0)
    })

    test('a suffix read gives the last bytes and the size', async () => {
      await open().put('a', bytesOf(1, 2, 3))
      const target = new Uint8Array(2)
      expect(await open().readSuffix('a', target)).toEqual({ size: 3, count: 2 })
      expect([...target]).toEqual([2, 3])
      const large = new Uint8Array(5).fill(9)
      expect(await open().readSuffix('a', large)).toEqual({ size: 3, count: 3 })
      expect([...large]).toEqual([1, 2, 3, 9, 9])
      expect(await open().readSuffix('a', new Uint8Array(0))).toEqual({ size: 3, count: 0 })
    })

    test('nothing is read behind the end, and nothing into an empty target', async () => {
      await open().put('a', bytesOf(1, 2, 3))
      const target = new Uint8Array(2).fill(9)
      expect(await open().read('a', 3, target)).toBe(0)
      expect(await open().read('a', 1_000_000, target)).toBe(0)
      expect(await open().read('a', 0, new Uint8Array(0))).toBe(0)
      expect([...target]).toEqual([9, 9])
    })

    test('a read behind the end of no object is one of an absent object', async () => {
      await expectError(() => open().read('a', 5, new Uint8Array(1)), 'corrupt', /^a: /)
    })
  })
}

function keyTests(open: () => SegmentStorage): void {
  describe('keys', () => {
    test('a list has the keys of a prefix, sorted', async () => {
      for (const key of ['b/2', 'b/10', 'a', 'b.c']) await open().put(key, bytesOf(1))
      expect(await open().list('b/')).toEqual(['b/10', 'b/2'])
      expect(await open().list('')).toEqual(['a', 'b.c', 'b/10', 'b/2'])
      expect(await open().list('c')).toEqual([])
    })

    test('a removed object is gone, and removing it again is no error', async () => {
      await open().put('a/b', bytesOf(1))
      await open().remove('a/b')
      await open().remove('a/b')
      await expectError(() => open().read('a/b', 0, new Uint8Array(1)), 'corrupt', /^a\/b: /)
      await expectError(() => open().readSuffix('a/b', new Uint8Array(1)), 'corrupt', /^a\/b: /)
      expect(await open().put('a/b', bytesOf(2))).toBe(true)
    })

    test('an empty object is an object', async () => {
      expect(await open().put('a', new Uint8Array(0))).toBe(true)
      expect(await open().readSuffix('a', new Uint8Array(4))).toEqual({ size: 0, count: 0 })
      expect(await open().read('a', 0, new Uint8Array(4))).toBe(0)
      expect(await open().list('')).toEqual(['a'])
      expect(await open().put('a', bytesOf(1))).toBe(false)
    })

    test('a bad key is refused', async () => {
      for (const key of ['', '/', 'a/', '/a', 'a//b', 'a/../b', 'A', 'a_b']) {
        await expect(open().put(key, bytesOf(1)), key).rejects.toThrow(/assertion failed/)
      }
      expect(await open().list('')).toEqual([])
    })
  })
}
