import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createBatch, type BatchHost } from '../../../engine/ingest/batch.ts'
import { StagedRows } from '../../../engine/ingest/staged-batch.ts'
import { Staging } from '../../../engine/ingest/staging.ts'
import { TIME_MIN } from '../../../engine/calendar.ts'
import { crc32c } from '../../../engine/crc.ts'
import {
  type ShardMap,
  shardOf,
  shardsOf,
  slotsOf,
  soleMap,
  splitMap,
} from '../../../engine/shards/shard-map.ts'
import {
  type Shipment,
  openShipment,
  shipments,
  slotOfSeries,
  stageShipment,
} from '../../../engine/shards/shipment.ts'
import { type Ingest, type Point, openIngest, utf8 } from '../ingest/ingest.ts'
import { seededRandom, seedsOf } from '../../random.ts'

/** Stages text as a coordinator does and gives what its shards are sent. */
async function ship(
  ingest: Ingest,
  text: string,
  map: ShardMap,
  bytesMax?: number,
): Promise<Shipment[]> {
  const sent: Shipment[] = []
  const host: BatchHost = {
    ...ingest.host,
    queue: {
      async submit(staged, ack) {
        if (!(staged instanceof StagedRows)) throw new Error('not staged here')
        staged.preview()
        sent.push(...shipments(staged.staging, ingest.catalog, map, bytesMax))
        return staged.result(ack)
      },
    },
  }
  const batch = createBatch(host, { precision: 'ns' })
  batch.lineProtocol(utf8(text))
  await batch.commit()
  return sent
}

/** Stages a message in a shard's ingest and commits it. */
async function receive(ingest: Ingest, bytes: Uint8Array): Promise<void> {
  const { kernel, memory, catalog } = ingest
  const database = catalog.databases.get('default')
  const staging = new Staging({
    ...{ kernel, memory, catalogTables: catalog.pointer, databaseId: database?.id ?? null },
    ...{ arrival: 0n, now: 0n, bytesMax: Infinity },
  })
  const lease = catalog.lease()
  try {
    stageShipment(staging, bytes)
    const refused = { rejected: 0, errors: [] }
    const options = { database: 'default', lease, refused, rollup: null, epoch: 0, host: {} }
    await ingest.host.queue.submit(new StagedRows(staging, catalog, options), 'fsync')
  } finally {
    staging.release()
    lease.end()
  }
}

function byPlace(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}

/** A point as text, fields by name. */
function textOf({ table, tags, time, fields }: Point): string {
  const tagPairs = Object.entries(tags).sort(([a], [b]) => byPlace(a, b))
  const sorted = Object.entries(fields).sort(([a], [b]) => byPlace(a, b))
  return JSON.stringify([table, tagPairs, String(time), sorted], (_, value) =>
    typeof value === 'bigint' ? `${value}n` : value,
  )
}

function randomMap(random: () => number, splits: number): ShardMap {
  let map = soleMap('s0')
  for (let i = 0; i < splits; i++) {
    const open = shardsOf(map).filter((shard) => slotsOf(map, shard) !== null)
    const shard = open[Math.floor(random() * open.length)]!
    const { since } = map.entries.find((entry) => entry.shard === shard)!
    const least = since === TIME_MIN ? 100n : since + 1n
    map = splitMap(map, shard, least + BigInt(Math.floor(random() * 300)), [`a${i}`, `b${i}`])
  }
  return map
}

function randomLines(random: () => number, count: number): string {
  const int = (bound: number): number => Math.floor(random() * bound)
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const table = `t${int(3)}`
    const tags = [`,host=h${int(40)}`, `,zöne=ä${int(3)}`, ',rack=1'].filter(() => random() < 0.6)
    const fields = [
      `a=${int(100) / 4}`,
      `i=${int(100)}i`,
      `u=${int(9)}u`,
      `b=${random() < 0.5}`,
      `s="${'x'.repeat(int(30))}\\"é"`,
    ].filter(() => random() < 0.5)
    if (fields.length === 0) fields.push(`f${int(5)}=1`)
    const shuffled = fields.sort(() => random() - 0.5)
    lines.push(`${table}${tags.join('')} ${shuffled.join(',')} ${int(1000)}`)
  }
  return lines.join('\n')
}

describe('shipments', () => {
  for (const seed of seedsOf(8)) {
    it(`bring each point to the one shard of its slot and time, as it was (seed ${seed})`, async () => {
      const random = seededRandom(seed)
      const map = randomMap(random, seed % 6)
      const coordinator = await openIngest()
      const sole = await openIngest()
      const shards = new Map<string, Ingest>()
      for (const shard of shardsOf(map)) shards.set(shard, await openIngest())
      for (let round = 0; round < 3; round++) {
        const text = randomLines(random, 300)
        const batch = sole.batch({ precision: 'ns' })
        batch.lineProtocol(utf8(text))
        await batch.commit()
        const sent = await ship(coordinator, text, map, round === 1 ? 2_000 : undefined)
        for (const { shard, bytes, rowCount } of sent) {
          const target = shards.get(shard)!
          const before = target.committed.length
          await receive(target, bytes)
          expect(target.committed.length - before).toBe(rowCount)
        }
      }
      const all: string[] = []
      for (const [shard, { committed, host }] of shards) {
        for (const point of committed) {
          const tags = new Map(Object.entries(point.tags))
          const slot = slotOfSeries(host.instance, point.table, tags)
          expect(shardOf(map, slot, point.time)).toBe(shard)
          all.push(textOf(point))
        }
      }
      expect(all.sort()).toEqual(sole.committed.map(textOf).sort())
      expect(coordinator.catalog.series.count).toBe(0)
    })
  }

  it('keep the order of points of one series and time within a shard', async () => {
    const coordinator = await openIngest()
    const map = splitMap(soleMap('s0'), 's0', 5n, ['a', 'b'])
    const sent = await ship(
      coordinator,
      'm,h=1 v=1 9\nm,h=1 v=2 9\nm,h=1 v=3 1\nm,h=1 v=4 9\n',
      map,
    )
    const values = new Map<string, unknown[]>()
    for (const { shard, bytes } of sent) {
      const target = await openIngest()
      await receive(target, bytes)
      values.set(
        shard,
        target.committed.map(({ fields }) => fields['v']),
      )
    }
    expect(values.get('s0')).toEqual([3])
    expect([...values.values()]).toContainEqual([1, 2, 4])
  })

  it('cut what is sent to one shard into messages of bounded size', async () => {
    const coordinator = await openIngest()
    const text = Array.from(
      { length: 2_000 },
      (_, i) => `m,h=host${i % 50} v=${i},s="text${i}" ${i}`,
    )
    const sent = await ship(coordinator, text.join('\n'), soleMap('s0'), 4_096)
    expect(sent.length).toBeGreaterThan(20)
    expect(sent.reduce((sum, { rowCount }) => sum + rowCount, 0)).toBe(2_000)
    for (const { bytes } of sent) expect(bytes.length).toBeLessThan(4_096 + 1_000)
  })
})

it('slots are those of the format: no series ever changes its own', async () => {
  const text = readFileSync(new URL('../../../docs/format.md', import.meta.url), 'utf8')
  const [, tagged, plain] = /rack=r1`.*slot ([0-9]+);.*slot ([0-9]+)\./.exec(text)!
  const { instance } = (await openIngest()).host
  const tags = new Map([
    ['rack', 'r1'],
    ['zone', ''],
    ['host', 'a'],
  ])
  expect(slotOfSeries(instance, 'cpu', tags)).toBe(Number(tagged))
  expect(slotOfSeries(instance, 'cpu', new Map())).toBe(Number(plain))
})

describe('a shard that is sent hostile bytes', () => {
  const text =
    'm,host=a,rack=r1 v=1.5,s="text",b=true 1\nm,host=b v=2 2\nn i=4i,u=5u 3\nm,host=a w=1i,v=2 4\n'

  /** Stages the bytes and says whether they were taken; anything but `corrupt` is a failure. */
  function take(ingest: Ingest, bytes: Uint8Array): boolean {
    const { kernel, memory, catalog } = ingest
    const regions = { kernel, memory, catalogTables: catalog.pointer, databaseId: null }
    const staging = new Staging({ ...regions, arrival: 0n, now: 0n, bytesMax: Infinity })
    try {
      stageShipment(staging, bytes)
      return true
    } catch (error) {
      expect(error).toMatchObject({ code: 'corrupt' })
      return false
    } finally {
      staging.release()
    }
  }

  /** With the checksum that such bytes have. */
  function signed(bytes: Uint8Array): Uint8Array {
    const size = bytes.length - 4
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(
      size,
      crc32c(bytes.subarray(0, size)),
      true,
    )
    return bytes
  }

  it('refuses them when they are cut off or a bit is not as it was', async () => {
    const [sent] = await ship(await openIngest(), text, soleMap('s0'))
    const target = await openIngest()
    for (let size = 0; size < sent!.bytes.length; size++) {
      expect(take(target, sent!.bytes.subarray(0, size))).toBe(false)
    }
    for (let at = 0; at < sent!.bytes.length; at++) {
      const bytes = sent!.bytes.slice()
      bytes[at]! ^= 1 << (at % 8)
      expect(take(target, bytes)).toBe(false)
    }
    expect(take(target, sent!.bytes)).toBe(true)
    expect(target.catalog.tables.count).toBe(0)
  })

  it('neither traps nor reads beyond them, also when their checksum is right', async () => {
    const [sent] = await ship(await openIngest(), text, soleMap('s0'))
    const target = await openIngest()
    const held = target.memory.used
    const size = sent!.bytes.length - 4
    let taken = 0
    const values = [0, 1, 0x7f, 0x80, 0xff]
    for (let at = 0; at < size; at++) {
      for (const value of [...values, sent!.bytes[at]! ^ 4]) {
        const bytes = sent!.bytes.slice()
        bytes[at] = value
        if (take(target, signed(bytes))) taken++
      }
    }
    const random = seededRandom(7)
    for (let i = 0; i < 4_000; i++) {
      const bytes = sent!.bytes.slice()
      const view = new DataView(bytes.buffer)
      for (let n = 0; n <= random() * 3; n++) {
        const at = 32 + Math.floor(random() * (size - 36))
        const words = [0, 1, 2, 5, 16, 0x7fffffff, 0x80000000, 0xffffffff]
        view.setUint32(at, words[Math.floor(random() * words.length)]!, true)
      }
      if (take(target, signed(bytes))) taken++
    }
    // Values, times and letters of names may be others.
    expect(taken).toBeGreaterThan(100)
    expect(target.memory.used).toBe(held)
    expect(take(target, sent!.bytes)).toBe(true)
  })

  it('refuses a name that comes twice, a field named time, rows of another table', async () => {
    const [sent] = await ship(await openIngest(), 'aaaa v=1,w=2 1\nbbbb time2=1 2\n', soleMap('s0'))
    const target = await openIngest()
    const change = (from: string, to: string): Uint8Array => {
      const bytes = sent!.bytes.slice()
      const at = Buffer.from(bytes).indexOf(from)
      bytes.set(utf8(to), at)
      return signed(bytes)
    }
    expect(take(target, change('bbbb', 'cccc'))).toBe(true)
    expect(take(target, change('bbbb', 'aaaa'))).toBe(false)
    expect(take(target, change('w', 'v'))).toBe(false)
    const { entries } = openShipment(sent!.bytes)
    const rows = sent!.bytes.slice()
    // The second row gets the shape of the first.
    const second = 32 + entries.length + 24 + 16
    new DataView(rows.buffer).setUint32(second + 4, 0, true)
    expect(take(target, signed(rows))).toBe(false)
  })
})
