// Asks many shards at once: so many calls under way, each with the epoch of one map; a shard that knows a
// newer map makes the whole question be asked again by that one, so that every point is seen once.

import { OmenError } from '../error.ts'
import type { CancelSignal } from '../query/cancel.ts'
import type { BytesPage, ReadAsk, ReadPage, ShardReadPort } from './read-port.ts'
import type { Plan } from '../query/plan.ts'
import type { ShardMap, SlotRange } from './shard-map.ts'
import {
  type ShardCall,
  type ShardReply,
  type WrongEpoch,
  errorOf,
  unanswered,
} from './shard-port.ts'

/** Calls of one question that are under way. */
const CALLS_MAX = 32
/** Maps after which a question is given up. */
const MAPS_MAX = 8

/** How shards are found and reached. */
export interface ReadShards {
  /** The map as it is known here. */
  map(database: string): Promise<ShardMap>
  /** A newer one, because of what a shard said. */
  renew(database: string, wrong: WrongEpoch): Promise<ShardMap>
  port(shard: string): ShardReadPort
  /** Slots of all series that a plan can have; null: any. */
  slotsOf(plan: Plan): SlotRange | null
}

/** A shard has a newer map than the question was asked by. */
class StaleMap extends Error {
  override readonly name = 'StaleMap'
  readonly wrong: WrongEpoch

  constructor(wrong: WrongEpoch) {
    super(`shard map: epoch ${wrong.epoch} is the least that is answered`)
    this.wrong = wrong
  }
}

/** Was this thrown because a shard knows a newer map? */
export function isStaleMap(error: unknown): boolean {
  return error instanceof StaleMap
}

/** Asks with the map that is known, and again with each newer one. Throws `unavailable` in the end. */
export async function withMap<T>(
  shards: ReadShards,
  database: string,
  ask: (map: ShardMap) => Promise<T>,
): Promise<T> {
  let map = await shards.map(database)
  for (let tries = 1; ; tries++) {
    try {
      return await ask(map)
    } catch (error) {
      if (!(error instanceof StaleMap)) throw error
      if (tries === MAPS_MAX) {
        const message = `shard map of '${database}': ${tries} changes during one question`
        throw new OmenError('unavailable', message, { retryAfter: 1 })
      }
      map = await shards.renew(database, error.wrong)
    }
  }
}

/** One question by one map. */
export class FanOut {
  readonly map: ShardMap
  private readonly shards: ReadShards
  private readonly call: ShardCall
  private readonly signal: CancelSignal | undefined
  /** Reads that have more pages, with the shard of each. */
  private readonly open = new Map<string, string>()
  private readonly nextId: () => string
  private running = 0
  private readonly line: (() => void)[] = []

  constructor(
    shards: ReadShards,
    {
      map,
      database,
      signal,
      nextId,
    }: {
      readonly map: ShardMap
      readonly database: string
      readonly signal: CancelSignal | undefined
      /** Ids of reads, unique for all shards. */
      readonly nextId: () => string
    },
  ) {
    this.shards = shards
    this.map = map
    this.call = { database, epoch: map.epoch }
    this.signal = signal
    this.nextId = nextId
  }

  /** Asks each of some shards; the answers in their order. The first failure is everybody's. */
  all<T>(
    names: readonly string[],
    ask: (port: ShardReadPort, call: ShardCall, name: string) => Promise<ShardReply<T>>,
  ): Promise<T[]> {
    return Promise.all(names.map((name) => this.one(name, (port) => ask(port, this.call, name))))
  }

  /** All pages that each of some shards has of a read; `held` is told of each. */
  readAll<Page extends ReadPage>(
    names: readonly string[],
    ask: Omit<ReadAsk, 'id'>,
    held: (page: Page) => void,
  ): Promise<Page[][]> {
    return Promise.all(
      names.map(async (name) => {
        const pages: Page[] = []
        for await (const page of this.read<Page>(name, ask)) {
          held(page)
          pages.push(page)
        }
        return pages
      }),
    )
  }

  /** The pages of a read of one shard, as they are asked for. */
  async *read<Page extends ReadPage>(
    name: string,
    ask: Omit<ReadAsk, 'id'>,
  ): AsyncGenerator<Page, void, undefined> {
    yield* this.pages<Page>(name, (port, call, id) => port.read(call, { ...ask, id }))
  }

  /** The pages of whatever a shard hands out so, as they are asked for. */
  async *pages<Page extends ReadPage | BytesPage>(
    name: string,
    begin: (
      port: ShardReadPort,
      call: ShardCall,
      id: string,
    ) => Promise<ShardReply<ReadPage | BytesPage>>,
  ): AsyncGenerator<Page, void, undefined> {
    const id = this.nextId()
    const { call } = this
    this.open.set(id, name)
    try {
      let page = await this.one(name, (port) => begin(port, call, id))
      for (;;) {
        if (page.isLast) this.open.delete(id)
        yield page as Page
        if (page.isLast) return
        page = await this.one(name, (port) => port.more(call, id))
      }
    } finally {
      this.give(id)
    }
  }

  /** Nobody wants what is under way. */
  end(): void {
    for (const id of this.open.keys()) this.give(id)
  }

  private give(id: string): void {
    const name = this.open.get(id)
    if (name === undefined) return
    this.open.delete(id)
    // What is not ended ends by itself after a while.
    this.shards
      .port(name)
      .end(this.call, id)
      .catch(() => {})
  }

  /** One call, when it is its turn; ends with the caller's signal, too. */
  private async one<T>(
    name: string,
    ask: (port: ShardReadPort) => Promise<ShardReply<T>>,
  ): Promise<T> {
    if (this.running >= CALLS_MAX) await new Promise<void>((enter) => this.line.push(enter))
    else this.running++
    try {
      const reply = ask(this.shards.port(name)).catch(unreachable(name))
      return valueOf(await untilAborted(reply, this.signal))
    } finally {
      const next = this.line.shift()
      if (next === undefined) this.running--
      else next()
    }
  }
}

function valueOf<T>(reply: ShardReply<T>): T {
  if (reply.kind === 'done') return reply.value
  if (reply.kind === 'wrongEpoch') throw new StaleMap(reply)
  throw errorOf(reply)
}

/** The failure of a call that did not come through. */
function unreachable(name: string): (error: unknown) => never {
  return (error) => {
    throw unanswered(name, error)
  }
}

function untilAborted<T>(reply: Promise<T>, signal: CancelSignal | undefined): Promise<T> {
  if (signal === undefined) return reply
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(new OmenError('cancelled', 'query: cancelled by the caller'))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    reply.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}
