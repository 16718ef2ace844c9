// The R2 adapter inside real workerd, over the bucket that miniflare simulates.

import { env } from 'cloudflare:test'
import { expect, test } from 'vitest'
import { type R2BucketBinding, openR2 } from '../../../engine/storage/r2.ts'
import type { SegmentStorage } from '../../../engine/storage/storage.ts'
import { runObjectStoreContract } from '../../engine/storage/segments.contract.ts'

const timer = {
  set: (delayMs: number, run: () => void) => setTimeout(run, delayMs),
  clear: (handle: unknown) => clearTimeout(handle as number),
}

const bucket = (env as unknown as { SEGMENTS: R2BucketBinding }).SEGMENTS
let places = 0

/** A part of the bucket of its own. */
function open(): SegmentStorage {
  const whole = openR2(bucket, { timer })
  const place = `place-${places++}/`
  const own = (key: string): string => (/^[a-z0-9]/.test(key) ? place + key : key)
  return {
    put: (key, bytes) => whole.put(own(key), bytes),
    read: (key, offset, target) => named(key, place, whole.read(own(key), offset, target)),
    readSuffix: (key, target) => named(key, place, whole.readSuffix(own(key), target)),
    list: async (prefix) => {
      const keys = await whole.list(place + prefix)
      return keys.map((key) => key.slice(place.length))
    },
    remove: (key) => whole.remove(own(key)),
  }
}

/** Errors name the key that was asked for. */
async function named<T>(key: string, place: string, work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    if (error instanceof Error) error.message = error.message.replace(place, '')
    throw error
  })
}

runObjectStoreContract('R2 in workerd', open)

test('a list has more keys than a page of the service', async () => {
  const segments = open()
  const keys = Array.from({ length: 1_005 }, (_, i) => `k/${String(i).padStart(4, '0')}`)
  for (let i = 0; i < keys.length; i += 100) {
    await Promise.all(keys.slice(i, i + 100).map((key) => segments.put(key, new Uint8Array(1))))
  }
  expect(await segments.list('k/')).toEqual(keys)
})
