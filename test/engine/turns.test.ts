import { expect, test } from 'vitest'
import { takeTurns } from '../../engine/turns.ts'

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
