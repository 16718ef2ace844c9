// Reads all of a part and compares every checksum: the footer, series pages, directory pages and
// blocks. It runs on a kernel of its own, whose cache is empty, so that what it sees is the disk; and
// goes on behind damage, so that one run finds all of it.

import { OmenError } from '../error.ts'
import type { Host } from '../host.ts'
import { type KernelInstance, instantiateKernel } from '../kernel.ts'
import { run } from '../drive.ts'
import { fileName } from '../log/file-name.ts'
import { Cache, Pins } from '../segment/cache.ts'
import { GROUP_BLOCKS } from '../segment/footer.ts'
import { type PartDescription, PartReader, TIME } from '../segment/part.ts'
import type { Execution } from '../step.ts'
import type { Damage } from './damage.ts'

const MEMORY_SIZE = 64 << 20
const CACHE_SIZE = 16 << 20

/** Checks parts with a kernel that is gone with the object. */
export class PartChecker {
  private readonly host: Host
  private readonly instance: KernelInstance
  private readonly cache: Cache

  private constructor(host: Host, instance: KernelInstance) {
    this.host = host
    this.instance = instance
    this.cache = new Cache(instance.memory, CACHE_SIZE)
  }

  static async create(host: Host): Promise<PartChecker> {
    return new PartChecker(host, await instantiateKernel(host.module, MEMORY_SIZE))
  }

  /** All damage of a part that lies in its file; `table` is how messages name its table. */
  async check(part: PartDescription, table: string | null): Promise<Damage[]> {
    const { host, instance, cache } = this
    const found: Damage[] = []
    const checking = checkPart(instance, cache, part, (error) =>
      found.push(damageOf(error, part, table)),
    )
    await run(checking, { cache, source: host.storage, pause: () => host.pause() })
    cache.drop(part.file)
    return found
  }

  /** Series of a part, null if that cannot be read any more. */
  async seriesCount(part: PartDescription): Promise<number | null> {
    const { host, instance, cache } = this
    const reader = new PartReader(instance, cache, part)
    const pins = new Pins(cache)
    try {
      const opened = reader.open(pins)
      await run(opened, { cache, source: host.storage, pause: () => host.pause() })
      return reader.seriesCount
    } catch (error) {
      if (error instanceof OmenError) return null
      throw error
    } finally {
      pins.release()
    }
  }
}

function damageOf(error: OmenError, part: PartDescription, table: string | null): Damage {
  const { offset, minTime, maxTime } = error.details.place ?? part
  const file = fileName('segment', part.file)
  return { file, offset, message: error.message, table, minTime, maxTime }
}

/** Calls `damaged` for each thing of the part that fails its check; pauses between row groups. */
function* checkPart(
  instance: KernelInstance,
  cache: Cache,
  part: PartDescription,
  damaged: (error: OmenError) => void,
): Execution<void> {
  const reader = new PartReader(instance, cache, part)
  const pins = new Pins(cache)
  const attempt = function* (check: () => Execution<unknown>): Execution<boolean> {
    try {
      yield* check()
      return true
    } catch (error) {
      if (!(error instanceof OmenError) || error.code !== 'corrupt') throw error
      damaged(error)
      return false
    } finally {
      pins.release()
    }
  }
  if (!(yield* attempt(() => reader.open(pins)))) return
  for (let page = 0; page < reader.seriesPageCount; page++) {
    yield* attempt(() => reader.seriesPage(pins, page))
  }
  for (let from = 0; from < reader.blockCount; from += GROUP_BLOCKS) {
    const to = Math.min(from + GROUP_BLOCKS, reader.blockCount)
    for (const column of [TIME, ...reader.columns.map(({ id }) => id)]) {
      yield* checkColumn(reader, pins, column, from, to, attempt)
      yield { pause: true }
    }
  }
}

/** The blocks [from, to) of a column, of one row group: together if they are well, else one by one. */
function* checkColumn(
  reader: PartReader,
  pins: Pins,
  column: number,
  from: number,
  to: number,
  attempt: (check: () => Execution<unknown>) => Execution<boolean>,
): Execution<void> {
  // A damaged page hides the blocks that it lists.
  if (!(yield* attempt(() => reader.entry(pins, column, from)))) return
  try {
    yield* reader.load(pins, column, from, to)
    return
  } catch (error) {
    if (!(error instanceof OmenError) || error.code !== 'corrupt') throw error
  } finally {
    pins.release()
  }
  for (let block = from; block < to; block++) {
    yield* attempt(() => reader.block(pins, column, block))
  }
}
