// The live parts of a shard, as immutable versions: a query holds the version it began with, a flush
// or a compaction puts a new one in its place, and a segment file goes when no version that names it
// is held any more. Acquiring is O(1), whatever the number of parts.

import type { Cache } from './cache.ts'
import { assert } from '../error.ts'
import type { KernelInstance } from '../kernel.ts'
import type { FileDescription } from '../log/manifest.ts'
import { PartReader, type PartDescription } from './part.ts'

/** The parts at one moment. Held from acquire to release; never changes. */
export interface PartVersion {
  readonly id: number
  /** Readers by table id, rising by sequence (oldest first). */
  readonly tables: ReadonlyMap<number, readonly PartReader[]>
  readonly files: ReadonlyMap<number, FileDescription>
}

interface Obsolete {
  readonly file: number
  /** The newest version that names it. */
  readonly version: number
}

const NO_READERS: readonly PartReader[] = []

export class PartSet {
  /** Whether a part was merged in queries so often that compaction should look; reset by who looks. */
  isHot = false
  private readonly instance: KernelInstance
  private readonly cache: Cache
  private readonly removeFile: (file: number) => void
  private current: PartVersion = { id: 0, tables: new Map(), files: new Map() }
  /** Holders by version id. */
  private readonly holders = new Map<number, number>()
  private readonly readersOfParts = new WeakMap<PartDescription, PartReader>()
  private obsolete: Obsolete[] = []

  /** `removeFile` is called once for each file that nothing names or reads any more. */
  constructor(instance: KernelInstance, cache: Cache, removeFile: (file: number) => void) {
    this.instance = instance
    this.cache = cache
    this.removeFile = removeFile
  }

  get version(): PartVersion {
    return this.current
  }

  /** The readers of a table, oldest first. */
  readers(table: number): readonly PartReader[] {
    return this.current.tables.get(table) ?? NO_READERS
  }

  /** Those of all tables. */
  allReaders(): PartReader[] {
    return [...this.current.tables.values()].flat()
  }

  /** All parts, by table and sequence. */
  parts(): PartDescription[] {
    return [...this.current.tables.values()].flat().map((reader) => reader.description)
  }

  /** The reader of a part; the description is the very object that `parts` gave. */
  readerOf(part: PartDescription): PartReader {
    const reader = this.readersOfParts.get(part)
    assert(reader !== undefined, `part of segment-${part.file} at ${part.offset} is unknown`)
    return reader
  }

  files(): FileDescription[] {
    return [...this.current.files.values()]
  }

  /** Numbers of the files that no longer count, but are still held. */
  obsoleteFiles(): number[] {
    return this.obsolete.map(({ file }) => file)
  }

  /** Whether somebody holds parts of before the last change. */
  get hasOlderReaders(): boolean {
    for (const id of this.holders.keys()) if (id < this.current.id) return true
    return false
  }

  acquire(): PartVersion {
    const { id } = this.current
    this.holders.set(id, (this.holders.get(id) ?? 0) + 1)
    return this.current
  }

  release(version: PartVersion): void {
    const count = this.holders.get(version.id)
    assert(count !== undefined, `release of part version ${version.id}`)
    if (count > 1) this.holders.set(version.id, count - 1)
    else this.holders.delete(version.id)
    this.collect()
  }

  /**
   * Puts `next`, which `preview` made of the current version, in its place. Files whose last part is
   * gone leave with it. Call it after the manifest that names `next` is durable, then `collect`.
   */
  replace(next: PartVersion): void {
    assert(next.id === this.current.id + 1, `part version ${next.id} after ${this.current.id}`)
    for (const file of this.current.files.keys()) {
      if (!next.files.has(file)) this.obsolete.push({ file, version: this.current.id })
    }
    this.current = next
  }

  /**
   * The current version with `removed` parts out and `added` ones, with their `files`, in; parts of
   * tables that are not live any more are left out.
   */
  preview(
    removed: readonly PartDescription[],
    added: readonly PartDescription[],
    files: readonly FileDescription[],
    isLive: (table: number) => boolean,
  ): PartVersion {
    const gone = new Set(removed)
    const tables = new Map<number, PartReader[]>()
    for (const [table, readers] of this.current.tables) {
      if (!isLive(table)) continue
      const kept = readers.filter((reader) => !gone.has(reader.description))
      if (kept.length > 0) tables.set(table, kept)
    }
    const grown = new Set<PartReader[]>()
    for (const part of added) {
      if (!isLive(part.table)) continue
      const readers = tables.get(part.table) ?? []
      readers.push(this.createReader(part))
      tables.set(part.table, readers)
      grown.add(readers)
    }
    for (const readers of grown) readers.sort(bySequence)
    const named = new Set<number>()
    for (const readers of tables.values()) for (const r of readers) named.add(r.description.file)
    const all = [...this.current.files.values(), ...files]
    // A flush may overtake a merge that took its number first.
    const kept = all.filter((file) => named.has(file.number)).sort((a, b) => a.number - b.number)
    return {
      id: this.current.id + 1,
      tables,
      files: new Map(kept.map((file) => [file.number, file])),
    }
  }

  private createReader(part: PartDescription): PartReader {
    const onHot = (): void => {
      this.isHot = true
    }
    const reader = new PartReader(this.instance, this.cache, part, onHot)
    this.readersOfParts.set(part, reader)
    return reader
  }

  /** Removes the files that no held version names any more. */
  collect(): void {
    const oldest = Math.min(this.current.id, ...this.holders.keys())
    const waiting: Obsolete[] = []
    for (const entry of this.obsolete) {
      if (entry.version >= oldest) waiting.push(entry)
      else {
        this.cache.drop(entry.file)
        this.removeFile(entry.file)
      }
    }
    this.obsolete = waiting
  }
}

function bySequence(a: PartReader, b: PartReader): number {
  const left = a.description.sequence
  const right = b.description.sequence
  return left < right ? -1 : left > right ? 1 : 0
}
