// Ids of events: how far a tail has come, in every shard that it follows. A number of a batch says nothing
// without the database that counted it: `12-0a1b2c3d`, of several shards joined by dots.

/** All up to `lsn` was taken of the database with this history; '': of the one that is asked. */
export interface TailPosition {
  readonly lsn: bigint
  readonly history: string
}

/** More shards than a database has. */
const POSITIONS_MAX = 256

export function encodeTailId(positions: Iterable<TailPosition>): string {
  return Array.from(positions, ({ lsn, history }) => `${lsn}-${history}`).join('.')
}

/** Null: it is none. */
export function decodeTailId(id: string): TailPosition[] | null {
  const parts = id.split('.', POSITIONS_MAX + 1)
  if (parts.length > POSITIONS_MAX) return null
  const found = parts.map((part) => /^(\d{1,20})(?:-([0-9a-f]{8}))?$/.exec(part))
  const positions: TailPosition[] = []
  for (const one of found) {
    if (one === null) return null
    const [, lsn, history = ''] = one
    if (history === '' && parts.length > 1) return null
    positions.push({ lsn: BigInt(lsn!), history })
  }
  return positions
}
