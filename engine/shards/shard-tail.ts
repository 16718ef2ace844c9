// What a shard tells a coordinator that follows a table: one call, one piece of news. Nothing is kept here
// between two calls but the feed's ring, which goes on for a while when nobody follows, so a call may be
// made again after any failure.

import type { Query } from '../query/query.ts'
import type { Shard } from '../shard.ts'
import { readBatch } from '../tail/batch-source.ts'
import { type FeedEntry, type Follower, bytesOfEntry } from '../tail/feed.ts'
import { BEFORE_ALL } from '../tail/tail.ts'
import type { TailPosition } from '../tail/tail-id.ts'
import { MergedCatalog } from './merged-catalog.ts'
import type { RowsPage, TableShape } from './read-port.ts'
import { bytesOfPage, packRows } from './row-page.ts'
import { NO_STATS } from './table-reads.ts'

export interface TailAsk {
  /** Given by whoever asks: `end` calls the wait off. */
  readonly id: string
  /** Of raw points. */
  readonly query: Query
  readonly shape: TableShape
  /** How far this and other shards were read; null: what comes from now on is wanted. */
  readonly known: readonly TailPosition[] | null
  /** A shard that is not among them was made meanwhile: from its beginning. */
  readonly isNew: boolean
  /** What was told of the table last; with another one the call ends at once. */
  readonly state: string | null
  /** How long to wait for news. */
  readonly waitMs: number
  /** Gives the rows of the next batch; else only whether there is one. */
  readonly givesRows: boolean
}

export interface TailNews {
  /** Go on here. */
  readonly position: TailPosition
  /** `known` said where to begin. */
  readonly isKnown: boolean
  /** Differs when points of the table were deleted, or it is another one; '' without the table. */
  readonly state: string
  readonly news:
    /** There is nothing behind the position. */
    | 'none'
    /** A batch behind the position has points of the table. */
    | 'batch'
    /** Batches before the position are not known any more. */
    | 'gap'
    /** The table has columns here that the shape lacks. */
    | 'shape'
    | 'rows'
  readonly pages: readonly RowsPage[]
}

/** Bytes of the rows of a batch that fit a message, which carries 32 MiB; of more, a gap is told. */
const ROWS_BYTES_MAX = 24 << 20

/** Reads one piece of news; `end` it. `check` throws once the caller's map is old. Throws `busy`. */
export class NewsReader implements Follower {
  position: bigint
  private readonly shard: Shard
  private readonly ask: TailAsk
  private readonly check: () => void
  private readonly isKnown: boolean
  private isOver: boolean
  private readonly timer: unknown
  private wakeUp = (): void => {}

  constructor(shard: Shard, ask: TailAsk, check: () => void) {
    this.shard = shard
    this.ask = ask
    this.check = check
    const { feed, host } = shard
    feed.join(this)
    const own = ask.known?.find(({ history }) => history === feed.history)
    this.isKnown = own !== undefined
    this.position = own?.lsn ?? this.beginning()
    this.isOver = ask.waitMs === 0
    this.timer = this.isOver ? null : host.timer.set(ask.waitMs, () => this.finish())
  }

  wake(): void {
    this.wakeUp()
  }

  fellBehind(): void {}

  /** Waits no longer. */
  finish(): void {
    this.isOver = true
    this.wakeUp()
  }

  end(): void {
    this.shard.feed.leave(this)
    if (this.timer !== null) this.shard.host.timer.clear(this.timer)
  }

  /** Throws `unavailable`, and what `check` throws. */
  async read(): Promise<TailNews> {
    const { feed, host } = this.shard
    for (;;) {
      this.check()
      const woken = new Promise<void>((resolve) => (this.wakeUp = resolve))
      const found = this.find()
      if (found === 'rows') {
        await host.pause()
        const read = await this.rows(feed.after(this.position)!)
        if (read !== null) return read
      } else if (found !== 'none' || this.isOver) return this.news(found)
      else await woken
    }
  }

  private beginning(): bigint {
    const { feed } = this.shard
    if (this.ask.known === null) return feed.newest
    return this.ask.isNew ? feed.keptFrom : BEFORE_ALL
  }

  private news(news: TailNews['news'], pages: readonly RowsPage[] = []): TailNews {
    const { isKnown, state } = this
    const { history } = this.shard.feed
    return { position: { lsn: this.position, history }, isKnown, state, news, pages }
  }

  /** Of the table: which one it is, and how much was deleted of it. */
  private get state(): string {
    const { catalog, feed } = this.shard
    const { database, table: name } = this.ask.query
    const table = catalog.databases.get(database)?.tables.get(name)
    if (table === undefined) return ''
    return `${feed.history}-${table.id}-${feed.deletesOf(table.id) + table.droppedColumns.size}`
  }

  private find(): TailNews['news'] {
    const { feed, catalog } = this.shard
    const { query, state, givesRows } = this.ask
    if (!feed.reaches(this.position)) {
      this.position = this.position > feed.newest ? feed.newest : feed.oldest
      return 'gap'
    }
    if (state !== null && state !== this.state) {
      this.isOver = true
      return 'none'
    }
    const id = catalog.databases.get(query.database)?.tables.get(query.table)?.id
    for (let entry = feed.after(this.position); entry !== null; entry = feed.after(entry.lsn)) {
      if (id !== undefined && entry.tables.includes(id)) {
        if (!givesRows) return 'batch'
        return this.fits() ? 'rows' : 'shape'
      }
      this.position = entry.lsn
    }
    return 'none'
  }

  private fits(): boolean {
    const { query, shape } = this.ask
    const own = this.shard.catalog.planTable(query.database, query.table)
    const columns = new Set(shape.columns.map(({ name }) => name))
    const tags = new Set(shape.tagKeys)
    return (
      own.columns.every(({ name }) => columns.has(name)) &&
      own.tagKeys.every((key) => tags.has(key))
    )
  }

  /** The rows of a batch; null: none are wanted of it, it is passed over. */
  private async rows(entry: FeedEntry): Promise<TailNews | null> {
    const { shard, ask } = this
    const seen = (catalog: ConstructorParameters<typeof MergedCatalog>[0]): MergedCatalog =>
      new MergedCatalog(catalog, ask.shape)
    const answer = await shard.feed.room.read(bytesOfEntry(entry), () =>
      readBatch(shard, ask.query, entry, seen),
    )
    this.position = entry.lsn
    if (answer.series.length === 0) return null
    const pages = packRows(answer.columns, answer.series, null, { stats: NO_STATS, points: 0 })
    const bytes = pages.reduce((sum, page) => sum + bytesOfPage(page), 0)
    return bytes > ROWS_BYTES_MAX ? this.news('gap') : this.news('rows', pages)
  }
}
