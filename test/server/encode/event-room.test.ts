// Room for decoded events: who comes in, who waits, who has to go.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type EventHolder, EventRoom } from '../../../server/encode/event-room.ts'
import type { TailEvent } from '../../../engine/tail/tail.ts'

const STALL_MS = 1_000
const BYTES_MAX = 100_000

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

function eventOf(rows: number): TailEvent {
  const time = new BigInt64Array(rows)
  return { kind: 'points', lsn: 1n, columns: [], series: [{ tags: new Map(), time, fields: [] }] }
}

class Reader implements EventHolder {
  stalledAt: number | null = null
  state = 'outside'
  private readonly room: EventRoom

  constructor(room: EventRoom) {
    this.room = room
  }

  async take(event: TailEvent): Promise<void> {
    this.state = 'waits'
    await this.room.admit(this, event)
    if (this.state === 'waits') this.state = 'holds'
  }

  drop(): void {
    this.state = 'dropped'
    this.room.leave(this)
  }
}

async function readers(events: readonly TailEvent[]): Promise<{ room: EventRoom; all: Reader[] }> {
  const room = new EventRoom(BYTES_MAX, STALL_MS)
  const all = events.map(() => new Reader(room))
  for (const [i, reader] of all.entries()) void reader.take(events[i]!)
  await vi.advanceTimersByTimeAsync(0)
  return { room, all }
}

const states = (all: readonly Reader[]): string => all.map(({ state }) => state).join(' ')

test('as many come in as there are bytes, the others in their order as room is made', async () => {
  const { room, all } = await readers([5_000, 5_000, 5_000, 1].map(eventOf))
  expect(states(all)).toBe('holds holds waits waits')
  room.leave(all[1]!)
  await vi.advanceTimersByTimeAsync(0)
  expect(states(all)).toBe('holds holds holds holds')
})

test('an event of several counts once', async () => {
  const event = eventOf(10_000)
  const { room, all } = await readers([event, event, event, eventOf(10_000)])
  expect(states(all)).toBe('holds holds holds waits')
  room.leave(all[0]!)
  room.leave(all[2]!)
  await vi.advanceTimersByTimeAsync(0)
  expect(all[3]!.state).toBe('waits')
  room.leave(all[1]!)
  await vi.advanceTimersByTimeAsync(0)
  expect(all[3]!.state).toBe('holds')
})

test('more than there is comes in alone', async () => {
  const { room, all } = await readers([1, 100_000].map(eventOf))
  expect(states(all)).toBe('holds waits')
  room.leave(all[0]!)
  await vi.advanceTimersByTimeAsync(0)
  expect(states(all)).toBe('holds holds')
})

test('who takes nothing for a second has to go when another waits, and nobody else', async () => {
  const { all } = await readers([4_000, 4_000, 4_000].map(eventOf))
  all[1]!.stalledAt = performance.now()
  const another = new Reader(all[0]!['room'])
  void another.take(eventOf(4_000))
  await vi.advanceTimersByTimeAsync(STALL_MS - 1)
  expect(states([...all, another])).toBe('holds holds holds waits')
  await vi.advanceTimersByTimeAsync(STALL_MS)
  expect(states([...all, another])).toBe('holds dropped holds holds')
})

test('nobody has to go while nobody waits', async () => {
  const { all } = await readers([4_000, 4_000].map(eventOf))
  for (const reader of all) reader.stalledAt = 0
  await vi.advanceTimersByTimeAsync(60 * STALL_MS)
  expect(states(all)).toBe('holds holds')
})

test('who leaves while it waits waits no more, and takes no room', async () => {
  const { room, all } = await readers([10_000, 10_000, 10_000].map(eventOf))
  room.leave(all[1]!)
  room.leave(all[1]!)
  room.leave(all[0]!)
  await vi.advanceTimersByTimeAsync(0)
  expect(all[2]!.state).toBe('holds')
})
