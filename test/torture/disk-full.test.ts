// A disk that fills and empties again costs nothing but 507s in between: over HTTP, on a real file
// system of 8 MiB where one can be mounted.

import { expect, onTestFinished, test } from 'vitest'
import { startServer } from '../../server/node.ts'
import { type SmallDisk, smallDisks } from './small-disk.ts'

const SMALL = { memtableRowBytes: 1 << 18, memtableArenaBytes: 1 << 16, logBytes: 1 << 18 }
const ROWS = 500
const BATCHES_MAX = 5_000

/** Values that do not compress; `x` of a row is its number. */
function linesOf(batch: number): string {
  return Array.from({ length: ROWS }, (_, i) => {
    const row = batch * ROWS + i
    const noise = Math.sin(row * 12.9898) * 43_758.5453
    // What each brings is new: a tag value with its series, and a field.
    return `t,host=h${row % 10},batch=b${batch} x=${row},y=${noise},f${batch % 900}=${row} ${row}`
  }).join('\n')
}

test.each(smallDisks())(
  'when $name is full, writes are 507 and reads go on; with space all does',
  {
    timeout: 180_000,
  },
  async (disk: SmallDisk) => {
    onTestFinished(() => disk.remove())
    let db = await disk.open(SMALL)
    const server = await startServer(db, { port: 0 })
    const write = async (batch: number): Promise<number> => {
      const response = await fetch(`${server.url}/v1/write`, {
        method: 'POST',
        body: linesOf(batch),
      })
      await response.text()
      return response.status
    }
    const shown = async (): Promise<number[]> => {
      const { series } = await db.query({ table: 't', select: 'x' })
      const rows = series.flatMap(({ fields }) => [...(fields[0]!.values as Float64Array)])
      return rows.sort((a, b) => a - b)
    }
    const acked: number[] = []
    const attempt = async (batch: number): Promise<boolean> => {
      const status = await write(batch)
      if (status < 300) acked.push(batch)
      else expect(status).toBe(507)
      return status < 300
    }
    let batch = 0
    while ((await attempt(batch++)) && batch < BATCHES_MAX) continue
    expect(acked.length).toBeGreaterThan(10)
    expect(batch).toBeLessThan(BATCHES_MAX)
    // Flushes may have made room again: it is full for good when many are refused in a row.
    for (let refused = 0; refused < 20; batch++) refused = (await attempt(batch)) ? 0 : refused + 1
    const expectAll = (rows: readonly number[]): void => {
      const wanted = acked.flatMap((at) => Array.from({ length: ROWS }, (_, i) => at * ROWS + i))
      // Not by toEqual, which would print them all.
      expect([rows.length, rows.findIndex((row, i) => row !== wanted[i])]).toEqual([
        wanted.length,
        -1,
      ])
    }
    // A refused write leaves no name behind.
    const expectNames = async (): Promise<void> => {
      const { values } = await db.tagValues('t', 'batch')
      expect(values).toEqual(acked.map((at) => `b${at}`).sort())
      const { fields } = await db.table('t')
      const names = acked.map((at) => `f${at % 900}`)
      expect(Object.keys(fields)).toEqual([...new Set([...names, 'x', 'y'])].sort())
    }
    expectAll(await shown())
    await expectNames()
    const body = JSON.stringify({ table: 't', select: 'count(x)' })
    const headers = { 'Content-Type': 'application/json' }
    const read = await fetch(`${server.url}/v1/query`, { method: 'POST', body, headers })
    expect(await read.text()).toContain(String(acked.length * ROWS))
    disk.free()
    // A flush that failed is tried again after a pause of at most a minute.
    let going = 0
    const goOn = async (): Promise<number> => {
      disk.tick()
      return (going = (await attempt(batch++)) ? going + 1 : 0)
    }
    await expect.poll(goOn, { timeout: 100_000 }).toBeGreaterThanOrEqual(20)
    expectAll(await shown())
    await expectNames()
    await server.close()
    await db.close()
    db = await disk.open(SMALL)
    expectAll(await shown())
    await expectNames()
    await db.close()
  },
)
