import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { decodeEntries } from '../../../engine/catalog/catalog-entry.ts'
import {
  type Tombstone,
  decodeTombstone,
  encodeTombstone,
  encodeTombstonesDropped,
  setSequences,
  spanOf,
} from '../../../engine/lifecycle/tombstone.ts'

const EXAMPLE: Tombstone = {
  id: 2,
  table: 0,
  sequence: 5n,
  ranges: {
    series: Uint32Array.of(0, 3),
    firsts: Uint32Array.of(0, 1, 3),
    starts: BigInt64Array.of(1000n, -1n, 2000n),
    ends: BigInt64Array.of(1001n, 0n, 3000n),
  },
}
const MIN = -(2n ** 63n) + 2n
const MAX = 2n ** 63n - 1n

/** Of `table`, one range of every series. */
function everySeries(id: number, start: bigint, end: bigint): Tombstone {
  const range = { starts: BigInt64Array.of(start), ends: BigInt64Array.of(end) }
  return { id, table: 7, sequence: 1n, ranges: { series: null, firsts: null, ...range } }
}

function exampleBytes(): Uint8Array {
  const text = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')
  const section = text.split('\n## Tombstones\n')[1]!.split('\n## ')[0]!
  const hex = /```\n([0-9a-f\s]+)```/.exec(section)![1]!
  return Uint8Array.from(hex.trim().split(/\s+/), (byte) => parseInt(byte, 16))
}

describe('a tombstone as bytes', () => {
  test('is the example of docs/format.md', () => {
    const bytes = exampleBytes()
    expect([...decodeEntries(bytes)]).toEqual([
      { kind: 'tombstone', ...EXAMPLE },
      { kind: 'tombstoneDropped', id: 1 },
    ])
    const encoded = Buffer.concat([encodeTombstone(EXAMPLE), encodeTombstonesDropped([1])])
    expect(Buffer.from(bytes).equals(encoded)).toBe(true)
  })

  test.each<[string, Tombstone]>([
    ['of every series, over all times', everySeries(0, MIN, MAX)],
    [
      'of one range for many',
      {
        ...EXAMPLE,
        ranges: { ...everySeries(0, 5n, 6n).ranges, series: Uint32Array.of(1, 2, 0xfffffffe) },
      },
    ],
    ['of ranges of each', EXAMPLE],
  ])('%s comes back as it was', (_name, tombstone) => {
    expect(decodeTombstone(encodeTombstone(tombstone))).toEqual(tombstone)
  })

  test('cut anywhere, or with more behind it, is refused', () => {
    const bytes = encodeTombstone(EXAMPLE)
    for (let size = 12; size < bytes.length; size++) {
      expect(() => decodeTombstone(bytes.subarray(0, size)), `${size}`).toThrow(/tombstone 2/)
    }
    expect(() => decodeTombstone(Buffer.concat([bytes, new Uint8Array(1)]))).toThrow(/tombstone 2/)
  })

  test.each<[string, Partial<Tombstone['ranges']>]>([
    ['series twice', { series: Uint32Array.of(3, 3) }],
    ['series out of order', { series: Uint32Array.of(3, 0) }],
    ['a series without ranges', { firsts: Uint32Array.of(0, 0, 3) }],
    ['an empty range', { ends: BigInt64Array.of(1000n, 0n, 3000n) }],
    ['ranges of a series that meet', { ends: BigInt64Array.of(1001n, 2000n, 3000n) }],
    [
      'no range',
      { series: null, firsts: null, starts: new BigInt64Array(), ends: new BigInt64Array() },
    ],
  ])('with %s is refused', (_name, ranges) => {
    const bytes = encodeTombstone({ ...EXAMPLE, ranges: { ...EXAMPLE.ranges, ...ranges } })
    expect(() => decodeTombstone(bytes)).toThrow(/out of order/)
  })

  test('gets the sequence of the replay, and entries beside it stay as they are', () => {
    const bytes = Buffer.concat([
      encodeTombstonesDropped([0, 1]),
      encodeTombstone(EXAMPLE),
      encodeTombstone(everySeries(3, 1n, 2n)),
    ])
    setSequences(bytes, 99n)
    expect([...decodeEntries(bytes)]).toEqual([
      { kind: 'tombstoneDropped', id: 0 },
      { kind: 'tombstoneDropped', id: 1 },
      { kind: 'tombstone', ...EXAMPLE, sequence: 99n },
      { kind: 'tombstone', ...everySeries(3, 1n, 2n), sequence: 99n },
    ])
  })

  test('spans from its least to its greatest time, whatever series they are of', () => {
    expect(spanOf(EXAMPLE.ranges)).toEqual([-1n, 3000n])
  })
})
