// An object store beside a simulated disk, with the same ill luck: its calls count among the disk's, so
// that any of them can fail or be the machine's last. One that fails, or is under way when the machine
// stops, may have been done or not. What is stored survives every crash.

import { OmenError } from '../../engine/error.ts'
import { type SegmentStorage, missingFile } from '../../engine/storage/storage.ts'
import { type Random, randomOf } from '../random.ts'
import { SimulatedCrash, type SimulatedDisk } from '../simulated-storage.ts'

export class SimulatedObjects implements SegmentStorage {
  readonly objects = new Map<string, Uint8Array>()
  private readonly disk: SimulatedDisk
  readonly random: Random

  constructor(disk: SimulatedDisk) {
    this.disk = disk
    this.random = randomOf(disk.seed + 40_000_000)
  }

  /** As a host's, and different in every life. */
  readonly fill = (target: Uint8Array): void => {
    for (let i = 0; i < target.length; i++) target[i] = this.random.int(256)
  }

  async put(key: string, bytes: Uint8Array): Promise<boolean> {
    const copy = bytes.slice()
    const isNew = !this.objects.has(key)
    await this.call(`put object ${key}`, () => {
      if (!this.objects.has(key)) this.objects.set(key, copy)
    })
    return isNew
  }

  async read(key: string, offset: number, target: Uint8Array): Promise<number> {
    await this.call(`get object ${key}`)
    const part = this.object(key).subarray(offset, offset + target.length)
    target.set(part)
    return part.length
  }

  async readSuffix(key: string, target: Uint8Array): Promise<{ size: number; count: number }> {
    await this.call(`get object ${key}`)
    const { length: size } = this.object(key)
    const part = this.object(key).subarray(Math.max(0, size - target.length))
    target.set(part)
    return { size, count: part.length }
  }

  async list(prefix: string): Promise<string[]> {
    await this.call(`list objects ${prefix}`)
    return [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort()
  }

  async remove(key: string): Promise<void> {
    await this.call(`delete object ${key}`, () => this.objects.delete(key))
  }

  private object(key: string): Uint8Array {
    const bytes = this.objects.get(key)
    if (bytes === undefined) throw missingFile(key)
    return bytes
  }

  private async call(what: string, change: () => void = () => {}): Promise<void> {
    const { disk, random } = this
    const fate = disk.enterObject(what)
    for (let turns = random.int(6); turns > 0; turns--) await Promise.resolve()
    const isDone = fate === null && !disk.hasStopped
    if (isDone || random.chance(0.5)) change()
    for (let turns = random.int(4); turns > 0; turns--) await Promise.resolve()
    if (disk.hasStopped) throw new SimulatedCrash(disk.describe())
    if (fate !== null) throw new OmenError('unavailable', `${what}: failed with ${fate}`)
  }
}
