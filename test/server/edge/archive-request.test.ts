// Which database an archive is of.

import { expect, test } from 'vitest'
import { archiveRequest } from '../../../server/edge/archive-request.ts'

const ask = (search: string, databases: string[]): Request =>
  archiveRequest(new Request(`https://a.example/v1/backup${search}`), databases)

test('an archive of a deployment with several databases names one, which its shard is not told', () => {
  expect(ask('?db=metrics&since=7', ['default', 'metrics']).url).toBe(
    'https://a.example/v1/backup?since=7',
  )
  expect(ask('?since=7', ['default']).url).toBe('https://a.example/v1/backup?since=7')
  expect(ask('', []).url).toBe('https://a.example/v1/backup')
})

test('one that names none is refused, so that nobody takes a part for the whole', () => {
  expect(() => ask('', ['metrics'])).toThrow(/there are 2 databases/)
  expect(() => ask('?since=7', ['default', 'a', 'b'])).toThrow(/there are 3 databases/)
})

test('what is sent goes on with its method, headers and body', async () => {
  const sent = new Request('https://a.example/v1/restore?db=metrics', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-tar' },
    body: 'archive',
  })
  const request = archiveRequest(sent, ['metrics'])
  expect([request.method, request.headers.get('content-type')]).toEqual([
    'POST',
    'application/x-tar',
  ])
  expect(await request.text()).toBe('archive')
})
