// A shard's object looks at its own load when its alarm has it awake, which is at most every ten minutes
// while points arrive: the write path pays nothing. If it is hot it tells the catalog's object, which
// splits it or not; what is not split is looked at again with the next alarm.

import type { ShardDesk } from '../../engine/shards/shard-desk.ts'
import type { ShardLoad, ShardReply } from '../../engine/shards/shard-port.ts'
import { type SplitPolicy, isHot, pointRate } from '../../engine/shards/split-policy.ts'

/** Asks the catalog to split this shard: whether it did. */
export type Relief = () => Promise<ShardReply<boolean>>

export class SplitWatch {
  private readonly desk: Pick<ShardDesk, 'currentLoad'>
  private readonly policy: SplitPolicy
  private before: ShardLoad

  /** From now on it counts. */
  constructor(desk: Pick<ShardDesk, 'currentLoad'>, policy: SplitPolicy) {
    this.desk = desk
    this.policy = policy
    this.before = desk.currentLoad()
  }

  /** Asks for relief if the shard is hot: why it got none, null if it did or needs none. Never rejects. */
  async look(relieve: Relief): Promise<string | null> {
    const load = this.desk.currentLoad()
    const rate = pointRate(this.before, load)
    if (rate !== null) this.before = load
    if (!isHot(rate, load, this.policy)) return null
    try {
      const reply = await relieve()
      return reply.kind === 'failed' ? reply.message : null
    } catch (error) {
      return String(error)
    }
  }
}
