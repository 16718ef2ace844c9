import { expect, test } from 'vitest'
import { Admission } from '../../../engine/query/admission.ts'

const nothing = (): void => {}

/** An action that ends when told to. */
function openEnded(): {
  action: () => Promise<string>
  end: (text: string) => void
  begun: boolean
} {
  const state = {
    begun: false,
    end: (_text: string): void => {},
    action: (): Promise<string> => {
      state.begun = true
      return new Promise((resolve) => (state.end = resolve))
    },
  }
  return state
}

test('queries beyond the limit wait in line, those beyond the line are refused', async () => {
  const admission = new Admission({ running: 1, waiting: 2 })
  const queries = [openEnded(), openEnded(), openEnded()]
  const answers = queries.map(({ action }) => admission.run(action, nothing, undefined))
  expect(admission.counts).toEqual({ running: 1, waiting: 2 })
  expect(queries.map(({ begun }) => begun)).toEqual([true, false, false])
  await expect(admission.run(openEnded().action, nothing, undefined)).rejects.toMatchObject({
    code: 'busy',
    details: { retryAfter: 1 },
  })
  for (const [i, query] of queries.entries()) {
    query.end(`answer ${i}`)
    expect(await answers[i]).toBe(`answer ${i}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(admission.counts).toEqual({ running: 0, waiting: 0 })
})

test('a query that fails gives its place to the next', async () => {
  const admission = new Admission({ running: 1, waiting: 1 })
  const first = admission.run(() => Promise.reject(new Error('no')), nothing, undefined)
  const second = admission.run(() => Promise.resolve('yes'), nothing, undefined)
  await expect(first).rejects.toThrow('no')
  expect(await second).toBe('yes')
  expect(admission.counts.running).toBe(0)
})

test('who leaves the line is never run and keeps no place', async () => {
  const admission = new Admission({ running: 1, waiting: 1 })
  const running = openEnded()
  const answer = admission.run(running.action, nothing, undefined)
  const controller = new AbortController()
  const left = openEnded()
  const leaving = admission.run(left.action, nothing, controller.signal)
  controller.abort()
  await expect(leaving).rejects.toMatchObject({ code: 'cancelled' })
  expect(admission.counts).toEqual({ running: 1, waiting: 0 })
  running.end('done')
  await answer
  expect([left.begun, admission.counts.running]).toEqual([false, 0])
})

test('who waited longer than it may is not run', async () => {
  const admission = new Admission({ running: 1, waiting: 1 })
  const running = openEnded()
  const answer = admission.run(running.action, nothing, undefined)
  const late = openEnded()
  const refused = admission.run(
    late.action,
    () => {
      throw new Error('too late')
    },
    undefined,
  )
  running.end('done')
  await answer
  await expect(refused).rejects.toThrow('too late')
  expect([late.begun, admission.counts.running]).toEqual([false, 0])
})
