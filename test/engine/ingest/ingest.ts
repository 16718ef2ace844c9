// A shard for tests of ingest: the real catalog, a queue that commits at once, and the committed
// rows read back as plain points.

import { type Batch, type BatchOptions, createBatch } from '../../../engine/ingest/batch.ts'
import { Catalog } from '../../../engine/catalog/catalog.ts'
import { OmenError, type LineError } from '../../../engine/error.ts'
import type { StagedBatch } from '../../../engine/ingest/staged-batch.ts'
import type { Memory } from '../../../engine/memory.ts'
import { openKernel } from '../../kernel.ts'
import { StagingPool } from '../../../engine/ingest/staging-pool.ts'

export interface Point {
  table: string
  tags: Record<string, string>
  time: bigint
  fields: Record<string, number | bigint | boolean | string>
}

const decoder = new TextDecoder()
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

export type Ingest = Awaited<ReturnType<typeof openIngest>>

/** A fresh catalog over a fresh kernel. `committed` grows with each commit. */
export async function openIngest(memoryLimit?: number) {
  const instance = await openKernel(memoryLimit)
  const { kernel, memory } = instance
  const catalog = new Catalog(kernel, memory)
  const reader = new RowReader(catalog, memory)
  const committed: Point[] = []
  const entries: Uint8Array[] = []
  /** Called between submit and finalize, where another commit may come first. */
  const hooks = { before: (): void => {} }

  const host = {
    instance,
    catalog,
    host: { now: () => 1_000_000_007n },
    staging: new StagingPool(64 << 20, { set: () => null, clear: () => {} }),
    queue: {
      async submit(staged: StagedBatch, ack: 'fsync' | 'memory') {
        hooks.before()
        const bytes = staged.finalize()
        entries.push(bytes)
        catalog.apply(bytes)
        for (const point of reader.read(staged)) committed.push(point)
        staged.release()
        return staged.result(ack)
      },
    },
  }
  const batch = (options?: BatchOptions): Batch => createBatch(host, options)
  return { kernel, memory, catalog, committed, entries, hooks, host, batch }
}

interface Shape {
  names: string[]
  types: number[]
}

/** Reads staged rows back as points. */
class RowReader {
  private readonly catalog: Catalog
  private readonly memory: Memory
  private readonly shapes = new Map<number, Shape>()
  private readonly series = new Map<number, Pick<Point, 'table' | 'tags'>>()

  constructor(catalog: Catalog, memory: Memory) {
    this.catalog = catalog
    this.memory = memory
  }

  *read(staged: StagedBatch): Generator<Point> {
    const { memory } = this
    const end = staged.rows + staged.rowBytes
    for (let at = staged.rows; at < end;) {
      const { names, types } = known(this.shapes, memory.u32[at / 4 + 1]!, (id) => this.shape(id))
      const point: Point = {
        ...known(this.series, memory.u32[at / 4]!, (id) => this.owner(id)),
        time: memory.i64[(at + 16) / 8]!,
        fields: {},
      }
      for (const [i, name] of names.entries()) {
        point.fields[name] = this.slot(types[i]!, at + 24 + 8 * i, staged.arena)
      }
      yield point
      at += 24 + 8 * names.length
    }
  }

  private shape(id: number): Shape {
    const { columns, shapes } = this.catalog
    const key = shapes.key(id)
    const ids = [...new Uint32Array(key.slice(4).buffer)]
    const table = new Uint32Array(key.slice(0, 4).buffer)[0]!
    for (const [i, column] of ids.entries()) {
      if (i > 0 && ids[i - 1]! >= column) throw new Error('shape is not ascending')
      if (columns.payload(column, 'a') !== table) throw new Error('column of another table')
    }
    return {
      names: ids.map((column) => decoder.decode(columns.key(column).subarray(4))),
      types: ids.map((column) => columns.payload(column, 'b')),
    }
  }

  private owner(id: number): Pick<Point, 'table' | 'tags'> {
    const { series, tables } = this.catalog
    const table = new Uint32Array(series.key(id).slice(0, 4).buffer)[0]!
    return {
      table: decoder.decode(tables.key(table).subarray(4)),
      tags: Object.fromEntries(this.catalog.seriesTags(id)),
    }
  }

  private slot(type: number, slot: number, arena: number): number | bigint | boolean | string {
    const { memory } = this
    if (type === 0) return memory.f64[slot / 8]!
    if (type === 1) return memory.i64[slot / 8]!
    if (type === 2) return memory.u64[slot / 8]!
    if (type === 3) return memory.u64[slot / 8] === 1n
    const start = arena + memory.u32[slot / 4]!
    return decoder.decode(memory.u8.slice(start, start + memory.u32[slot / 4 + 1]!))
  }
}

function known<T>(map: Map<number, T>, id: number, find: (id: number) => T): T {
  const found = map.get(id) ?? find(id)
  map.set(id, found)
  return found
}

/** Stages text as line protocol in chunks of `size` bytes and commits it. */
export async function writeLines(
  ingest: Ingest,
  text: string | Uint8Array,
  options: BatchOptions = {},
  size = Infinity,
) {
  const bytes = typeof text === 'string' ? utf8(text) : text
  const batch = ingest.batch(options)
  try {
    for (let at = 0; at < bytes.length; at += size) {
      batch.lineProtocol(bytes.subarray(at, Math.min(bytes.length, at + size)))
    }
    return await batch.commit()
  } finally {
    batch.discard()
  }
}

/** What a refused write says. */
export async function refusal(
  write: Promise<unknown>,
): Promise<{ code: string; message: string; errors: LineError[] }> {
  try {
    await write
  } catch (error) {
    if (!(error instanceof OmenError)) throw error
    return { code: error.code, message: error.message, errors: error.details.errors ?? [] }
  }
  throw new Error('the write was not refused')
}

/** Runs steps to their end: how many there were. */
export function runSteps(steps: Iterator<unknown>): number {
  let count = 0
  while (!steps.next().done) count++
  return count
}
