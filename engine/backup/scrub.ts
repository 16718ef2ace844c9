// The scrub: reads the segment files again in the background, slowly, and compares their checksums, so
// that a disk that forgets is noticed while there is a backup, and not by the query that needs the
// bytes. What it finds is kept until a later look finds the file well or gone.

import { OmenError } from '../error.ts'
import type { TimerHandle } from '../host.ts'
import { fileName } from '../log/file-name.ts'
import type { FileDescription } from '../log/manifest.ts'
import type { ShardRooms } from '../publisher.ts'
import { type Damage, describeDamage } from './damage.ts'
import { checkFile, findFileFault } from './file-check.ts'
import { tableNames } from './table-names.ts'

/** Pause between two chunks, so that it reads `bytesPerSecond` at most. */
const MS_PER_SECOND = 1_000
/** From the end of one round to the next. */
const ROUND_PAUSE_MS = 24 * 3_600 * MS_PER_SECOND
/** From the start to the first round, and when a file could not be read for other reasons. */
const FIRST_PAUSE_MS = 60 * MS_PER_SECOND

export class Scrub {
  private readonly rooms: ShardRooms
  private readonly bytesPerSecond: number
  private readonly found = new Map<number, readonly Damage[]>()
  private timer: TimerHandle = null
  private isEnded = false
  /** Resumes a round that waits for its next second. */
  private resume: (() => void) | null = null
  private running: Promise<void> | null = null
  /** Bytes that may still be read before the next pause. */
  private allowance = 0

  /** 0 bytes a second: never. */
  constructor(rooms: ShardRooms, bytesPerSecond: number) {
    this.rooms = rooms
    this.bytesPerSecond = bytesPerSecond
    if (bytesPerSecond > 0) this.beginLater(FIRST_PAUSE_MS)
  }

  /** What was found and is still there. */
  get damages(): readonly Damage[] {
    const { files } = this.rooms.parts.version
    return [...this.found].flatMap(([number, damages]) => (files.has(number) ? damages : []))
  }

  /** The damage for health, or null. */
  get error(): OmenError | null {
    const { damages } = this
    const [first] = damages
    if (first === undefined) return null
    const more = damages.length > 1 ? ` (and ${damages.length - 1} more)` : ''
    return new OmenError('corrupt', `damaged: ${describeDamage(first)}${more}`)
  }

  /** Reads every file once, whatever the rate; all damage. Throws what the storage throws. */
  async now(): Promise<readonly Damage[]> {
    for (const file of this.rooms.parts.files()) {
      await this.look(file, () => this.rooms.host.pause())
    }
    return this.damages
  }

  /** No more reads; resolves when none is under way. */
  async end(): Promise<void> {
    this.isEnded = true
    if (this.timer !== null) this.rooms.host.timer.clear(this.timer)
    this.resume?.()
    await this.running
  }

  private beginLater(delayMs: number): void {
    if (this.isEnded) return
    this.timer = this.rooms.host.timer.set(delayMs, () => {
      this.running = this.round().then(
        () => this.beginLater(ROUND_PAUSE_MS),
        () => this.beginLater(FIRST_PAUSE_MS),
      )
    })
  }

  /**
   * Cold files are left out, but for those with damage: an object store compares checksums of its own,
   * whatever a query reads is checked all the same, and nobody wants to pay for reading all every day.
   */
  private async round(): Promise<void> {
    const { cold } = this.rooms.host.storage
    for (const file of this.rooms.parts.files()) {
      if (this.isEnded) return
      const isCold = cold?.has(fileName('segment', file.number)) === true
      if (isCold && !this.found.has(file.number)) continue
      await this.look(file, (bytes) => this.spend(bytes))
    }
  }

  /**
   * Looks at one file, twice if it fails: what a second look does not find was never on the disk. The
   * file is not held: one that goes meanwhile is of no interest.
   */
  private async look(file: FileDescription, read: (bytes: number) => Promise<void>): Promise<void> {
    const { rooms, found } = this
    const { host, parts } = rooms
    const { number } = file
    const guarded = async (bytes: number): Promise<void> => {
      await read(bytes)
      if (this.isEnded || !parts.version.files.has(number)) throw new Gone()
    }
    try {
      let fault = await findFileFault(host.storage, file, guarded)
      if (fault !== null) fault = await findFileFault(host.storage, file, guarded)
      if (fault === null || !parts.version.files.has(number)) {
        found.delete(number)
        return
      }
      const own = parts.parts().filter((part) => part.file === number)
      const { damages } = await checkFile(host, file, own, fault, tableNames(rooms.catalog))
      found.set(number, damages)
    } catch (error) {
      if (!(error instanceof Gone)) throw error
    }
  }

  private async spend(bytes: number): Promise<void> {
    this.allowance -= bytes
    while (this.allowance < 0 && !this.isEnded) {
      await new Promise<void>((resolve) => {
        this.resume = resolve
        this.timer = this.rooms.host.timer.set(MS_PER_SECOND, resolve)
      })
      this.allowance += this.bytesPerSecond
    }
  }
}

/** The database closes, or the file is no longer part of it. */
class Gone extends Error {}
