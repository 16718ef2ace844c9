import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Cache } from '../../../engine/segment/cache.ts'
import { crc32c } from '../../../engine/crc.ts'
import { runSync } from '../../../engine/drive.ts'
import { checkSegmentHeader } from '../../../engine/segment/footer.ts'
import type { KernelInstance } from '../../../engine/kernel.ts'
import { PartReader, TIME } from '../../../engine/segment/part.ts'
import { SegmentWriter, segmentName, writePart } from '../../../engine/segment/segment.ts'
import { openKernel } from '../../kernel.ts'
import { randomOf } from '../../random.ts'
import {
  ArraySource,
  COLUMNS,
  Files,
  type Opened,
  type Row,
  START,
  type Value,
  makeRows,
  openRows,
  readAll,
  writeSegment,
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

describe('a part', () => {
  const shapes: [string, number[]][] = [
    ['one row', [1]],
    ['two series of one row', [1, 1]],
    ['exactly one block', [1024]],
    ['one row more than a block', [1000, 25]],
    ['many short series', Array.from({ length: 700 }, (_, i) => 1 + (i % 5))],
    ['series across blocks', [3000, 10, 5000]],
  ]
  test.each(shapes)('of %s comes back row for row', (_name, lengths) => {
    const rows = makeRows(lengths)
    const opened = openRows(instance, rows, COLUMNS)
    expect(readAll(opened)).toEqual(rows)
    close(opened)
  })

  test('of exactly one row group, and of one block more, comes back', () => {
    for (const count of [65_536, 65_537]) {
      const rows = Array.from({ length: count }, (_, i) => ({
        series: 5,
        time: START + BigInt(i) * 1_000_000n,
        values: [i % 1000] as Value[],
      }))
      const opened = openRows(instance, rows, [{ id: 1, type: 0 }])
      expect(opened.reader.blockCount).toBe(Math.ceil(count / 1024))
      const found = readAll(opened)
      expect(found.length).toBe(count)
      expect(
        found.findIndex(
          (row, i) => row.time !== rows[i]!.time || row.values[0] !== rows[i]!.values[0],
        ),
      ).toBe(-1)
      close(opened)
    }
  })

  test('without rows is not written', () => {
    const { parts, bytes } = writeSegment(instance, 1, [
      { rows: [], spec: { table: 1, partition: 0n, sequence: 1n, columns: COLUMNS } },
    ])
    expect(parts).toEqual([null])
    expect(bytes.length).toBe(32)
  })

  test('without columns has times and series only', () => {
    const rows = makeRows([30]).map((row) => ({ ...row, values: [] }))
    const opened = openRows(instance, rows, [])
    expect(readAll(opened)).toEqual(rows)
    close(opened)
  })

  test('describes its rows, times and place', () => {
    const rows = makeRows([10, 20])
    const opened = openRows(instance, rows, COLUMNS)
    expect(opened.reader.description).toMatchObject({
      file: 12,
      offset: 32,
      table: 3,
      partition: 0n,
      sequence: 9n,
      rows: 30,
      minTime: START,
      maxTime: START + 190_000_000_000n,
    })
    close(opened)
  })
})

describe('a segment', () => {
  test('holds several parts, each readable by itself', () => {
    const specs = [1n, 2n, 3n].map((sequence) => ({
      table: 1,
      partition: 0n,
      sequence,
      columns: COLUMNS,
    }))
    const all = [makeRows([100], 1), makeRows([2000, 5], 2), makeRows([3], 3)]
    const written = writeSegment(
      instance,
      8,
      all.map((rows, i) => ({ rows, spec: specs[i]! })),
    )
    expect(written.writer.size).toBe(written.bytes.length)
    expect(written.writer.checksum).toBe(crc32c(written.bytes))
    checkSegmentHeader(written.bytes, 8)
    const files = new Files()
    files.files.set(segmentName(8), written.bytes)
    const cache = new Cache(instance.memory, 1 << 20)
    const run = <T>(execution: Parameters<typeof runSync<T>>[0]): T =>
      runSync(execution, { cache, source: files })
    let end = 32
    for (const [i, part] of written.parts.entries()) {
      expect(part!.offset).toBe(end)
      end += part!.size
      const reader = new PartReader(instance, cache, part!)
      expect(readAll({ instance, files, cache, reader, run })).toEqual(all[i])
    }
    expect(end).toBe(written.bytes.length)
    cache.release()
  })

  test('refuses rows that are out of order or repeated, and gives its memory back', () => {
    for (const [a, b] of [
      [0, 1],
      [5, 6],
      [1500, 1501],
    ] as const) {
      const rows = makeRows([2000])
      rows[b]!.time = rows[a]!.time
      const spec = { table: 1, partition: 0n, sequence: 1n, columns: COLUMNS }
      expect(() => writeSegment(instance, 1, [{ rows, spec }])).toThrow(/out of order/)
    }
  })

  test('gives its memory back when the sink fails', () => {
    const rows = makeRows([3000])
    for (const allowed of [0, 1, 3, 6, 9]) {
      let calls = 0
      const sink = (): void => {
        if (++calls > allowed) throw new Error('disk full')
      }
      const source = new ArraySource(instance, rows, COLUMNS)
      const cache = new Cache(instance.memory, 1 << 20)
      let writer: SegmentWriter | null = null
      expect(() => {
        writer = new SegmentWriter(instance, 3, sink)
        const spec = { table: 1, partition: 0n, sequence: 1n, columns: COLUMNS }
        runSync(writePart(writer, source, spec), { cache, source: new Files() })
      }, `${allowed} writes`).toThrow('disk full')
      ;(writer as SegmentWriter | null)?.release()
      source.release()
      expect(instance.memory.used, `${allowed} writes`).toBe(usedBefore)
    }
  })
})

describe('a damaged segment', () => {
  function expectCorrupt(opened: Opened, use: () => unknown, message: RegExp): void {
    const used = instance.memory.used
    expect(use).toThrow(expect.objectContaining({ code: 'corrupt' }))
    expect(use).toThrow(message)
    expect(instance.memory.used).toBe(used)
    expect(opened.cache.used).toBeLessThan(1 << 24)
  }

  test('is refused when all of it is read, whichever byte is damaged', () => {
    const rows = makeRows([700, 600, 3])
    const clean = openRows(instance, rows, COLUMNS)
    const bytes = clean.files.files.get('segment-12')!
    const { description } = clean.reader
    const random = randomOf(99)
    for (let round = 0; round < 250; round++) {
      const at = description.offset + random.int(description.size)
      const damaged = bytes.slice()
      damaged[at]! ^= 1 << random.int(8)
      const files = new Files()
      files.files.set('segment-12', damaged)
      const cache = new Cache(instance.memory, 1 << 24)
      const run: Opened['run'] = (execution) => runSync(execution, { cache, source: files })
      const reader = new PartReader(instance, cache, description)
      const read = (): Row[] => readAll({ instance, files, cache, reader, run })
      expect(read, `byte ${at}`).toThrow(expect.objectContaining({ code: 'corrupt' }))
      cache.release()
    }
    clean.files.files.set('segment-12', bytes)
    expect(readAll(clean)).toEqual(rows)
    close(clean)
  })

  test('names file, column, offset and times of a damaged block', () => {
    const opened = openRows(instance, makeRows([3000]), COLUMNS)
    const { reader, run, files, cache } = opened
    const pins = cache.pins()
    run(reader.open(pins))
    run(reader.entry(pins, TIME, 0))
    const entry = run(reader.entry(pins, 9, 1))
    const at = reader.description.offset + instance.memory.u32[entry / 4]!
    files.files.get('segment-12')![at]! ^= 1
    expectCorrupt(
      opened,
      () => run(reader.block(pins, 9, 1)),
      new RegExp(
        `segment-12: block of column 9 at offset ${at} fails its checksum .times 2026-09-.*Z to 2026-`,
      ),
    )
    // Another block of the column is still readable.
    expect(run(reader.block(pins, 9, 0))).not.toBe(0)
    pins.release()
    close(opened)
  })

  test('is refused when cut short, swapped for another or read at the wrong place', () => {
    const opened = openRows(instance, makeRows([3000]), COLUMNS)
    const { run, files, cache, reader } = opened
    const bytes = files.files.get('segment-12')!
    const description = reader.description
    const open = (change: object): void => {
      run(new PartReader(instance, cache, { ...description, ...change }).open(cache.pins()))
    }
    files.files.set('segment-13', bytes)
    expectCorrupt(opened, () => open({ file: 13 }), /segment-13: footer .* fails its checksum/)
    expectCorrupt(opened, () => open({ offset: 33 }), /segment-12/)
    expectCorrupt(opened, () => open({ size: description.size - 1 }), /segment-12/)
    expectCorrupt(opened, () => open({ table: 4 }), /is of table 3, sequence 9, not of table 4/)
    expectCorrupt(opened, () => open({ sequence: 10n }), /not of table 3, sequence 10/)
    files.files.set('segment-12', bytes.slice(0, -1))
    expectCorrupt(opened, () => open({}), /segment-12: ends at/)
    files.files.set('segment-12', new Uint8Array())
    expectCorrupt(opened, () => open({}), /segment-12: ends at/)
    close(opened)
  })

  test('with a damaged, foreign or newer header is refused', () => {
    const { bytes } = writeSegment(instance, 12, [])
    checkSegmentHeader(bytes, 12)
    for (let i = 0; i < 32; i++) {
      const damaged = bytes.slice()
      damaged[i]! ^= 0x10
      expect(() => checkSegmentHeader(damaged, 12), `byte ${i}`).toThrow(/segment-12/)
    }
    expect(() => checkSegmentHeader(bytes, 13)).toThrow('segment-13: is a copy of segment-12')
    const newer = bytes.slice()
    newer[8] = 1
    new DataView(newer.buffer).setUint32(28, crc32c(newer.subarray(0, 28)), true)
    expect(() => checkSegmentHeader(newer, 12)).toThrow(
      expect.objectContaining({ code: 'unsupported' }),
    )
  })
})
