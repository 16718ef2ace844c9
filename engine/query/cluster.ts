// Sources of a range of time in clusters that do not overlap: what one cluster holds of a series has
// nothing to do with the others, so they may be read one after the other. A cluster in which series
// have few rows is read many series at once (series-batch.ts).

import type { PartView } from './part-view.ts'
import type { Scan } from './scan.ts'
import type { MemtableSource, Sources } from './series-scan.ts'
import type { Execution } from '../step.ts'

/** Fewer series are read one by one: a batch has to be set up. */
const SERIES_MIN = 48
/** The same where only the newest row of each is wanted. */
const NEWEST_MIN = 8
/** Most rows that a series has, on average, where they are short. */
const SHORT_ROWS = 128
/** Sources of a cluster that are read together. */
const SOURCES_MAX = 256

export interface Cluster {
  /** Times of its rows, half-open, inside of what was asked for. */
  readonly start: bigint
  readonly end: bigint
  /** Oldest first. */
  readonly sources: Sources
  /** Do its series have few rows each? */
  readonly isShort: boolean
  /** May its sources be read together? */
  readonly isJoint: boolean
}

/** A source and the times of its rows. */
interface Member {
  readonly source: PartView | MemtableSource
  readonly isPart: boolean
  readonly minTime: bigint
  readonly maxTime: bigint
}

/** The clusters of [start, end), oldest first; null if there is none to be read many series at once. */
export function* shortClusters(
  scan: Scan,
  start: bigint,
  end: bigint,
): Execution<readonly Cluster[] | null> {
  const clusters = yield* clustersOf(scan, start, end, SERIES_MIN)
  return clusters?.some(({ isShort }) => isShort) === true ? clusters : null
}

/** The same for the newest rows; null if series are too few. */
export function newestClusters(
  scan: Scan,
  start: bigint,
  end: bigint,
): Execution<readonly Cluster[] | null> {
  return clustersOf(scan, start, end, NEWEST_MIN)
}

function* clustersOf(
  scan: Scan,
  start: bigint,
  end: bigint,
  seriesMin: number,
): Execution<readonly Cluster[] | null> {
  const { ids } = scan.plan.series
  if (start >= end || ids.length < seriesMin || !isAscending(ids)) return null
  const { parts, memtables } = yield* scan.sources(start, end)
  const members: Member[] = [
    ...parts.map((source) => ({ source, isPart: true, ...timesOf(source.reader.description) })),
    ...memtables.map((source) => ({ source, isPart: false, ...timesOf(source.snapshot) })),
  ]
  return gather(members).map((some) => clusterOf(scan, some, start, end))
}

function timesOf({ minTime, maxTime }: Pick<Member, 'minTime' | 'maxTime'>): {
  minTime: bigint
  maxTime: bigint
} {
  return { minTime, maxTime }
}

/** Members that overlap in time, together; each cluster in the order of age, as they come. */
function gather(members: readonly Member[]): Member[][] {
  const order = members.map((member, age) => ({ member, age }))
  order.sort((a, b) => (a.member.minTime < b.member.minTime ? -1 : 1))
  const clusters: (typeof order)[] = []
  let last = 0n
  for (const one of order) {
    const { minTime, maxTime } = one.member
    if (clusters.length === 0 || minTime > last) {
      clusters.push([one])
      last = maxTime
      continue
    }
    clusters.at(-1)!.push(one)
    if (maxTime > last) last = maxTime
  }
  return clusters.map((some) => some.sort((a, b) => a.age - b.age).map(({ member }) => member))
}

function clusterOf(scan: Scan, members: readonly Member[], start: bigint, end: bigint): Cluster {
  const parts: PartView[] = []
  const memtables: MemtableSource[] = []
  let first = end
  let last = start
  let rows = 0
  const { catalog } = scan.snapshot
  const series = catalog.tableSeries(scan.plan.table.id)
  for (const { source, isPart, minTime, maxTime } of members) {
    if (minTime < first) first = minTime
    if (maxTime >= last) last = maxTime + 1n
    if (isPart) {
      const { reader } = source as PartView
      parts.push(source as PartView)
      rows += reader.rows / reader.seriesCount
    } else {
      const memtable = source as MemtableSource
      memtables.push(memtable)
      rows += memtable.snapshot.rowCount / Math.max(series, 1)
    }
  }
  const isJoint = members.length <= SOURCES_MAX
  return {
    start: first > start ? first : start,
    end: last < end ? last : end,
    sources: { parts, memtables },
    isShort: rows <= SHORT_ROWS && isJoint,
    isJoint,
  }
}

function isAscending(ids: Uint32Array): boolean {
  for (let i = 1; i < ids.length; i++) if (ids[i]! <= ids[i - 1]!) return false
  return true
}
