// What a coordinator asks a shard when it reads: partials of aggregates, rows, and lists, each in pages
// that fit a message. The shard plans for itself, over its own series, with the columns and tags that the
// table has in all shards; what it has none of is null. Values are plain, as those of shard-port.ts.

import type { BackupPart } from '../backup/backup.ts'
import type { FieldType } from '../field.ts'
import type { AggregatedRange } from '../query/downsample.ts'
import type { TableStats } from '../catalog/table-stats.ts'
import type { LatestRequest, Query, QueryRequest, QueryStats, Vector } from '../query/query.ts'
import type { ShardCall, ShardReply } from './shard-port.ts'
import type { TailAsk, TailNews } from './shard-tail.ts'

/** Bytes of a page, about; a message carries 32 MiB at most. */
export const PAGE_BYTES = 8 << 20

/** What a table looks like: fields and tag keys by name, in byte order. */
export interface TableShape {
  readonly columns: readonly { readonly name: string; readonly type: FieldType }[]
  readonly tagKeys: readonly string[]
}

/** What a shard has of a table. */
export interface TableFacts extends TableShape {
  /** No point is outside of them; without points the least is above the greatest. */
  readonly minTime: bigint
  readonly maxTime: bigint
}

/** What is read of a table. */
export interface ReadAsk {
  /** Given by whoever asks, unique for the shard: `more` and `end` name it. */
  readonly id: string
  readonly query: Query
  readonly shape: TableShape
  readonly what:
    /** The partial of a range; ranks only if there are `first` or `last`. */
    | { readonly kind: 'aggregate'; readonly range: AggregatedRange }
    /** The rows of an answer: a page of raw points, chosen points, the newest. */
    | { readonly kind: 'rows' }
    /** All raw points by series, then time. */
    | { readonly kind: 'stream' }
}

/** Tags of a series or of a group, which has null where its series lack the key. */
export type WireTags = readonly (readonly [string, string | null])[]

/** Rows of some series, one behind the other. */
export interface RowsPage {
  readonly kind: 'rows'
  readonly isLast: boolean
  readonly tags: readonly WireTags[]
  /** Of the newest rows of groups: the series that each is of. */
  readonly owners: readonly WireTags[] | null
  /** Rows of each. */
  readonly counts: Uint32Array
  readonly time: BigInt64Array
  readonly fields: readonly Vector[]
  /** Of all pages, with the last one. */
  readonly end: ReadEnd | null
}

/** A piece of an AggregatePartial (query/partial.ts): all pages together, one behind the other. */
export interface PartialPage {
  readonly kind: 'partial'
  readonly isLast: boolean
  /** Bytes of one record, the same for all shards. */
  readonly recordBytes: number
  readonly records: Uint8Array<ArrayBuffer>
  readonly arena: Uint8Array<ArrayBuffer>
  /** Numbers of groups that records have, ascending, and their tags. */
  readonly groups: Uint32Array
  readonly groupTags: readonly WireTags[]
  /** The same of ranks of series. */
  readonly ranks: Uint32Array
  readonly rankTags: readonly WireTags[]
  readonly end: ReadEnd | null
}

/** What reading took. */
export interface ReadEnd {
  readonly stats: QueryStats
  readonly points: number
}

/** A piece of an archive. */
export interface BytesPage {
  readonly kind: 'bytes'
  readonly isLast: boolean
  readonly bytes: Uint8Array<ArrayBuffer>
}

export type ReadPage = RowsPage | PartialPage

/** A list of names of a table, in byte order or that of tags, behind `after`. */
export interface ListAsk {
  readonly query: Query
  readonly shape: TableShape
  /** Values of this tag; null: series. */
  readonly key: string | null
  /** Cursor of the page before. */
  readonly cursor: string | null
  readonly limit: number
  /** Is a condition on fields refused (as lists do), or passed over? */
  readonly isStrict: boolean
}

/** The next names; `isLast`: there are no more. */
export interface ListPage {
  readonly series: readonly WireTags[]
  readonly values: readonly string[]
  readonly isLast: boolean
}

/** What an answer is made of whose version is asked for, as query/version.ts takes it. */
export type VersionAsk =
  | { readonly kind: 'query'; readonly request: QueryRequest; readonly shape: string }
  | { readonly kind: 'latest'; readonly request: LatestRequest; readonly shape: string }
  | { readonly kind: 'list'; readonly table: string; readonly asked: readonly unknown[] }

/** The version of what a shard has of a table that it does not have. */
export const ABSENT = 'absent'

/** The reading side of a shard. Nothing it does changes anything, so all of it may be called again. */
export interface ShardReadPort {
  /** Null: it does not have the table. */
  facts(call: ShardCall, table: string): Promise<ShardReply<TableFacts | null>>
  /** The first page; throws what the query throws. A table that is missing has no rows. */
  read(call: ShardCall, ask: ReadAsk): Promise<ShardReply<ReadPage>>
  /** The first page of a full backup of this shard, which is a part of one of all. */
  archive(call: ShardCall, id: string, part: BackupPart): Promise<ShardReply<BytesPage>>
  /** The next page of a read; `unavailable` once the shard has started anew, or it was not asked for long. */
  more(call: ShardCall, id: string): Promise<ShardReply<ReadPage | BytesPage>>
  /** Nobody wants the rest: ends what runs, too. */
  end(call: ShardCall, id: string): Promise<ShardReply<null>>
  list(call: ShardCall, ask: ListAsk): Promise<ShardReply<ListPage>>
  /** As `Database.tableStats`; null: it does not have the table. */
  tableStats(call: ShardCall, table: string): Promise<ShardReply<TableStats | null>>
  /** What a tail wants to know next (shard-tail.ts). */
  follow(call: ShardCall, ask: TailAsk): Promise<ShardReply<TailNews>>
  /** A text that differs whenever what the shard has to say may; null: it moves with the clock. */
  version(call: ShardCall, ask: VersionAsk): Promise<ShardReply<string | null>>
}
