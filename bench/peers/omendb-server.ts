// OmenDB behind its REST API, as `npm run build` made it.

import { join } from 'node:path'
import { freePort } from '../../test/free-port.ts'
import { BODY_BYTES, HttpServer, LINES_LOADING } from './http-server.ts'
import { compactDirectory, requestOf } from './omendb.ts'
import { type Peer, groupRows } from './peer.ts'
import type { SetShape } from './point-set.ts'

interface Answer {
  readonly columns: readonly { readonly name: string }[]
  readonly series: readonly {
    readonly tags: Readonly<Record<string, string>>
    readonly time: readonly number[]
    readonly fields: Readonly<Record<string, readonly number[]>>
  }[]
  readonly cursor?: string | null
}

export async function openOmenDbServer(directory: string, shape: SetShape): Promise<Peer> {
  const port = await freePort()
  const data = join(directory, 'omendb')
  const args = ['dist/cli.js', 'serve', '--port', String(port), '--data', data]
  const server = await HttpServer.start(process.execPath, args, { port, readyPath: '/health' })
  const { client } = server
  const json = { 'Content-Type': 'application/json' }
  return {
    title: 'OmenDB, HTTP',
    loading: `${LINES_LOADING}, fsync before each answer`,
    settling: 'stopped, which flushes, and compacted in process',
    create: async () => {},
    load: (file) => server.sendLines('/v1/write?precision=ms', file, BODY_BYTES),
    settle: async () => {
      await server.stop()
      await compactDirectory(data)
    },
    async ask(question) {
      const body = JSON.stringify({ ...requestOf(shape, question), time: 'ms' })
      const latest = `/v1/latest?table=${shape.table}&time=ms&select=${question.fields.join(',')}`
      const answer =
        question.result === 'latest'
          ? await client.get(latest)
          : await client.send('POST', '/v1/query', body, json)
      return JSON.parse(answer.toString()) as Answer
    },
    rowsOf(question, answer) {
      const hasTime =
        question.every > 0 || question.result === 'raw' || question.result === 'latest'
      const { series } = answer as Answer
      return groupRows(
        series.flatMap(({ tags, time, fields }) => {
          const name = tags?.[shape.tagKeys[0]!] ?? ''
          const columns = Object.values(fields)
          return time.map((milliseconds, row): [string, ...number[]] => [
            name,
            hasTime ? milliseconds : 0,
            ...columns.map((column) => column[row]!),
          ])
        }),
      )
    },
    askNothing: () => client.get('/health'),
    server: server.process.pid!,
    close: () => server.stop(),
  }
}
