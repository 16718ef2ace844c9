import { describe, expect, test } from 'vitest'
import { checkShares, shareMemory } from '../../engine/memory-share.ts'
import { openDatabase } from '../../engine/database.ts'
import { simulatedHost } from '../simulated-host.ts'
import { SimulatedDisk } from '../simulated-storage.ts'

const MIB = 1 << 20

describe('shares of the memory', () => {
  test('of one gibibyte are the documented ones', () => {
    expect(shareMemory(1024 * MIB)).toEqual({
      memtableRowBytes: 64 * MIB,
      memtableArenaBytes: 32 * MIB,
      logBytes: 64 * MIB,
      cacheBytes: 128 * MIB,
      stagingBytes: 64 * MIB,
      queryBytes: 256 * MIB,
    })
  })

  test('of any size that is allowed fit', () => {
    for (let size = 16 * MIB; size <= 2048 * MIB; size += 7 * MIB) {
      checkShares(size, shareMemory(size))
    }
  })

  test('that do not fit, and sizes that cannot be had, are refused by name', () => {
    const shares = shareMemory(64 * MIB)
    const check = (size: number, change: object) => () =>
      checkShares(size, { ...shares, ...change })
    expect(check(64 * MIB, { cacheBytes: 60 * MIB })).toThrow(/memtables, cache and staging take/)
    expect(check(8 * MIB, {})).toThrow(/memory: 8388608 bytes are not between/)
    expect(check(4096 * MIB, {})).toThrow(/are not between/)
    expect(check(NaN, {})).toThrow(/are not between/)
    expect(check(64 * MIB, { stagingBytes: 0 })).toThrow(/stagingBytes is 0/)
    expect(check(64 * MIB, { queryBytes: NaN })).toThrow(/queryBytes is NaN/)
  })
})

test('a log of large memtables is recovered into small ones', async () => {
  const disk = new SimulatedDisk(1)
  const host = await simulatedHost(disk.open())
  const large = { memoryBytes: 128 * MIB }
  const first = await openDatabase(host, large)
  const lines: string[] = []
  for (let i = 0; i < 20_000; i++) lines.push(`t,host=h${i % 7} a=${i},b="text ${i}" ${i}`)
  for (let round = 0; round < 5; round++) {
    const batch = first.batch({ precision: 's' })
    batch.lineProtocol(new TextEncoder().encode(lines.join('\n').replaceAll('h', `h${round}`)))
    await batch.commit()
  }
  // All of it is in the log, four times what a small memtable takes.
  disk.kill()
  const small = await openDatabase(await simulatedHost(disk.open()), {
    memoryBytes: 16 * MIB,
    logBytes: MIB,
  })
  const answer = await small.query({ table: 't', select: { n: 'count(a)', s: 'sum(a)' } })
  expect(answer.series[0]!.fields.map(({ values }) => values[0])).toEqual([
    100_000n,
    (5 * (19_999 * 20_000)) / 2,
  ])
  expect(small.metrics().memoryBytes).toBeLessThan(16 * MIB)
  await small.close()
})
