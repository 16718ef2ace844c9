// A Durable Object that ends as objects may, over the real SQLite of one: any call of the storage can be
// the last. Then what it wrote in some turn, and in every turn before it, is there; all that was
// confirmed is, and of the turn that was cut short nothing. All statements that wrote are kept, so that a
// crash makes the database anew from those that survive. A failed commit ends the object, too; a full
// database refuses inserts and goes on.

import {
  type ObjectStorage,
  openDurableObjectStorage,
} from '../../../engine/storage/durable-object.ts'
import type { ObjectCursor, ObjectValue } from '../../../engine/storage/object-rows.ts'
import { type ShardStorage, lockedStorage } from '../../../engine/storage/storage.ts'
import { type Random, randomOf } from '../../random.ts'
import type { CrashingDisk } from '../../crashing-disk.ts'
import { SimulatedCrash } from '../../simulated-storage.ts'

type Binding = ObjectValue | Uint8Array

interface Statement {
  readonly query: string
  readonly bindings: readonly Binding[]
}

/** What happens to `times` of the calls that match, after `skip` of them. */
interface Fault {
  readonly pattern: RegExp
  skip: number
  times: number
  readonly errno: string
}

const TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'omendb_file%'"

export class SimulatedObject implements CrashingDisk {
  readonly seed: number
  capacity = Infinity
  hasFired = false
  private readonly storage: ObjectStorage
  private readonly random: Random
  private readonly trace: string[] = []
  private calls = 0
  private statements: Statement[] = []
  /** Counts of statements after each turn that wrote. */
  private turns: number[] = [0]
  private isMarking = false
  private confirmed = 0
  private holder: Life | null = null
  private failure: Fault | null = null
  private crashFault: Fault | null = null
  /** What the call that is under way suffers. */
  private errno: string | null = null

  /** `storage` is that of an object that nobody else uses; it is emptied. */
  constructor(seed: number, storage: ObjectStorage) {
    this.seed = seed
    this.storage = storage
    this.random = randomOf(seed)
    this.rebuild()
  }

  open(): ShardStorage {
    if (this.holder !== null) throw lockedStorage(`object ${this.seed}`, 'another storage')
    const life = new Life(this)
    this.holder = life
    const files = openDurableObjectStorage(this.guarded(life), { failed: () => life.stop() })
    return life.over(files, () => (this.holder = null))
  }

  failMatching(pattern: RegExp, errno: string, skip = 0, times = 1): void {
    this.failure = { pattern, skip, times, errno }
    this.hasFired = false
  }

  crashMatching(pattern: RegExp, skip = 0): void {
    this.crashFault = { pattern, skip, times: 1, errno: 'crash' }
    this.hasFired = false
  }

  /** Its machine fails: what was not confirmed may be there or not, turn by turn. */
  crash(): void {
    this.stop()
    const possible = this.turns.filter((count) => count >= this.confirmed)
    const choice = this.random.int(3)
    if (choice === 0) this.survive(possible[0]!)
    else if (choice === 1) this.survive(possible.at(-1)!)
    else this.survive(possible[this.random.int(possible.length)]!)
  }

  /** It is evicted: every turn that ended was written. */
  kill(): void {
    this.stop()
    this.survive(this.turns.at(-1)!)
  }

  get hasStopped(): boolean {
    return this.holder?.isStopped ?? false
  }

  get isQuiet(): boolean {
    return (this.failure?.times ?? 0) <= 0 && (this.crashFault?.times ?? 0) <= 0
  }

  get usedBytes(): number {
    const files = this.holder?.files
    if (!files) return 0
    return files.list().reduce((sum, name) => sum + files.size(name), 0)
  }

  describe(): string {
    return `object ${this.seed}, call ${this.calls}: ${this.trace.slice(-6).join(' ')}`
  }

  /** Runs a call; what was ordered for it happens to it. */
  call<T>(life: Life, call: string, run: () => T): T {
    if (life.isStopped) throw new SimulatedCrash(this.describe())
    this.calls++
    this.trace.push(call)
    if (this.trace.length > 64) this.trace.shift()
    const fate = this.suffer(this.crashFault, call) ?? this.suffer(this.failure, call)
    if (fate === 'crash') {
      this.hasFired = true
      life.stop()
      throw new SimulatedCrash(this.describe())
    }
    this.errno = fate
    try {
      return run()
    } finally {
      this.errno = null
    }
  }

  private suffer(fault: Fault | null, call: string): string | null {
    if (fault === null || fault.times <= 0 || !fault.pattern.test(call)) return null
    if (fault.skip-- > 0) return null
    fault.times--
    return fault.errno
  }

  /** The object's storage as long as this life of it lasts. */
  private guarded(life: Life): ObjectStorage {
    const check = (): void => {
      if (life.isStopped) throw new SimulatedCrash(this.describe())
    }
    return {
      sql: {
        exec: (query, ...bindings) => {
          check()
          return this.exec(life, query, bindings)
        },
      },
      transactionSync: (run) => {
        const { length } = this.statements
        try {
          return this.storage.transactionSync(run)
        } catch (error) {
          this.statements.length = length
          throw error
        }
      },
      sync: async () => {
        check()
        const { errno } = this
        const { length } = this.statements
        for (let turns = 1 + this.random.int(4); turns > 0; turns--) await Promise.resolve()
        check()
        if (errno === 'EIO') throw this.fired('the commit failed')
        this.confirmed = Math.max(this.confirmed, length)
      },
    }
  }

  private exec(life: Life, query: string, bindings: Binding[]): ObjectCursor {
    const isWrite = !/^\s*SELECT/.test(query)
    if (isWrite) this.refuse(life, query, bindings)
    const values = [...this.storage.sql.exec(query, ...bindings).raw()]
    if (isWrite) {
      const kept = bindings.map((value) => (value instanceof Uint8Array ? value.slice() : value))
      this.statements.push({ query, bindings: kept })
      this.mark(life)
    }
    return { raw: () => values }
  }

  private refuse(life: Life, query: string, bindings: readonly Binding[]): void {
    if (this.errno === 'EIO') {
      life.stop()
      throw this.fired('disk I/O error: SQLITE_IOERR')
    }
    if (!query.startsWith('INSERT')) return
    const full = 'database or disk is full: SQLITE_FULL'
    if (this.errno !== null) throw this.fired(full)
    const added = bindings.find((value) => value instanceof Uint8Array)?.length ?? 0
    if (this.capacity < Infinity && this.usedBytes + added > this.capacity) throw new Error(full)
  }

  private fired(message: string): Error {
    this.hasFired = true
    this.errno = null
    return new Error(message)
  }

  /** The turn ends when its synchronous work does. */
  private mark(life: Life): void {
    if (this.isMarking) return
    this.isMarking = true
    queueMicrotask(() => {
      this.isMarking = false
      if (!life.isStopped) this.turns.push(this.statements.length)
    })
  }

  private stop(): void {
    this.holder?.stop()
    this.holder = null
    this.crashFault = null
    this.failure = null
  }

  private survive(count: number): void {
    this.statements.length = count
    this.turns = [count]
    this.confirmed = count
    this.rebuild()
  }

  /** Makes the database what the statements make of an empty one. */
  private rebuild(): void {
    const { sql } = this.storage
    this.storage.transactionSync(() => {
      const tables = [...sql.exec(TABLES).raw()].flat() as string[]
      for (const table of tables) sql.exec(`DROP TABLE ${table}`)
      for (const { query, bindings } of this.statements) sql.exec(query, ...bindings)
    })
  }
}

/** One instance of the object, from its start to its end. */
class Life {
  isStopped = false
  files: ShardStorage | null = null
  private readonly object: SimulatedObject

  constructor(object: SimulatedObject) {
    this.object = object
  }

  stop(): void {
    this.isStopped = true
  }

  /** The files, with every call announced as a simulated disk does. */
  over(files: ShardStorage, closed: () => void): ShardStorage {
    this.files = files
    const call = <T>(name: string, run: () => T): T => this.object.call(this, name, run)
    const later = async <T>(name: string, run: () => Promise<T>): Promise<T> => call(name, run)
    return {
      location: files.location,
      list: () => call('list', () => files.list()),
      has: (name) => call(`has ${name}`, () => files.has(name)),
      size: (name) => call(`size ${name}`, () => files.size(name)),
      read: (name, offset, target) => call(`read ${name}`, () => files.read(name, offset, target)),
      create: (name) => call(`create ${name}`, () => files.create(name)),
      append: (name, parts) => call(`append ${name}`, () => files.append(name, parts)),
      truncate: (name, size) => call(`truncate ${name}`, () => files.truncate(name, size)),
      sync: (name) => later(`sync ${name}`, () => files.sync(name)),
      rename: (source, target) => call(`rename ${source}`, () => files.rename(source, target)),
      remove: (name) => call(`remove ${name}`, () => files.remove(name)),
      syncDirectory: () => later('sync directory', () => files.syncDirectory()),
      quarantine: (name) => call(`quarantine ${name}`, () => files.quarantine(name)),
      close: async () => {
        await files.close()
        closed()
      },
    }
  }
}
