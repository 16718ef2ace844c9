import { expect, test } from 'vitest'
import type { StagedBatch } from '../../engine/ingest/batch.ts'
import {
  type LogInSteps,
  type LoggedBatch,
  WriteQueue,
  type WriteTarget,
} from '../../engine/write-queue.ts'

/** A target that writes down what it is asked for, with a sync that the test ends. */
class Recorder implements WriteTarget {
  readonly calls: string[] = []
  readonly syncs: { resolve: () => void; reject: (error: Error) => void }[] = []
  isLogFull = false
  room = 100
  refusal: Error | null = null
  /** What applying waits for. */
  applying: Promise<void> = Promise.resolve()
  private lsn = 0n

  canHold(rowBytes: number): boolean {
    return rowBytes <= 100
  }

  reserve(rowBytes: number): boolean {
    if (rowBytes > this.room) return false
    this.room -= rowBytes
    return true
  }
  unreserve(rowBytes: number): void {
    this.room += rowBytes
  }
  async makeRoom(): Promise<void> {
    this.calls.push('room')
    this.room = 100
    this.isLogFull = false
  }
  /** Ends the logging of a batch whose name begins with `large`. */
  readonly steps: { whole: () => void; fail: (error: Error) => void }[] = []

  /** What gives ids to the names of a batch whose name begins with `many`. */
  preparing: Promise<void> = Promise.resolve()

  prepare(staged: StagedBatch): Promise<void> | null {
    if (!nameOf(staged).startsWith('many')) return null
    this.calls.push(`prepare ${nameOf(staged)}`)
    return this.preparing
  }

  log(staged: StagedBatch): LoggedBatch | LogInSteps {
    if (this.refusal !== null) throw this.refusal
    this.calls.push(`log ${nameOf(staged)}`)
    const logged = (): LoggedBatch => ({ staged, entries: new Uint8Array(), lsn: ++this.lsn })
    if (!nameOf(staged).startsWith('large')) return logged()
    return (done) =>
      new Promise((resolve, reject) => {
        const whole = (): void => {
          done(logged())
          resolve()
        }
        this.steps.push({ whole, fail: reject })
      })
  }
  sync(): Promise<void> {
    this.calls.push('sync')
    return new Promise((resolve, reject) => this.syncs.push({ resolve, reject }))
  }
  async apply({ staged }: LoggedBatch): Promise<void> {
    this.calls.push(`apply ${nameOf(staged)}`)
    await this.applying
  }
  abandon(logged: readonly LoggedBatch[]): void {
    for (const { staged } of logged) this.room += staged.rowBytes
    this.calls.push(`abandon ${logged.map(({ staged }) => nameOf(staged)).join(' ')}`)
  }
}

const names = new WeakMap<object, string>()

function nameOf(staged: StagedBatch): string {
  return names.get(staged)!
}

function batch(name: string, rowBytes = 1): StagedBatch {
  const result = (ack: string): unknown => ({ written: 1, rejected: 0, ack, errors: [] })
  const staged = { rowBytes, arenaBytes: 0, result } as unknown as StagedBatch
  names.set(staged, name)
  return staged
}

function openQueue(): { target: Recorder; queue: WriteQueue; timers: (() => void)[] } {
  const target = new Recorder()
  const timers: (() => void)[] = []
  const timer = { set: (_delay: number, run: () => void) => timers.push(run), clear: () => {} }
  return { target, timers, queue: new WriteQueue(target, timer) }
}

async function tick(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('one sync serves all writers that came while the one before ran, and applies follow the log', async () => {
  const { target, queue } = openQueue()
  const writes = ['a', 'b', 'c'].map((name) => queue.submit(batch(name), 'fsync'))
  await tick()
  expect(target.calls).toEqual(['log a', 'sync', 'log b', 'log c'])
  target.syncs[0]!.resolve()
  await tick()
  expect(target.calls.slice(4)).toEqual(['apply a', 'sync'])
  target.syncs[1]!.resolve()
  expect((await Promise.all(writes)).map(({ ack }) => ack)).toEqual(['fsync', 'fsync', 'fsync'])
  expect(target.calls.slice(6)).toEqual(['apply b', 'apply c'])
})

test('a failed sync refuses all that waits and gives its room back; the next write is tried anew', async () => {
  const { target, queue } = openQueue()
  const first = queue.submit(batch('a', 40), 'fsync')
  const second = queue.submit(batch('b', 40), 'fsync')
  await tick()
  target.syncs[0]!.reject(new Error('EIO'))
  await expect(first).rejects.toThrow('EIO')
  await expect(second).rejects.toThrow('EIO')
  expect(target.calls).toEqual(['log a', 'sync', 'log b', 'abandon a b'])
  const third = queue.submit(batch('c', 100), 'fsync')
  await tick()
  target.syncs[1]!.resolve()
  expect((await third).written).toBe(1)
  expect(target.calls.slice(4)).toEqual(['log c', 'sync', 'apply c'])
})

test('nothing is logged while a large batch is, and syncs go on', async () => {
  const { target, queue } = openQueue()
  const writes = ['a', 'large', 'b'].map((name) => queue.submit(batch(name), 'fsync'))
  await tick()
  expect(target.calls).toEqual(['log a', 'sync', 'log large'])
  target.syncs[0]!.resolve()
  await writes[0]
  expect(target.calls.slice(3)).toEqual(['apply a'])
  target.steps[0]!.whole()
  await tick()
  expect(target.calls.slice(4)).toEqual(['sync', 'log b'])
  target.syncs[1]!.resolve()
  await writes[1]
  await tick()
  target.syncs[2]!.resolve()
  await Promise.all(writes)
  expect(target.calls.slice(6)).toEqual(['apply large', 'sync', 'apply b'])
})

test('a large batch that is not logged is refused and gives its room back', async () => {
  const { target, queue } = openQueue()
  const write = queue.submit(batch('large', 60), 'fsync')
  const next = queue.submit(batch('b', 60), 'fsync')
  await tick()
  target.steps[0]!.fail(new Error('ENOSPC'))
  await expect(write).rejects.toThrow('ENOSPC')
  await tick()
  target.syncs[0]!.resolve()
  await next
  expect(target.calls).toEqual(['log large', 'log b', 'sync', 'apply b'])
})

test('a large batch is refused by a sync that fails in the turn in which its record is whole', async () => {
  const { target, queue } = openQueue()
  const first = queue.submit(batch('a'), 'fsync')
  const large = queue.submit(batch('large'), 'fsync')
  await tick()
  target.syncs[0]!.reject(new Error('EIO'))
  target.steps[0]!.whole()
  await expect(first).rejects.toThrow('EIO')
  await expect(large).rejects.toThrow('EIO')
  expect(target.calls).toEqual(['log a', 'sync', 'log large', 'abandon a large'])
})

test('an exclusive action runs after a failed sync too, once what waited is refused', async () => {
  const { target, queue } = openQueue()
  const write = queue.submit(batch('a'), 'fsync')
  const action = queue.exclusive(async () => void target.calls.push('action'))
  await tick()
  target.syncs[0]!.reject(new Error('EIO'))
  await expect(write).rejects.toThrow('EIO')
  await action
  expect(target.calls).toEqual(['log a', 'sync', 'abandon a', 'action'])
})

test('closing runs its action last and refuses what comes after it', async () => {
  const { target, queue } = openQueue()
  const write = queue.submit(batch('a'), 'fsync')
  const closed = queue.close(async () => void target.calls.push('close'))
  await expect(queue.submit(batch('b'), 'fsync')).rejects.toMatchObject({ code: 'unavailable' })
  await expect(queue.exclusive(async () => {})).rejects.toMatchObject({ code: 'unavailable' })
  await tick()
  target.syncs[0]!.resolve()
  await write
  await closed
  expect(target.calls).toEqual(['log a', 'sync', 'apply a', 'close'])
})

test('a batch that the log refuses gives its room back and spares the others', async () => {
  const { target, queue } = openQueue()
  target.refusal = new Error('no space')
  await expect(queue.submit(batch('a', 60), 'fsync')).rejects.toThrow('no space')
  expect(target.room).toBe(100)
  target.refusal = null
  const next = queue.submit(batch('b', 60), 'fsync')
  await tick()
  target.syncs[0]!.resolve()
  await next
  expect(target.calls).toEqual(['log b', 'sync', 'apply b'])
})

test('room is made only when what was logged is applied, and a batch larger than all room is refused', async () => {
  const { target, queue } = openQueue()
  const first = queue.submit(batch('a', 80), 'fsync')
  const second = queue.submit(batch('b', 80), 'fsync')
  const third = queue.submit(batch('c', 101), 'fsync')
  await tick()
  expect(target.calls).toEqual(['log a', 'sync'])
  target.syncs[0]!.resolve()
  await first
  await tick()
  expect(target.calls.slice(2)).toEqual(['apply a', 'room', 'log b', 'sync'])
  target.syncs[1]!.resolve()
  await second
  await expect(third).rejects.toMatchObject({ code: 'too_large' })
  expect(target.calls).not.toContain('log c')
})

test('ack=memory answers before the sync, which a timer brings, but never overtakes a write that waits', async () => {
  const { target, queue, timers } = openQueue()
  expect((await queue.submit(batch('a'), 'memory')).ack).toBe('memory')
  expect(target.calls).toEqual(['log a', 'apply a'])
  timers[0]!()
  await tick()
  expect(target.calls.slice(2)).toEqual(['sync'])
  let isAnswered = false
  const second = queue.submit(batch('b'), 'memory').then(() => (isAnswered = true))
  await tick()
  expect(isAnswered).toBe(false)
  target.syncs[0]!.resolve()
  await tick()
  target.syncs[1]!.resolve()
  await second
  expect(target.calls.slice(3)).toEqual(['log b', 'sync', 'apply b'])
})

test('an exclusive action waits for all before it and holds all after it', async () => {
  const { target, queue } = openQueue()
  const first = queue.submit(batch('a'), 'fsync')
  const action = queue.exclusive(async () => void target.calls.push('action'))
  const second = queue.submit(batch('b'), 'fsync')
  await tick()
  expect(target.calls).toEqual(['log a', 'sync'])
  target.syncs[0]!.resolve()
  await first
  await action
  await tick()
  target.syncs[1]!.resolve()
  await second
  expect(target.calls).toEqual(['log a', 'sync', 'apply a', 'action', 'log b', 'sync', 'apply b'])
})

test('while a batch is applied in steps others are logged, but applied and synced after it', async () => {
  const { target, queue } = openQueue()
  let applied!: () => void
  target.applying = new Promise((resolve) => (applied = resolve))
  const first = queue.submit(batch('a'), 'fsync')
  await tick()
  target.syncs[0]!.resolve()
  await tick()
  const others = [queue.submit(batch('b'), 'memory'), queue.submit(batch('c'), 'fsync')]
  const action = queue.exclusive(async () => void target.calls.push('action'))
  await tick()
  expect(target.calls).toEqual(['log a', 'sync', 'apply a', 'log b', 'log c'])
  applied()
  await first
  await tick()
  target.syncs[1]!.resolve()
  await Promise.all([...others, action])
  expect(target.calls.slice(5)).toEqual(['sync', 'apply b', 'apply c', 'action'])
})

test('a write with ack=memory that is applied in steps holds all after it', async () => {
  const { target, queue } = openQueue()
  let applied!: () => void
  target.applying = new Promise((resolve) => (applied = resolve))
  const first = queue.submit(batch('a'), 'memory')
  const second = queue.submit(batch('b'), 'memory')
  await tick()
  expect(target.calls).toEqual(['log a', 'apply a'])
  applied()
  await Promise.all([first, second])
  expect(target.calls).toEqual(['log a', 'apply a', 'log b', 'apply b'])
})

test('a large batch waits for its sync whatever its ack, because a copy of it would have to be kept', async () => {
  const { target, queue } = openQueue()
  const large = batch('a')
  Object.assign(large, { arenaBytes: 5 << 20 })
  const write = queue.submit(large, 'memory')
  await tick()
  expect(target.calls).toEqual(['log a', 'sync'])
  target.syncs[0]!.resolve()
  expect((await write).ack).toBe('memory')
  expect(target.calls).toEqual(['log a', 'sync', 'apply a'])
})

test('very many names get their ids before room is looked for, and nothing is logged meanwhile', async () => {
  const { target, queue } = openQueue()
  let prepared!: () => void
  target.preparing = new Promise((resolve) => (prepared = resolve))
  target.isLogFull = true
  const writes = ['many', 'b'].map((name) => queue.submit(batch(name), 'memory'))
  await tick()
  expect(target.calls).toEqual(['prepare many'])
  prepared()
  await tick()
  expect(target.calls).toEqual([
    'prepare many',
    'room',
    'log many',
    'apply many',
    'log b',
    'apply b',
  ])
  await Promise.all(writes)
})

test('a batch whose names cannot get their ids is refused and takes no room', async () => {
  const { target, queue } = openQueue()
  target.preparing = Promise.reject(new Error('busy'))
  await expect(queue.submit(batch('many', 60), 'fsync')).rejects.toThrow('busy')
  await queue.submit(batch('b', 100), 'memory')
  expect(target.calls).toEqual(['prepare many', 'log b', 'apply b'])
})
