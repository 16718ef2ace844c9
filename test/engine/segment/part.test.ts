import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runAsync } from '../../../engine/drive.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import { TIME } from '../../../engine/segment/part.ts'
import { openKernel } from '../../kernel.ts'
import {
  COLUMNS,
  type Opened,
  START,
  type Value,
  makeRows,
  openRows,
  readAll,
} from './part-fixture.ts'

let instance: KernelInstance
let usedBefore = 0

beforeEach(async () => {
  instance = await openKernel()
  usedBefore = instance.memory.used
})

afterEach(() => {
  expect(instance.memory.used, 'every region is given back').toBe(usedBefore)
})

function close({ cache }: Opened): void {
  cache.release()
}

describe('reading a part', () => {
  const LENGTHS = [2000, 1, 3000, 500]

  test('a cold look-up of one block is three reads, a warm one none', () => {
    const opened = openRows(instance, makeRows(LENGTHS), COLUMNS)
    const pins = opened.cache.pins()
    const { reader, run, files } = opened
    run(reader.open(pins))
    run(reader.block(pins, 4, 2))
    expect(files.reads.length).toBe(3)
    pins.release()
    run(reader.open(pins))
    run(reader.block(pins, 4, 2))
    expect(files.reads.length).toBe(3)
    pins.release()
    close(opened)
  })

  test('blocks in a row are loaded with one read, and only those that are missing', () => {
    const opened = openRows(instance, makeRows(LENGTHS), COLUMNS)
    const pins = opened.cache.pins()
    const { reader, run, files } = opened
    run(reader.open(pins))
    run(reader.entry(pins, 4, 0))
    files.reads = []
    run(reader.load(pins, 4, 1, 4))
    expect(files.reads.length).toBe(1)
    run(reader.load(pins, 4, 0, 6))
    expect(files.reads.length).toBe(3)
    run(reader.load(pins, 4, 0, 6))
    for (let block = 0; block < 6; block++) run(reader.block(pins, 4, block))
    expect(files.reads.length).toBe(3)
    pins.release()
    close(opened)
  })

  test('columns that are not there or all null read nothing', () => {
    const rows = makeRows([2000]).map((row) => ({
      ...row,
      values: [1.5, null, null, null, null] as Value[],
    }))
    const opened = openRows(instance, rows, COLUMNS)
    const pins = opened.cache.pins()
    const { reader, run, files } = opened
    run(reader.open(pins))
    files.reads = []
    expect(run(reader.entry(pins, 5, 1))).toBe(0)
    expect(run(reader.block(pins, 70_000, 0))).toBe(0)
    expect(run(reader.entry(pins, 12_345, 0))).toBe(0)
    run(reader.load(pins, 9, 0, 2))
    expect(files.reads).toEqual([])
    pins.release()
    close(opened)
  })

  test('a regular clock and a constant need no block at all', () => {
    const rows = makeRows([2000]).map((row) => ({ ...row, values: [7] as Value[] }))
    const opened = openRows(instance, rows, [{ id: 1, type: 0 }])
    const pins = opened.cache.pins()
    const { reader, run, files } = opened
    run(reader.open(pins))
    expect(run(reader.block(pins, TIME, 0))).not.toBe(0)
    expect(run(reader.block(pins, 1, 1))).not.toBe(0)
    expect(files.reads.length).toBe(3)
    pins.release()
    close(opened)
  })

  test('finds the rows and times of every series, and no others', () => {
    const lengths = Array.from({ length: 2500 }, (_, i) => 1 + ((i * 7) % 4))
    const opened = openRows(instance, makeRows(lengths), [])
    const pins = opened.cache.pins()
    const { reader, run } = opened
    run(reader.open(pins))
    expect(reader.seriesPageCount).toBe(3)
    let start = 0
    for (const [s, length] of lengths.entries()) {
      const id = 7 * s + 1
      const lastTime = START + BigInt(length - 1) * 10_000_000_000n
      const range = run(reader.seriesRange(pins, id))
      const end = start + length
      expect(range).toEqual({ id, index: s, start, end, firstTime: START, lastTime })
      expect(run(reader.seriesRange(pins, id - 1))).toBe(null)
      start += length
    }
    expect(run(reader.seriesRange(pins, 7 * 2500 + 1))).toBe(null)
    expect(run(reader.seriesRange(pins, 2 ** 32 - 1))).toBe(null)
    pins.release()
    close(opened)
  })

  test('works through a cache of one block, when pins are released in between', () => {
    const rows = makeRows(LENGTHS)
    const opened = openRows(instance, rows, COLUMNS, 1)
    expect(readAll(opened)).toEqual(rows)
    close(opened)
  })

  test('works over a storage that is awaited, for two executions at once', async () => {
    const opened = openRows(instance, makeRows(LENGTHS), COLUMNS)
    const { reader, cache, files } = opened
    const look = async (): Promise<unknown> => {
      const pins = cache.pins()
      const host = { cache, source: files.later(), pause: () => {} }
      await runAsync(reader.open(pins), host)
      await runAsync(reader.load(pins, 4, 0, 6), host)
      const at = await runAsync(reader.block(pins, 4, 3), host)
      const entry = await runAsync(reader.entry(pins, 4, 3), host)
      const found = instance.kernel.checkBlock(0, at, entry)
      const range = await runAsync(reader.seriesRange(pins, 15), host)
      pins.release()
      return [found, range?.start]
    }
    expect(await Promise.all([look(), look(), look()])).toEqual([
      [0, 2001],
      [0, 2001],
      [0, 2001],
    ])
    close(opened)
  })
})
