// The reading side of a shard as its port answers it: what is thrown becomes a plain value, and a caller
// by an old map is refused before anything is read. A read that has begun goes on by its own snapshot.

import type { ShardReads } from './shard-reads.ts'
import type { ShardReadPort } from './read-port.ts'
import { OmenError } from '../error.ts'
import { type ShardCall, type ShardReply, failureOf } from './shard-port.ts'

/** The port over some reads; `refusal` says why a call is not answered, null: it is. */
export function readPortOf(
  reads: ShardReads,
  refusal: (call: ShardCall) => ShardReply<never> | null,
): ShardReadPort {
  const attempt = async <T>(work: () => T | Promise<T>): Promise<ShardReply<T>> => {
    try {
      return { kind: 'done', value: await work() }
    } catch (error) {
      return failureOf(error)
    }
  }
  // Also while it waits.
  const check = (call: ShardCall): void => {
    if (refusal(call) !== null) throw new OmenError('unavailable', 'shard: its map has changed')
  }
  const answer = async <T>(call: ShardCall, work: () => T | Promise<T>): Promise<ShardReply<T>> =>
    refusal(call) ?? (await attempt(work))
  return {
    facts: (call, table) => answer(call, () => reads.facts(call.database, table)),
    read: (call, ask) => answer(call, () => reads.read(call.database, ask)),
    archive: (call, id, part) => answer(call, () => reads.archive(id, part)),
    more: (_call, id) => attempt(() => reads.more(id)),
    end: (_call, id) => attempt(() => reads.end(id).then(() => null)),
    list: (call, ask) => answer(call, () => reads.list(call.database, ask)),
    tableStats: (call, table) => answer(call, () => reads.tableStats(call.database, table)),
    follow: (call, ask) => answer(call, () => reads.tail(ask, () => check(call))),
    version: (call, ask) => answer(call, () => reads.version(call.database, ask)),
  }
}
