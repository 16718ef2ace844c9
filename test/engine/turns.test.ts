import { expect, test } from 'vitest'
import { giveTurns, takeTurns } from '../../engine/turns.ts'

test('of all that pause one goes on per macrotask, in the order they paused', async () => {
  let turn = 0
  const log: [string, number][] = []
  const pause = takeTurns(async () => {
    await new Promise((resolve) => setImmediate(resolve))
    turn++
  })
  const run = async (name: string): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await pause()
      log.push([name, turn])
    }
  }
  await Promise.all([run('a'), run('b'), run('c')])
  expect(log.map(([name]) => name).join('')).toBe('abcabcabc')
  expect(new Set(log.map(([, at]) => at)).size).toBe(9)
})

test('who awaits answer after answer that is there already lets the host have a turn', async () => {
  const follow = giveTurns(() => new Promise((resolve) => setImmediate(resolve)))
  let turns = 0
  let isGoing = true
  const count = (): void => {
    turns++
    if (isGoing) setImmediate(count)
  }
  setImmediate(count)
  for (let i = 0; i < 100; i++) expect(await follow(Promise.resolve(i))).toBe(i)
  isGoing = false
  expect(turns).toBeGreaterThanOrEqual(5)
  await expect(follow(Promise.reject(new Error('x')))).rejects.toThrow('x')
})
