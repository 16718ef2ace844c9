// Rollups of the tables of a run: declared, changed and dropped at any time, brought up to date, and
// asked through their tables. What they are made of is drawn from numbers of their own, so that a seed
// does all else as it did before there were any.

import assert from 'node:assert/strict'
import type { Database } from '../../engine/database.ts'
import type { RollupRequest } from '../../engine/rollup/definition.ts'
import {
  type Cells,
  DATABASES,
  FIELDS,
  type Layout,
  TABLES,
  keyParts,
  tableNumber,
} from '../engine/crash-cells.ts'
import { KeptCells, type Reach } from '../engine/crash-kept.ts'
import { type History, type Operation, isRefusal } from '../engine/crash-model.ts'
import { type Random, randomOf } from '../random.ts'
import { type RangeDeletion, deletionOf } from './deletion.ts'
import { bucketFault, floor } from './buckets.ts'
import type { Keeping } from './keeping.ts'
import type { SeenTable } from './seen-tables.ts'
import type { Swarm } from './swarm.ts'

const NS_PER_SECOND = 1_000_000_000n
/** Of a bucket, in steps of the layout's times. */
const WIDTHS = [2, 3, 4, 6, 12]
const CALLS: Record<string, readonly string[]> = {
  x: ['count', 'sum', 'mean', 'min', 'max', 'spread', 'first', 'last'],
  n: ['count', 'sum', 'mean', 'min', 'max', 'first', 'last'],
  u: ['count', 'min', 'max', 'first', 'last'],
  b: ['count', 'first', 'last'],
  s: ['count', 'min', 'max', 'first', 'last'],
}

/** One rollup, as it was declared. */
export interface StoredRollup {
  readonly request: RollupRequest
  readonly width: bigint
  /** Its own retention; null: none. */
  readonly keeps: bigint | null
  /** Names of fields, and `*` for the number of points. */
  readonly fields: readonly string[]
  /** It has all of every bucket that begins at this time or later; null: nobody knows. */
  exactFrom: bigint | null
}

/** All rollups that a table was given in one request. */
interface Declaration {
  readonly table: number
  readonly rollups: readonly StoredRollup[]
  state: 'acked' | 'unknown' | 'refused'
}

/** What a life lets rollups do. */
export interface RollupRooms {
  readonly db: Database
  readonly where: string
  run(work: Promise<unknown>): void
  /** Deletes rows, and notes it. */
  remove(deletion: RangeDeletion): void
  /** Null: it could not be read. */
  compare(): Promise<Cells | null>
  excuse(error: unknown): void
}

export class Rollups {
  private readonly kept: KeptCells
  private readonly layout: Layout
  private readonly hasBarePoints: boolean
  private readonly keeping: Keeping | null
  private readonly random: Random
  /** In the order of their calls. */
  private declarations: Declaration[] = []
  private names = 0

  constructor({ layout, hasBarePoints }: Swarm, seed: number, keeping: Keeping | null) {
    this.layout = layout
    this.hasBarePoints = hasBarePoints
    this.keeping = keeping
    this.kept = new KeptCells(layout)
    this.random = randomOf(seed + 31_000_000)
  }

  /** Rollups of which one list is in force. */
  candidates(table: number): (readonly StoredRollup[])[] {
    const found: (readonly StoredRollup[])[] = []
    for (const { table: of, rollups, state } of [...this.declarations].reverse()) {
      if (of !== table || state === 'refused') continue
      found.push(rollups)
      if (state === 'acked') return found
    }
    return [...found, []]
  }

  /** Whether a table may have rollups. */
  mayHave(table: number): boolean {
    return this.candidates(table).some((rollups) => rollups.length > 0)
  }

  /** Whether some rollup may have a retention. */
  get mayExpire(): boolean {
    return this.declarations.some(({ table }) => {
      return this.candidates(table).some((rollups) => rollups.some(({ keeps }) => keeps !== null))
    })
  }

  /** What comes of a declaration, or of a drop of the table, is noted in what it returns. */
  change(table: number, rollups: readonly StoredRollup[] = []): Declaration {
    const declaration: Declaration = { table, rollups, state: 'unknown' }
    this.declarations.push(declaration)
    return declaration
  }

  /** Everything that rows show was compared with what was answered. */
  seen(found: Cells, history: History): void {
    this.kept.seen(found, history.all, (table) => this.firstShown(table))
    for (const table of new Set(this.declarations.map((one) => one.table))) {
      if (!this.mayHave(table)) this.keeping?.forgetReach(table)
    }
  }

  crashed(history: History): void {
    this.kept.crashed(history.all)
  }

  /** After a start: every table has rollups that were asked for. */
  compare(tables: readonly SeenTable[], where: string): void {
    this.kept.restart()
    for (const { name, number, description } of tables) {
      const found = textOf(description?.rollups ?? [])
      const candidates = this.candidates(number)
      const same = candidates.find((one) => textOf(one.map(({ request }) => request)) === found)
      assert(same !== undefined, `${where}: ${name} has the rollups ${found}`)
      this.declarations = this.declarations.filter((one) => one.table !== number)
      this.change(number, same).state = 'acked'
    }
  }

  /** Notes what a delete of rows does to buckets that are final. */
  noteDelete(operation: Operation, range: { start: bigint; end: bigint }): void {
    const { base, step } = this.layout
    // Buckets that the range cuts may be final by then, and stay.
    const takes = (key: number): boolean => {
      const { table, time } = keyParts(key)
      const at = base + BigInt(time) * step
      return this.candidates(table).every((rollups) =>
        rollups.every(({ width }) => {
          const bucket = floor(at, width)
          return bucket >= range.start && bucket + width <= range.end
        }),
      )
    }
    this.kept.note(operation, { touches: operation.covers!, takes })
  }

  /** The same of one with a condition on values: buckets that are final stay. */
  noteCondition(operation: Operation, touches: Reach['touches']): void {
    this.kept.note(operation, { touches, takes: () => false })
  }

  /** Perhaps does something. */
  async act(rooms: RollupRooms): Promise<void> {
    const { random, keeping } = this
    const { db } = rooms
    const kind = random.int(40)
    const [database, table] = this.pick()
    if (kind < 5) rooms.run(this.declare(db, database, table))
    else if (kind < 6 && random.chance(0.5)) rooms.run(this.drop(db, database, table))
    else if (kind < 12) rooms.run(this.refresh(db))
    else if (kind < 16) rooms.run(db.flush())
    else if (kind < 18) await this.remove(rooms, database, table)
    else if (kind < 26) await this.ask(rooms, database, table)
    else if (kind < 28 && keeping !== null) rooms.run(keeping.put(db, random.next))
    else if (kind < 30) keeping?.pass(random.next)
  }

  /** Half of the time a table that has rollups, if there is one. */
  private pick(): [database: string, table: string] {
    const { random } = this
    const all = DATABASES.flatMap((database) =>
      TABLES.map((table): [string, string] => [database, table]),
    )
    const some = all.filter(([database, table]) => this.mayHave(tableNumber(database, table)))
    return random.pick(some.length > 0 && random.chance(0.7) ? some : all)
  }

  private async declare(db: Database, database: string, table: string): Promise<void> {
    const { random } = this
    const known = this.candidates(tableNumber(database, table))[0]!
    // What stays in the list stays as it is.
    const kept = known.filter(() => random.chance(0.5))
    const added = Array.from({ length: 1 + random.int(2) }, () => this.rollup(table))
    const rollups = [...kept, ...added]
    const declaration = this.change(tableNumber(database, table), rollups)
    const requests = rollups.map(({ request }) => request)
    const fields = Object.fromEntries(FIELDS.map(({ name, type }) => [name, type]))
    await this.put(declaration, () =>
      db.putTable(table, { tags: ['host'], fields, rollups: requests }, { database }),
    )
  }

  /** Whole buckets, which may be final by then. */
  private async remove(rooms: RollupRooms, database: string, table: string): Promise<void> {
    const { random, layout } = this
    const number = tableNumber(database, table)
    const all = this.candidates(number).flat()
    if (all.length === 0) return
    const { width } = random.pick(all)
    if (random.chance(0.7)) {
      this.keeping?.pass(random.next)
      rooms.run(this.refresh(rooms.db))
      await rooms.compare()
    }
    const end = random.chance(0.8) ? this.firstShown(number) : layout.times
    const first = random.int(end > 0 ? end : layout.times)
    const start = floor(this.timeOf(first), width)
    const range = { start, end: start + width * BigInt(1 + random.int(4)) }
    const host = random.chance(0.5) ? random.int(layout.hosts) : -1
    rooms.remove(deletionOf([database, table], range, host, layout))
    await this.ask(rooms, database, table)
  }

  private async drop(db: Database, database: string, table: string): Promise<void> {
    const declaration = this.change(tableNumber(database, table))
    await this.put(declaration, () => db.putTable(table, { rollups: [] }, { database }))
  }

  private async put(declaration: Declaration, run: () => Promise<unknown>): Promise<void> {
    try {
      await run()
      declaration.state = 'acked'
    } catch (error) {
      if (isRefusal(error)) declaration.state = 'refused'
      throw error
    }
  }

  /** Afterwards all rollups that were there before are built. */
  private async refresh(db: Database): Promise<void> {
    const tables = DATABASES.flatMap((database) =>
      TABLES.map((table) => tableNumber(database, table)),
    )
    const before = tables.map((table) => this.candidates(table))
    await db.refresh()
    this.keeping?.end()
    for (const [i, candidates] of before.entries()) {
      if (candidates.length > 1) continue
      const from = this.timeOf(this.firstShown(tables[i]!))
      for (const rollup of candidates[0]!) rollup.exactFrom ??= from
    }
  }

  /** Buckets through the source: they are those of the rows, or of what the rows were. */
  private async ask(rooms: RollupRooms, database: string, table: string): Promise<void> {
    const number = tableNumber(database, table)
    const before = this.candidates(number).flat()
    if (before.length === 0 || (await rooms.compare()) === null) return
    const candidates = this.candidates(number)
    const all = candidates.flat()
    if (all.length === 0) return
    const { kept, layout, keeping, random, hasBarePoints } = this
    const asked = random.pick(all)
    try {
      const fault = await bucketFault(
        { db: rooms.db, kept, layout, keeping },
        {
          ...{ database, table, number },
          every: asked.width * BigInt(random.pick([1, 1, 2, 5])),
          fields: asked.fields.filter((name) => name !== '*' || !hasBarePoints),
          rollups: candidates.length === 1 ? candidates[0]! : null,
        },
      )
      assert.equal(fault, null, rooms.where)
    } catch (error) {
      rooms.excuse(error)
    }
  }

  private rollup(table: string): StoredRollup {
    const { random, layout } = this
    const step = layout.step < NS_PER_SECOND ? NS_PER_SECOND : layout.step
    const width = step * BigInt(random.pick(WIDTHS))
    const some = [...FIELDS.map(({ name }) => name), '*'].filter(() => random.chance(0.5))
    const fields = some.length === 0 ? ['x'] : some
    const calls = fields.flatMap((field) =>
      field === '*' ? ['count(*)'] : CALLS[field]!.map((call) => `${call}(${field})`),
    )
    const span = Number((BigInt(layout.times) * layout.step) / NS_PER_SECOND)
    const seconds = random.chance(0.7) ? null : 1 + random.int(3 * span + 1)
    return {
      request: {
        name: `${table}_${this.names++}`,
        every: `${width / NS_PER_SECOND}s`,
        select: Object.fromEntries(calls.map((text, i) => [`s${i}`, text])),
        ...(seconds === null ? {} : { retention: `${seconds}s` }),
      },
      ...{ width, fields, exactFrom: null },
      keeps: seconds === null ? null : BigInt(seconds) * NS_PER_SECOND,
    }
  }

  private firstShown(table: number): number {
    return this.keeping?.reach(table) ?? 0
  }

  private timeOf(index: number): bigint {
    return this.layout.base + BigInt(index) * this.layout.step
  }
}

function textOf(rollups: readonly RollupRequest[]): string {
  const texts = rollups.map(({ name, every, retention }) => [name, every, retention ?? null])
  return JSON.stringify(texts.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)))
}
