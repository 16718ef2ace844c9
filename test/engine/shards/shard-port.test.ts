import { expect, it } from 'vitest'
import { OmenError } from '../../../engine/error.ts'
import {
  type ShardPort,
  errorOf,
  failureOf,
  unanswered,
} from '../../../engine/shards/shard-port.ts'

/** What a call of a port answers. */
type Answer = Awaited<ReturnType<ShardPort['write']>>

it('an error of a shard is the same error behind a structured clone', () => {
  const details = { retryAfter: 1, pointer: '/where', cause: new Error('inner') }
  const sent: Answer = failureOf(new OmenError('busy', 'shard: 5 too many', details))
  const received = structuredClone(sent)
  if (received.kind !== 'failed') throw new Error(received.kind)
  const error = errorOf(received)
  expect(error).toBeInstanceOf(OmenError)
  expect(error).toMatchObject({ code: 'busy', message: 'shard: 5 too many' })
  expect(error.details).toEqual({ retryAfter: 1, pointer: '/where' })
})

it('what is no error of ours crosses as internal', () => {
  expect(failureOf(new TypeError('x is no function'))).toMatchObject({
    code: 'internal',
    message: 'x is no function',
  })
  expect(failureOf('odd').message).toBe('odd')
})

it('a call that did not come through is unavailable, or busy where the object says so', () => {
  const lost = unanswered('a/1', new Error('Network connection lost.'))
  expect(lost).toMatchObject({ code: 'unavailable', details: { retryAfter: 1 } })
  expect(lost.message).toBe("shard 'a/1': it did not answer: Network connection lost.")
  const overloaded = Object.assign(new Error('Durable Object is overloaded.'), { overloaded: true })
  expect(unanswered('a/1', overloaded)).toMatchObject({ code: 'busy', details: { retryAfter: 1 } })
  const other = Object.assign(new Error('reset'), { overloaded: false })
  expect(unanswered('a/1', other).code).toBe('unavailable')
})
