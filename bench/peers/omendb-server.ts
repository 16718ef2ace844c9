// OmenDB behind its REST API, as `npm run build` made it.

import { join } from 'node:path'
import type { PointSet } from './point-set.ts'
import { HttpServer, freePort } from './http-server.ts'
import { BODY_BYTES, requestOf } from './omendb.ts'
import { type Peer, groupRows } from './peer.ts'
import { writeLines } from './text-files.ts'

interface Answer {
  readonly columns: readonly { readonly name: string }[]
  readonly series: readonly {
    readonly tags: Readonly<Record<string, string>>
    readonly time: readonly number[]
    readonly fields: Readonly<Record<string, readonly number[]>>
  }[]
  readonly cursor?: string | null
}

export async function openOmenDbServer(directory: string): Promise<Peer> {
  const port = await freePort()
  const data = join(directory, 'omendb')
  const args = ['dist/cli.js', 'serve', '--port', String(port), '--data', data]
  const server = await HttpServer.start(process.execPath, args, { port, readyPath: '/health' })
  const file = join(directory, '..', 'lines')
  const json = { 'Content-Type': 'application/json' }
  let set: PointSet
  return {
    title: 'OmenDB, HTTP',
    loading: `line protocol, bodies of ${BODY_BYTES >> 20} MiB on two connections, fsync before each answer`,
    async prepare(all, lateShare) {
      set = all
      writeLines(file, all, lateShare)
    },
    load: () => server.sendLines('/v1/write?precision=ms', file, BODY_BYTES),
    settle: async () => {
      await new Promise((later) => setTimeout(later, 5_000))
    },
    async ask(question) {
      const body = JSON.stringify({ ...requestOf(set, question), time: 'ms' })
      const latest = `/v1/latest?table=${set.table}&time=ms&select=${question.fields.join(',')}`
      const answer =
        question.result === 'latest'
          ? await server.client.get(latest)
          : await server.client.send('POST', '/v1/query', body, json)
      return JSON.parse(answer.toString()) as Answer
    },
    rowsOf(question, answer) {
      const hasTime =
        question.every > 0 || question.result === 'raw' || question.result === 'latest'
      const { series } = answer as Answer
      return groupRows(
        series.flatMap(({ tags, time, fields }) => {
          const name = tags?.[set.tagKeys[0]!] ?? ''
          const columns = Object.values(fields)
          return time.map((milliseconds, row): [string, ...number[]] => [
            name,
            hasTime ? milliseconds : 0,
            ...columns.map((column) => column[row]!),
          ])
        }),
      )
    },
    servers: [server.process.pid!],
    close: () => server.stop(),
  }
}
