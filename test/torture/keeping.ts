// Tables that keep their points for a time, under a clock that moves: what is done to both, and what
// may be shown then. Everything that reads is between `begin` and `end`.

import assert from 'node:assert/strict'
import type { Database } from '../../engine/database.ts'
import {
  DATABASES,
  type Layout,
  TABLES,
  cellTable,
  cellTime,
  tableNumber,
} from '../engine/crash-cells.ts'
import { Expiry } from '../engine/crash-expiry.ts'
import type { History } from '../engine/crash-model.ts'
import { CLOCK_START, type SimulatedHost } from '../simulated-host.ts'
import { pick } from './erasure.ts'
import type { SeenTable } from './seen-tables.ts'
import type { Swarm } from './swarm.ts'
import { WallClock } from './wall-clock.ts'

const NS_PER_SECOND = 1_000_000_000n
const MINUTE = 60n * NS_PER_SECOND
const HOUR = 60n * MINUTE

/** What a write may be refused for. */
export interface Edges {
  /** Tables and times of a batch that is certain to be refused, or to be taken. */
  readonly isRefused: boolean
  readonly isTaken: boolean
}

type KeepingKind = Pick<Swarm, 'layout' | 'trustsClock' | 'hasRollups'>

export class Keeping {
  readonly expiry: Expiry
  readonly clock: WallClock
  private readonly layout: Layout
  /** With rollups, by table: index of the first time that has never expired. */
  private readonly reaches: Map<number, number> | null
  private latestTime = 0n
  private host!: SimulatedHost
  private history!: History

  constructor({ layout, trustsClock, hasRollups }: KeepingKind) {
    this.layout = layout
    this.reaches = hasRollups ? new Map() : null
    this.expiry = new Expiry(layout)
    this.clock = new WallClock(CLOCK_START, trustsClock)
  }

  /** A new host, some time after the last one. */
  start(host: SimulatedHost, history: History, random: () => number): void {
    this.host = host
    this.history = history
    const kind = random()
    let moved = BigInt(Math.floor(random() * 30)) * MINUTE
    if (kind < 0.15) moved = BigInt(Math.floor(random() * 22)) * HOUR
    else if (kind < 0.25) moved = BigInt(30 + Math.floor(random() * 400)) * HOUR
    else if (kind < 0.3) moved = -BigInt(30 + Math.floor(random() * 400)) * HOUR
    this.clock.set(host, moved)
  }

  /** It was opened; `db` null: it was not. */
  opened(db: Database | null): void {
    this.clock.opened(this.host, db !== null && !db.health().message.startsWith('reads only'))
    this.end()
  }

  begin(): void {
    this.clock.look(this.host)
    this.expiry.begin(this.clock)
  }

  end(): void {
    this.clock.look(this.host)
    this.expiry.end(this.clock, this.history.nextOrder)
    if (this.clock.high > this.latestTime) this.latestTime = this.clock.high
    for (const table of this.reaches === null ? [] : this.tables()) {
      const { surely } = this.expiry.edges(table, this.clock)
      this.reaches!.set(table, Math.max(this.reach(table), surely))
    }
  }

  /** Index of the first time of a table that has never expired; 0 in a run without rollups. */
  reach(table: number): number {
    return this.reaches?.get(table) ?? 0
  }

  /** Nothing hangs on what has expired before. */
  forgetReach(table: number): void {
    this.reaches?.set(table, this.expiry.edges(table, this.clock).surely)
  }

  /** The latest time that may have been believed. */
  get latest(): bigint {
    return this.latestTime
  }

  /** Moves the clock in one of its ways. */
  move(random: () => number): void {
    const { clock, host } = this
    this.end()
    const kind = random()
    if (kind < 0.6) clock.drift(host, 1 + Math.floor(random() * (random() < 0.5 ? 3 : 24)))
    else if (kind < 0.7) clock.stepBack(host)
    else if (kind < 0.8) clock.correct(host)
    else if (kind < 0.9) clock.jump(host, random)
    else clock.steady(host)
    this.end()
  }

  /** Some hours go by, or days. */
  pass(random: () => number): void {
    this.end()
    this.clock.drift(this.host, 1 + Math.floor(random() * (random() < 0.5 ? 6 : 48)))
    this.end()
  }

  /** Sets the retention of a table, or takes it away. */
  async put(db: Database, random: () => number): Promise<void> {
    const [database, table] = [pick(DATABASES, random), pick(TABLES, random)]
    const seconds = this.seconds(random)
    const value = random() < 0.2 ? null : seconds * NS_PER_SECOND
    const change = this.expiry.change(tableNumber(database, table), value)
    this.end()
    await db.putTable(table, { retention: value === null ? null : `${seconds}s` }, { database })
    this.end()
    change.state = 'acked'
  }

  /** After a start: every table has a retention that was asked for. */
  compare(tables: readonly SeenTable[], where: string): void {
    for (const { name, number, description } of tables) {
      const text = description?.retention ?? null
      const value = text === null ? null : BigInt(text.slice(0, -1)) * NS_PER_SECOND
      const expected = this.expiry.candidates(number)
      assert(expected.includes(value), `${where}: ${name} has retention ${text}, not ${expected}`)
      this.expiry.settle(number, value)
    }
  }

  /** The first time that no table refuses. */
  get firstLive(): number {
    let first = 0
    for (const number of this.tables()) {
      first = Math.max(first, this.expiry.edges(number, this.clock).surely)
    }
    return Math.min(first, this.layout.times - 1)
  }

  /** What is certain of a batch, as of now. */
  edgesOf(points: Iterable<{ readonly table: number; readonly time: number }>): Edges {
    this.clock.look(this.host)
    let isRefused = false
    let isTaken = true
    for (const { table, time } of points) {
      const { mayBe, surely } = this.expiry.edges(table, this.clock)
      if (time < mayBe) isRefused = true
      // What rollups have closed stays closed.
      if (time < Math.max(surely, this.reach(table))) isTaken = false
    }
    return { isRefused, isTaken }
  }

  /** Whether every point of every table is certain to be shown: what rollups closed stays hidden. */
  get isWhole(): boolean {
    return this.tables().every((table) => {
      return this.expiry.edges(table, this.clock).surely === 0 && this.reach(table) === 0
    })
  }

  /** Tells later whether nothing can have expired since now. */
  still(): () => boolean {
    this.clock.look(this.host)
    const before = this.tables().map((table) => this.expiry.edges(table, this.clock).mayBe)
    return () => {
      this.clock.look(this.host)
      return this.tables().every((table, i) => {
        return this.expiry.edges(table, this.clock).surely === before[i]
      })
    }
  }

  /**
   * Whether a cell is shown for certain, as far as retention goes: what had expired may go from the disk
   * a little after a clock that was trusted has stepped back.
   */
  isSure(key: number): boolean {
    if (this.expiry.mayBeGone(key, -1)) return false
    return cellTime(key) >= this.expiry.edges(cellTable(key), this.clock).surely
  }

  /**
   * By the settings of now: whether a machine whose clock says `time` shows a cell for certain. One that
   * a backup is restored on may believe a clock that this one does not: at a start more is allowed.
   */
  sureByNow(): (key: number, time: bigint) => boolean {
    const firstSure = this.expiry.firstSure()
    return (key, time) => cellTime(key) >= firstSure(cellTable(key), time)
  }

  /**
   * Null if the health of a database that is well fits what is known of its clock. `mayExpire`: some
   * other table may have a retention.
   */
  faultOf(
    health: { readonly status: string; readonly message: string },
    mayExpire: boolean,
  ): string | null {
    const { maybe, surely } = this.expiry.keeps
    const { belief } = this.clock
    const isPaused = health.status === 'warn' && health.message.startsWith('retention: paused')
    const isWell = health.status === 'pass' && health.message === 'ready'
    if (isPaused)
      return (maybe || mayExpire) && belief !== 'yes' ? null : `${health.message}, belief ${belief}`
    if (!isWell) return health.message
    return surely && belief === 'no' ? 'ready, though the clock is wrong' : null
  }

  private tables(): number[] {
    return DATABASES.flatMap((database) => TABLES.map((table) => tableNumber(database, table)))
  }

  /** Some share of the time that points lie in. */
  private seconds(random: () => number): bigint {
    const { times, step } = this.layout
    const span = Number((BigInt(times) * step) / NS_PER_SECOND)
    return BigInt(1 + Math.floor(span * random() * 1.2))
  }
}
