// Staged rows as messages for shards, and such a message as staged rows again (docs/format.md,
// "Shipment"). The kernel picks the rows of each shard by slot and time and copies them with the names
// that they use (assembly/shipment.ts); here are the regions that this takes, header and checksum.

import type { CatalogKeys } from '../ingest/staging.ts'
import { crc32c } from '../crc.ts'
import { OmenError, assert } from '../error.ts'
import type { Staging } from '../ingest/staging.ts'
import type { KernelInstance } from '../kernel.ts'
import type { Memory, Region } from '../memory.ts'
import { SLOT_COUNT, type ShardMap, shardsOf } from './shard-map.ts'

/** Bytes of rows, strings and series of one message: a quarter of what an RPC takes. */
export const SHIPMENT_BYTES_MAX = 8 << 20
/** Of tables, columns and shapes in a message, besides. */
const NAME_BYTES_MAX = 16 << 20

/** A column's name and what goes with it. */
const COLUMN_BYTES_MAX = 1_044

const MAGIC = 0x5048_534f // 'OSHP'
const VERSION = 1
const HEADER_SIZE = 32
const CHECKSUM_SIZE = 4
const SLOT_NODES = 4104
const PLAN_SIZE = 32
const ROWS_PER_CALL = 65_536
const encoder = new TextEncoder()

/** What one shard is sent of a batch. */
export interface Shipment {
  readonly shard: string
  readonly rowCount: number
  readonly bytes: Uint8Array
}

/**
 * The rows of a batch as messages for the shards of a map, one after the other; the rows stay as they
 * are. `catalog` is the one that they were staged by, which has none of their series. Throws `too_large`
 * before the first message if the names in one might be too many.
 */
export function* shipments(
  staging: Staging,
  catalog: CatalogKeys,
  map: ShardMap,
  bytesMax = SHIPMENT_BYTES_MAX,
): Generator<Shipment, undefined> {
  const shards = shardsOf(map)
  const plan = new Plan(staging, catalog, { map, shards, bytesMax })
  try {
    for (let number = 0; number < plan.messageCount; number++) {
      const { shard, rowCount } = plan.message(number)
      yield { shard: shards[shard]!, rowCount, bytes: plan.write(number) }
    }
  } finally {
    plan.release()
  }
}

/** The kernel's plan of a batch's messages, with its regions. */
class Plan {
  private readonly staging: Staging
  private readonly held: Region[] = []
  private readonly head: Region
  private messages: Region
  /** Where a message is put together. */
  private target: Region

  constructor(
    staging: Staging,
    catalog: CatalogKeys,
    { map, shards, bytesMax }: { map: ShardMap; shards: readonly string[]; bytesMax: number },
  ) {
    this.staging = staging
    const { memory, overlay } = staging
    checkNames(staging, catalog)
    try {
      this.head = this.hold(PLAN_SIZE)
      this.messages = this.hold(64 * this.messageSize)
      this.target = this.hold(1 << 16)
      const known = [catalog.tables, catalog.columns, catalog.shapes, catalog.series]
      const keyCount = [...known, ...overlay].reduce((sum, table) => sum + table.count, 0)
      const slots = this.hold(slotTableSize(map))
      writeSlotTable(memory, slots.offset, map, shards)
      const series = this.hold(8 * overlay[3]!.count, true)
      const open = this.hold(4 * shards.length, true)
      const maps = this.hold(4 * keyCount)
      const messageCapacity = Math.floor(this.messages.size / this.messageSize)
      const words = [slots.offset, series.offset, this.messages.offset, messageCapacity]
      memory.u32.set([...words, 0, open.offset, bytesMax, maps.offset], this.head.offset >>> 2)
      this.spread()
    } catch (error) {
      this.release()
      throw error
    }
  }

  get messageCount(): number {
    return this.staging.memory.u32[(this.head.offset + 16) >>> 2]!
  }

  message(number: number): {
    shard: number
    rowCount: number
    rowBytes: number
    arenaBytes: number
  } {
    const at = (this.messages.offset + number * this.messageSize) >>> 2
    const [shard, , , rowCount, rowBytes, arenaBytes] = this.staging.memory.u32.subarray(at, at + 6)
    return { shard: shard!, rowCount: rowCount!, rowBytes: rowBytes!, arenaBytes: arenaBytes! }
  }

  /** The bytes of a message. */
  write(number: number): Uint8Array {
    const { kernel, memory, pointer } = this.staging
    const { rowCount, rowBytes, arenaBytes } = this.message(number)
    let entryBytes: number
    for (;;) {
      const { offset, size } = this.target
      const capacity = Math.max(0, size - HEADER_SIZE - CHECKSUM_SIZE - rowBytes - arenaBytes)
      const start = offset + HEADER_SIZE
      entryBytes = kernel.shipmentNames(pointer, this.head.offset, number, start, capacity)
      if (entryBytes >= 0) break
      this.growTarget(size + rowBytes + arenaBytes)
    }
    const rows = this.target.offset + HEADER_SIZE + entryBytes
    kernel.shipmentRows(pointer, this.head.offset, number, rows, rows + rowBytes)
    const size = HEADER_SIZE + entryBytes + rowBytes + arenaBytes
    const bytes = memory.u8.slice(this.target.offset, this.target.offset + size + CHECKSUM_SIZE)
    const view = new DataView(bytes.buffer)
    const words = [MAGIC, VERSION, entryBytes, rowBytes, arenaBytes, rowCount, 0, 0]
    words.forEach((word, i) => view.setUint32(4 * i, word, true))
    view.setUint32(size, crc32c(bytes.subarray(0, size)), true)
    return bytes
  }

  release(): void {
    for (const region of this.held.splice(0)) this.staging.memory.release(region)
  }

  private get messageSize(): number {
    return this.staging.kernel.SHIPMENT_MESSAGE_SIZE.value
  }

  /** Finds the message of each row. */
  private spread(): void {
    const { kernel, pointer, rowBytes } = this.staging
    let at = 0
    while (at < rowBytes) {
      const before = at
      at = kernel.shipmentSpread(pointer, this.head.offset, at, ROWS_PER_CALL)
      if (at === before) this.growMessages()
    }
  }

  private growMessages(): void {
    const { memory } = this.staging
    const used = this.messageCount * this.messageSize
    this.messages = this.replace(this.messages, 2 * this.messages.size, used)
    const head = this.head.offset >>> 2
    memory.u32[head + 2] = this.messages.offset
    memory.u32[head + 3] = Math.floor(this.messages.size / this.messageSize)
  }

  private growTarget(size: number): void {
    this.target = this.replace(this.target, Math.max(size, 2 * this.target.size), 0)
  }

  private replace(region: Region, size: number, used: number): Region {
    const grown = this.staging.memory.grow(region, size, used)
    this.held[this.held.indexOf(region)] = grown
    return grown
  }

  private hold(size: number, isZeroed = false): Region {
    const { memory } = this.staging
    const region = memory.allocate(Math.max(8, size))
    this.held.push(region)
    if (isZeroed) memory.u8.fill(0, region.offset, region.offset + region.size)
    return region
  }
}

/** The names of a message are some of those of the batch: those alone may not be more than an RPC takes. */
function checkNames(staging: Staging, catalog: CatalogKeys): void {
  const { overlay, touchedTables } = staging
  // In payload c of a table: fields in the low half, tags in the high one.
  const counts = touchedTables.map((id) => catalog.tables.payload(id, 'c'))
  const known = counts.reduce((sum, count) => sum + (count & 0xffff) + (count >>> 16), 0)
  const bytes = [overlay[0]!, overlay[1]!, overlay[2]!]
    .map(({ usedBytes }) => usedBytes)
    .reduce(
      (sum, used) => sum + used,
      Math.min(known * COLUMN_BYTES_MAX, catalog.columns.usedBytes),
    )
  if (bytes <= NAME_BYTES_MAX) return
  const message = `batch: its columns may take ${bytes} bytes, over the limit of ${NAME_BYTES_MAX} for several shards`
  throw new OmenError('too_large', message)
}

function slotTableSize({ entries }: ShardMap): number {
  return SLOT_NODES + 16 * entries.reduce((sum, { first, end }) => sum + end - first, 0)
}

/** Which shard, by its place in `shards`, has each slot from when on. */
function writeSlotTable(
  memory: Memory,
  offset: number,
  { entries }: ShardMap,
  shards: readonly string[],
): void {
  const latestFirst = entries.toReversed()
  let node = 0
  for (let slot = 0; slot < SLOT_COUNT; slot++) {
    memory.u32[(offset >>> 2) + slot] = node
    for (const { first, end, since, shard } of latestFirst) {
      if (slot < first || slot >= end) continue
      const at = offset + SLOT_NODES + 16 * node++
      memory.i64[at / 8] = since
      memory.u32[(at + 8) >>> 2] = shards.indexOf(shard)
      memory.u32[(at + 12) >>> 2] = 0
    }
  }
  memory.u32[(offset >>> 2) + SLOT_COUNT] = node
}

/** Parts of a message. */
export interface ShipmentParts {
  readonly entries: Uint8Array
  readonly rows: Uint8Array
  readonly arena: Uint8Array
  readonly rowCount: number
}

/** The parts of a message, as views of its bytes. Throws `corrupt`. */
export function openShipment(bytes: Uint8Array): ShipmentParts {
  const size = bytes.length - CHECKSUM_SIZE
  if (size < HEADER_SIZE) throw corrupt(`${bytes.length} bytes are too few`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const words = Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true))
  const [magic, version, entryBytes, rowBytes, arenaBytes, rowCount] = words as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  if (magic !== MAGIC || version !== VERSION) throw corrupt(`version ${version} is not ${VERSION}`)
  if (words[6] !== 0 || words[7] !== 0) throw corrupt('its reserved bytes are not 0')
  if (HEADER_SIZE + entryBytes + rowBytes + arenaBytes !== size) throw corrupt('its sizes differ')
  if (view.getUint32(size, true) !== crc32c(bytes.subarray(0, size))) {
    throw corrupt('it fails its checksum')
  }
  const rows = HEADER_SIZE + entryBytes
  return {
    entries: bytes.subarray(HEADER_SIZE, rows),
    rows: bytes.subarray(rows, rows + rowBytes),
    arena: bytes.subarray(rows + rowBytes, size),
    rowCount,
  }
}

/** Stages what a message says in an empty request. Throws `corrupt`; then it can only be given up. */
export function stageShipment(staging: Staging, bytes: Uint8Array): void {
  const { entries, rows, arena, rowCount } = openShipment(bytes)
  const { kernel, memory, pointer } = staging
  const region = memory.allocate(Math.max(8, entries.length))
  try {
    memory.u8.set(entries, region.offset)
    let at = 0
    staging.repeat(() => {
      if (at >= 0) at = kernel.shipmentEntries(pointer, region.offset, entries.length, at)
      return at
    })
    if (at !== entries.length) throw corrupt('a name in it is none')
  } finally {
    memory.release(region)
  }
  staging.fill(rows, arena)
  if (kernel.shipmentAdopt(pointer) !== rowCount) throw corrupt('a row in it is none')
}

/**
 * The slot of a series: of the name of its table and its tags, keys in byte order, empty values left out.
 */
export function slotOfSeries(
  { kernel, memory }: Pick<KernelInstance, 'kernel' | 'memory'>,
  table: string,
  tags: ReadonlyMap<string, string>,
): number {
  const bytes: number[] = []
  const add = (text: Uint8Array): void => {
    for (let left = text.length; ; left >>>= 7) {
      bytes.push(left < 128 ? left : (left & 127) | 128)
      if (left < 128) break
    }
    for (const byte of text) bytes.push(byte)
  }
  add(encoder.encode(table))
  const pairs = [...tags].filter(([, value]) => value !== '')
  const encoded = pairs.map(([key, value]) => [encoder.encode(key), encoder.encode(value)] as const)
  encoded.sort(([a], [b]) => compareBytes(a, b))
  for (const [key, value] of encoded) {
    add(key)
    add(value)
  }
  const region = memory.allocate(Math.max(8, bytes.length))
  memory.u8.set(bytes, region.offset)
  const slot = kernel.keySlot(region.offset, bytes.length)
  memory.release(region)
  assert(slot < SLOT_COUNT, `slot ${slot} of ${SLOT_COUNT}`)
  return slot
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return a[i]! - b[i]!
  return a.length - b.length
}

function corrupt(fact: string): OmenError {
  return new OmenError('corrupt', `shipment: ${fact}`)
}
