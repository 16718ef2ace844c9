import { describe, expect, test } from 'vitest'
import { Cache } from '../../engine/segment/cache.ts'
import { run, runAsync, runSync } from '../../engine/drive.ts'
import { OmenError } from '../../engine/error.ts'
import type { Execution } from '../../engine/step.ts'
import { openKernel } from '../kernel.ts'

const { memory } = await openKernel()
const cache = new Cache(memory, 1 << 20)
const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i)

function readAt(file: string, offset: number, target: Uint8Array): number {
  if (file !== 'a') throw new OmenError('corrupt', `${file}: the file is missing`)
  const part = bytes.subarray(offset, offset + target.length)
  target.set(part)
  return part.length
}

let pauses = 0
const pause = async (): Promise<void> => {
  pauses++
}
type Drive = <T>(execution: Execution<T>, check?: () => void) => Promise<T>
const drivers: [string, Drive][] = [
  [
    'runSync',
    async (execution, check) => runSync(execution, { cache, source: { read: readAt }, check }),
  ],
  ['run', (execution, check) => run(execution, { cache, source: { read: readAt }, pause, check })],
  [
    'runAsync',
    (execution, check) => {
      const source = {
        read: async (file: string, offset: number, target: Uint8Array): Promise<number> => {
          expect(target.buffer).not.toBe(memory.wasm.buffer)
          await Promise.resolve()
          return readAt(file, offset, target)
        },
      }
      return runAsync(execution, { cache, source, pause, check })
    },
  ],
]

function* sumOf(file: string, ranges: [number, number][]): Execution<number> {
  let sum = 0
  for (const [offset, size] of ranges) {
    yield { pause: true }
    const region = yield { read: { file, offset, size } }
    for (const byte of memory.bytes(region)) sum += byte
    memory.release(region)
  }
  return sum
}

describe.each(drivers)('%s', (_name, drive) => {
  test('answers reads and returns the result', async () => {
    const expected = bytes.slice(10, 20).reduce((a, b) => a + b, 0) + bytes[999]!
    const ranges: [number, number][] = [
      [10, 10],
      [999, 1],
      [5, 0],
    ]
    expect(await drive(sumOf('a', ranges))).toBe(expected)
  })

  test('leaks no region, whatever fails', async () => {
    const used = memory.used
    await expect(drive(sumOf('b', [[0, 1]]))).rejects.toThrow('b: the file is missing')
    await expect(drive(sumOf('a', [[995, 10]]))).rejects.toThrow(/a: ends at 1000, 5 bytes short/)
    await expect(drive(sumOf('a', [[2000, 10]]))).rejects.toMatchObject({ code: 'corrupt' })
    expect(memory.used).toBe(used)
  })

  test('throws a cancel into the execution, whose finally runs', async () => {
    let hasEnded = false
    function* endless(): Execution<void> {
      try {
        while (true) yield { pause: true }
      } finally {
        hasEnded = true
      }
    }
    let steps = 0
    const check = (): void => {
      if (++steps > 5) throw new OmenError('cancelled', 'cancelled')
    }
    await expect(drive(endless(), check)).rejects.toMatchObject({ code: 'cancelled' })
    expect(hasEnded).toBe(true)
  })

  test('asks before the first step, too: what it reads may be gone by then', async () => {
    let hasBegun = false
    function* reading(): Execution<void> {
      hasBegun = true
      yield { pause: true }
    }
    const check = (): void => {
      throw new OmenError('cancelled', 'cancelled')
    }
    await expect(drive(reading(), check)).rejects.toMatchObject({ code: 'cancelled' })
    expect(hasBegun).toBe(false)
  })

  test('lets an execution recover from a failed read', async () => {
    function* recovering(): Execution<string> {
      try {
        yield { read: { file: 'b', offset: 0, size: 1 } }
      } catch (error) {
        const region = yield { read: { file: 'a', offset: 0, size: 1 } }
        memory.release(region)
        return (error as OmenError).code
      }
      return 'read'
    }
    expect(await drive(recovering())).toBe('corrupt')
  })

  test('passes on what the execution throws', async () => {
    const broken = function* (): Execution<void> {
      yield { pause: true }
      throw new Error('broken')
    }
    await expect(drive(broken())).rejects.toThrow('broken')
  })
})

test('run gives way at every pause', async () => {
  pauses = 0
  const ranges: [number, number][] = [
    [0, 1],
    [1, 1],
  ]
  await run(sumOf('a', ranges), { cache, source: { read: readAt }, pause })
  expect(pauses).toBe(2)
})
